"""The Slack adapter: builds its parts, connects, and shows drafts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp
from slack_bolt.async_app import AsyncApp

from adapters.base import Play
from adapters.slack.boltapp import bolt_app, web_client
from adapters.slack.budget import Budget
from adapters.slack.commands import Commands
from adapters.slack.httpdoor import HttpDoor
from adapters.slack.listeners import Listeners
from adapters.slack.people import People
from adapters.slack.postings import Postings
from adapters.slack.render import STORY_BYTES, measure, shown
from adapters.slack.socketlink import SocketLink
from adapters.slack.surface import BOT_SCOPES
from adapters.slack.telling import Telling
from adapters.slack.tokens import bad_bot_token, check
from adapters.slack.translate import PLATFORM, Bot, Place
from adapters.slack.trouble import Refused
from adapters.slack.webapi import WebApi
from bot.clock import Clock, SystemClock
from bot.errors import ConfigurationError, RetryLater
from bot.messages import Draft, Room, Say
from bot.seams import Limits

_CALL_TIMEOUT_S = 30.0
_DRAIN_S = 5.0
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 30.0
_PING_INTERVAL_S = 10.0

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


class SlackAdapter:
    """One app in one workspace, by Socket Mode or HTTP.

    `post` and `edit` work before, while and after `run`, so that last words can still be sent on the way out.
    """

    name = PLATFORM
    limits = Limits(max_units=STORY_BYTES, changes_per_period=1, period_s=1.2)
    """chat.update takes 50 a minute in a workspace: one story alone stays just within it."""

    def __init__(
        self,
        bot_token: str,
        say: Say,
        *,
        app_token: str | None = None,
        signing_secret: str | None = None,
        mode: str = "socket",
        host: str = "127.0.0.1",
        port: int = 3000,
        api_url: str | None = None,
        clock: Clock | None = None,
        ping_interval_s: float = _PING_INTERVAL_S,
    ) -> None:
        self._bot_token = (bot_token or "").strip()
        self._app_token = (app_token or "").strip()
        self._signing_secret = (signing_secret or "").strip()
        self._mode = mode
        self._host = host
        self._port = port
        self._api_url = api_url
        self._ping_interval_s = ping_interval_s
        self._say = say
        self._clock = clock or SystemClock()
        self._client = web_client(self._bot_token, api_url)
        self._api = WebApi(self._client, Budget(self._clock))
        self._postings = Postings(self._api)
        self._connected = asyncio.Event()
        self._door: HttpDoor | None = None
        self._play: Play | None = None
        self._bot = Bot("", "", "")

    def attach(self, play: Play) -> None:
        """Give the adapter the play it speaks to; before `run`."""
        self._play = play

    @property
    def port(self) -> int:
        """The port of HTTP mode: the bound one once `run` has opened it."""
        return self._door.port if self._door else self._port

    async def until_connected(self) -> None:
        """Wait until events can arrive."""
        await self._connected.wait()

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises:
            ConfigurationError: a token or secret is missing or refused; the message says which.
        """
        check(self._bot_token, self._app_token, self._signing_secret, self._mode)
        if self._play is None:
            raise ConfigurationError("The Slack adapter has no play attached.")
        timeout = aiohttp.ClientTimeout(total=_CALL_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            self._client.session = session
            try:
                await self._stay_connected(self._play)
            finally:
                self._connected.clear()
                self._client.session = None

    def measure(self, text: str) -> int:
        """Bytes of UTF-8 once escaped."""
        return measure(text)

    async def post(self, room: Room, draft: Draft, key: str) -> str:
        """Post into the room's thread, once for a key; returns the message's ts.

        Raises:
            RetryLater, Undeliverable
        """
        return await self._postings.post(Place.of(room), shown(draft), key)

    async def edit(self, room: Room, message_id: str, draft: Draft) -> None:
        """Make an earlier message show `draft`.

        Raises:
            RetryLater, Undeliverable
        """
        await self._api.update(Place.of(room).channel, message_id, shown(draft))

    async def _stay_connected(self, play: Play) -> None:
        self._bot = await self._identify()
        app = bolt_app(self._bot_token, self._signing_secret, self._api_url, lambda: self._bot)
        listeners = self._listeners(play)
        listeners.register(app)
        try:
            await self._link(app)
        finally:
            # What was acknowledged is not sent again: it must be heard before we go.
            if not await listeners.inflight.drained(_DRAIN_S):
                _log.error("Slack: stopped while a message was still being heard")

    def _listeners(self, play: Play) -> Listeners:
        people = People(self._api, self._clock)
        telling = Telling(self._api, self._postings, self._say, self._clock)
        commands = Commands(play, lambda: self._bot, people, self._postings, telling, self._say, self._clock)
        return Listeners(play, lambda: self._bot, people, self._postings, telling, commands)

    async def _link(self, app: AsyncApp) -> None:
        if self._mode == "http":
            self._door = HttpDoor(app, self._host, self._port)
            await self._door.run(self._connected)
        else:
            link = SocketLink(app, self._client, self._app_token, self._ping_interval_s)
            ticket = await self._until_reachable(link.ticket)
            await link.run(ticket, self._connected)

    async def _identify(self) -> Bot:
        try:
            me, granted = await self._until_reachable(self._api.identity)
        except Refused as error:
            raise bad_bot_token(f"was refused by Slack ({error.code})") from None
        if granted is not None and (missing := BOT_SCOPES - granted):
            _log.warning(
                "The Slack app lacks scopes: %s. Reinstall it from the manifest.", ", ".join(sorted(missing))
            )
        # What stands for Slack in front of it may know less: events name the team, too.
        return Bot(*(str(me.get(name) or "") for name in ("team_id", "user_id", "bot_id")))

    async def _until_reachable(self, call: Callable[[], Awaitable[Result]]) -> Result:
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                return await call()
            except RetryLater as error:
                _log.warning("Slack cannot be asked yet (%s); trying again", error)
                await self._clock.sleep(wait_s if error.after_s is None else error.after_s)
                wait_s = min(_LONGEST_WAIT_S, wait_s * 2)
