"""Discord as a platform of ours: posts and edits for the outbox, a connection that lasts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection

import discord
import structlog

from adapters.discord.api.rate_limits import REQUESTS_PER_S, RequestBudget, RouteLimits
from adapters.discord.api.requests import CONNECTION_ERRORS, RequestTrace, redirected_webhooks
from adapters.discord.client import TsuzukiClient
from adapters.discord.delivery.edit_pacing import CHANGE_EVERY_S, EditScheduler, OldMessageLimit
from adapters.discord.delivery.posts import Posts, ReplyWaits
from adapters.discord.delivery.threads import StoryThreads
from adapters.discord.delivery.user_installed import UserInstalledRooms
from adapters.discord.doctor import PORTAL
from adapters.discord.payloads.messages import PLATFORM
from adapters.discord.render.replies import MAX_CONTENT, RESERVED, measure
from adapters.shared.double_clicks import DoubleClicks
from adapters.shared.heartbeat import keep_beating
from bot.aio.clock import Clock, SystemClock
from bot.aio.retry import Backoff
from bot.core.services import Services
from bot.domain.chat import Room
from bot.domain.errors import ConfigurationError
from bot.domain.ports import Limits, Translate
from bot.domain.replies import Reply
from bot.domain.repositories import Heartbeats
from bot.text.text_file import MAX_CHARACTERS

_log = structlog.get_logger(__name__)

BAD_TOKEN = 4004
RECONNECT = Backoff(first_s=1.0, longest_s=60.0)


class DiscordAdapter:
    """The bot's presence on Discord. `attach` a play before `run`.

    `requests_per_s`: this process's share of what Discord takes of the whole bot.
    """

    name = PLATFORM
    limits = Limits(max_units=MAX_CONTENT - RESERVED, changes_per_period=1, period_s=CHANGE_EVERY_S)

    def __init__(
        self,
        token: str,
        translate: Translate,
        *,
        api_url: str | None = None,
        clock: Clock | None = None,
        requests_per_s: float = REQUESTS_PER_S,
        max_file_characters: int = MAX_CHARACTERS,
    ) -> None:
        self._token = token.strip()
        self._translate = translate
        self._api_url = api_url
        self._clock = clock or SystemClock()
        user_installed, old_messages = UserInstalledRooms(self._clock, api_url), OldMessageLimit(self._clock)
        self._budget, routes = RequestBudget(self._clock, requests_per_s), RouteLimits(self._clock)
        scheduler = EditScheduler(self._budget, routes, self._clock)
        self._posts = Posts(
            translate, ReplyWaits(self._clock), user_installed, old_messages, self._budget, scheduler
        )
        self._request_trace = RequestTrace(self._budget, routes, api_url)
        self._max_file_characters = max_file_characters
        self._heartbeats: Heartbeats | None = None
        self._client_now: TsuzukiClient | None = None
        self._services: Services | None = None
        self._threads: StoryThreads | None = None
        self._intents = discord.Intents.default()
        self._intents.message_content = True

    def attach(self, services: Services) -> None:
        """Who hears what people say."""
        self._services = services
        self._posts.services = services
        self._threads = StoryThreads(services, self._translate, self._posts)

    def remember_in(self, heartbeats: Heartbeats) -> None:
        """Keep there until when Discord was heard, and catch up with what is missing; before it runs."""
        self._heartbeats = heartbeats

    def measure(self, text: str) -> int:
        """Code points that `text` takes once escaped."""
        return measure(text)

    async def post(self, room: Room, reply: Reply, key: str) -> str:
        """Post a message, once for a key. Raises RetryLater, Undeliverable, RoomMoved."""
        return await self._story_threads().post(room, reply, key)

    async def edit(self, room: Room, message_id: str, reply: Reply) -> None:
        """Make an earlier message show `reply`. Raises RetryLater or Undeliverable."""
        await self._posts.edit(room, message_id, reply)

    async def remove(self, room: Room, message_id: str) -> None:
        """Take away a message of ours. Raises RetryLater or Undeliverable."""
        await self._posts.remove(room, message_id)

    async def seconds_until_due(self, room: Room, message_id: str, reply: Reply) -> float:
        """For how many seconds yet a reply that is not finished leaves the bot's budget to the others."""
        return self._posts.seconds_until_due(room, message_id, reply)

    def _story_threads(self) -> StoryThreads:
        if self._threads is None:
            raise RuntimeError("attach a play before anything is posted")
        return self._threads

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises:
            ConfigurationError: the token is missing or refused.
        """
        if self._services is None:
            raise RuntimeError("attach a play before run()")
        if not re.fullmatch(r"[\x21-\x7e]+", self._token):
            raise ConfigurationError(_bad_token("is missing or holds characters that no token has"))
        beating = asyncio.create_task(self._record_heartbeats())
        try:
            with redirected_webhooks(self._api_url):
                await self._stay_connected(self._services)
        finally:
            beating.cancel()

    async def _record_heartbeats(self) -> None:
        if self._heartbeats is not None:
            await keep_beating(self._heartbeats, PLATFORM, self._clock, self._listening_to)

    def _listening_to(self) -> Collection[str]:
        return self._client_now.listening_to() if self._client_now is not None else ()

    async def _stay_connected(self, services: Services) -> None:
        failures = 0
        while True:
            client = self._new_client(services)
            try:
                await self._connection(client)
                continue_after = "the connection was closed"
            except discord.PrivilegedIntentsRequired:
                self._drop_message_content()
                continue
            except discord.LoginFailure as error:
                raise ConfigurationError(_bad_token("is refused by Discord")) from error
            except discord.ConnectionClosed as error:
                if error.code == BAD_TOKEN:
                    raise ConfigurationError(_bad_token("is refused by Discord")) from error
                continue_after = f"the gateway closed with {error.code}"
            except (discord.DiscordException, *CONNECTION_ERRORS) as error:
                continue_after = f"{type(error).__name__}"
            failures = 1 if client.was_connected else failures + 1
            wait_s = RECONNECT.wait_s(failures)
            _log.warning("Not connected to Discord (%s); trying again in %.0f s", continue_after, wait_s)
            await self._clock.sleep(wait_s)

    def _new_client(self, services: Services) -> TsuzukiClient:
        return TsuzukiClient(
            services,
            self._translate,
            self._posts,
            self._story_threads(),
            self._clock,
            DoubleClicks(self._clock),
            intents=self._intents,
            api_url=self._api_url,
            http_trace=self._request_trace.trace(),
            budget=self._budget,
            heartbeats=self._heartbeats,
            max_file_characters=self._max_file_characters,
        )

    async def _connection(self, client: TsuzukiClient) -> None:
        self._client_now = client
        try:
            async with client:
                await client.start(self._token)
        finally:
            self._client_now = None
            self._posts.connect(None)

    def _drop_message_content(self) -> None:
        self._intents.message_content = False
        _log.warning(
            "Discord does not give this bot the content of messages. Mentions, replies that ping it, direct "
            "messages and /continue work without it. To let people write in a story's thread without a "
            "mention, switch on 'Message Content Intent' at %s (your application, Bot, Privileged Gateway "
            "Intents) and start again.",
            PORTAL,
        )


def _bad_token(what: str) -> str:
    return (
        f"The Discord token {what}. Set DISCORD_TOKEN to the token of your bot: {PORTAL}, your application, "
        "Bot, Reset Token."
    )
