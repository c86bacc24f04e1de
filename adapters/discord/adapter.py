"""Discord as a platform of ours: posts and edits for the outbox, a connection that lasts."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Collection

import discord

from adapters.discord.api.errors import DROPPED
from adapters.discord.api.rate_limits import REQUESTS_PER_S, Budget, Routes
from adapters.discord.api.requests import Attempts, redirected_webhooks
from adapters.discord.client import TsuzukiClient
from adapters.discord.delivery.edit_pacing import CHANGE_EVERY_S, OldMessages, Pace
from adapters.discord.delivery.posts import AskerOf, Posts, Waits
from adapters.discord.delivery.threads import Threads
from adapters.discord.delivery.user_installed import Abroad
from adapters.discord.payloads.messages import PLATFORM
from adapters.discord.render.replies import MAX_CONTENT, RESERVED, measure
from adapters.shared.double_clicks import DoubleClicks
from adapters.shared.heartbeat import keep_beating
from adapters.shared.ports import Limits, Play
from bot.aio.clock import Clock, SystemClock
from bot.domain.chat import Author, Room
from bot.domain.errors import ConfigurationError
from bot.domain.ports import Heartbeats, Translate
from bot.domain.replies import Reply
from bot.text.text_file import MAX_CHARACTERS

_log = logging.getLogger(__name__)

PORTAL = "https://discord.com/developers/applications"
BAD_TOKEN = 4004
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0


class DiscordAdapter:
    """The bot's presence on Discord. `attach` a play before `run`.

    `requests_per_s`: this process's share of what Discord takes of the whole bot.
    """

    name = PLATFORM
    limits = Limits(max_units=MAX_CONTENT - RESERVED, changes_per_period=1, period_s=CHANGE_EVERY_S)

    def __init__(
        self,
        token: str,
        say: Translate,
        *,
        api_url: str | None = None,
        clock: Clock | None = None,
        requests_per_s: float = REQUESTS_PER_S,
        max_file_characters: int = MAX_CHARACTERS,
    ) -> None:
        self._token = token.strip()
        self._say = say
        self._api_url = api_url
        self._clock = clock or SystemClock()
        abroad, old = Abroad(self._clock, api_url), OldMessages(self._clock)
        self._budget, routes = Budget(self._clock, requests_per_s), Routes(self._clock)
        pace = Pace(self._budget, routes, self._clock)
        self._posts = Posts(say, Waits(self._clock), abroad, old, self._budget, pace)
        self._attempts = Attempts(self._budget, routes, api_url)
        self._max_file_characters = max_file_characters
        self._heartbeats: Heartbeats | None = None
        self._listening: TsuzukiClient | None = None
        self._play: Play | None = None
        self._threads: Threads | None = None
        self._intents = discord.Intents.default()
        self._intents.message_content = True

    def attach(self, play: Play) -> None:
        """Who hears what people say."""
        self._play = play
        self._posts.asker_of = asker_by(play)
        self._threads = Threads(play, self._say, self._posts)

    def remember_in(self, heartbeats: Heartbeats) -> None:
        """Keep there until when Discord was heard, and catch up with what is missing; before it runs."""
        self._heartbeats = heartbeats

    def measure(self, text: str) -> int:
        """Code points that `text` takes once escaped."""
        return measure(text)

    async def post(self, room: Room, draft: Reply, key: str) -> str:
        """Post a message, once for a key. Raises RetryLater, Undeliverable, ToldElsewhere."""
        return await self._opened().post(room, draft, key)

    async def edit(self, room: Room, message_id: str, draft: Reply) -> None:
        """Make an earlier message show `draft`. Raises RetryLater or Undeliverable."""
        await self._posts.edit(room, message_id, draft)

    async def remove(self, room: Room, message_id: str) -> None:
        """Take away a message of ours. Raises RetryLater or Undeliverable."""
        await self._posts.remove(room, message_id)

    async def seconds_until_due(self, room: Room, message_id: str, draft: Reply) -> float:
        """For how many seconds yet a reply that is not finished leaves the bot's budget to the others."""
        return self._posts.rest_s(room, message_id, draft)

    def _opened(self) -> Threads:
        if self._threads is None:
            raise RuntimeError("attach a play before anything is posted")
        return self._threads

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises:
            ConfigurationError: the token is missing or refused.
        """
        if self._play is None:
            raise RuntimeError("attach a play before run()")
        if not re.fullmatch(r"[\x21-\x7e]+", self._token):
            raise ConfigurationError(_bad_token("is missing or holds characters that no token has"))
        beating = asyncio.create_task(self._beat())
        try:
            with redirected_webhooks(self._api_url):
                await self._stay(self._play)
        finally:
            beating.cancel()

    async def _beat(self) -> None:
        if self._heartbeats is not None:
            await keep_beating(self._heartbeats, PLATFORM, self._clock, self._hearing)

    def _hearing(self) -> Collection[str]:
        return self._listening.hearing() if self._listening is not None else ()

    async def _stay(self, play: Play) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            client = self._client(play)
            try:
                await self._connection(client)
                continue_after = "the connection was closed"
            except discord.PrivilegedIntentsRequired:
                self._go_without_content()
                continue
            except discord.LoginFailure as error:
                raise ConfigurationError(_bad_token("is refused by Discord")) from error
            except discord.ConnectionClosed as error:
                if error.code == BAD_TOKEN:
                    raise ConfigurationError(_bad_token("is refused by Discord")) from error
                continue_after = f"the gateway closed with {error.code}"
            except (discord.DiscordException, *DROPPED) as error:
                continue_after = f"{type(error).__name__}"
            if client.was_connected:
                wait_s = FIRST_WAIT_S
            _log.warning("Not connected to Discord (%s); trying again in %.0f s", continue_after, wait_s)
            await self._clock.sleep(wait_s)
            wait_s = min(LONGEST_WAIT_S, wait_s * 2)

    def _client(self, play: Play) -> TsuzukiClient:
        return TsuzukiClient(
            play,
            self._say,
            self._posts,
            self._opened(),
            self._clock.sleep,
            DoubleClicks(self._clock),
            intents=self._intents,
            api_url=self._api_url,
            http_trace=self._attempts.trace(),
            budget=self._budget,
            heartbeats=self._heartbeats,
            max_file_characters=self._max_file_characters,
        )

    async def _connection(self, client: TsuzukiClient) -> None:
        self._listening = client
        try:
            async with client:
                await client.start(self._token)
        finally:
            self._listening = None
            self._posts.connect(None)

    def _go_without_content(self) -> None:
        self._intents.message_content = False
        _log.warning(
            "Discord does not give this bot the content of messages. Mentions, replies that ping it, direct "
            "messages and /continue work without it. To let people write in a story's thread without a "
            "mention, switch on 'Message Content Intent' at %s (your application, Bot, Privileged Gateway "
            "Intents) and start again.",
            PORTAL,
        )


def asker_by(play: Play) -> AskerOf:
    """Who asked for a passage, as the story knows it."""

    async def asker_of(passage_id: str) -> Author | None:
        return (await play.passage(passage_id)).asker

    return asker_of


def _bad_token(what: str) -> str:
    return (
        f"The Discord token {what}. Set DISCORD_TOKEN to the token of your bot: {PORTAL}, your application, "
        "Bot, Reset Token."
    )
