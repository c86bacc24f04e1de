"""The Slack adapter: builds its parts, connects, and shows drafts."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp
from slack_bolt.async_app import AsyncApp
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.slack.catchup.catch_up import CatchUp
from adapters.slack.catchup.channels import Channels
from adapters.slack.catchup.late_messages import Late
from adapters.slack.catchup.missed import CLOCKS_DIFFER_S
from adapters.slack.catchup.presence import Presence
from adapters.slack.connection.bolt_app import bolt_app, web_client
from adapters.slack.connection.credentials import Secrets, bad_bot_token
from adapters.slack.connection.http_server import HttpDoor
from adapters.slack.connection.in_flight import Inflight
from adapters.slack.connection.installations import Installations
from adapters.slack.connection.link_watch import LinkWatch
from adapters.slack.connection.manifest import BOT_SCOPES
from adapters.slack.connection.socket_mode import SocketLink
from adapters.slack.delivery.act_notices import Acts
from adapters.slack.delivery.render import STORY_BYTES, measure
from adapters.slack.listeners.actions import Buttons
from adapters.slack.listeners.app_home import Home
from adapters.slack.listeners.commands import Commands
from adapters.slack.listeners.export import Exports
from adapters.slack.listeners.messages import Hearing
from adapters.slack.listeners.registration import Listeners
from adapters.slack.listeners.settings_view import SettingsForm
from adapters.slack.listeners.shortcuts import Pointing
from adapters.slack.listeners.thread_commands import ThreadWords
from adapters.slack.payloads.events import PLATFORM, Bot, Place
from adapters.slack.web_api.errors import Refused
from adapters.slack.workspace import Workspace
from adapters.slack.workspaces import InstalledWorkspaces, OneWorkspace, Workspaces
from bot.aio.clock import Clock, SystemClock
from bot.aio.keyed_lock import KeyedLock
from bot.core.services import Services
from bot.domain.chat import Room
from bot.domain.errors import ConfigurationError, RetryLater
from bot.domain.ports import Limits, Translate
from bot.domain.replies import Reply, ReplyState
from bot.domain.repositories.heartbeats import Heartbeats

_CALL_TIMEOUT_S = 30.0
_DRAIN_S = 5.0
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 30.0
_PING_INTERVAL_S = 10.0

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


class SlackAdapter:
    """One app, in one workspace or in all that install it, by Socket Mode or HTTP.

    `post` and `edit` work before, while and after `run`, so that last words can still be sent on the way out.
    """

    name = PLATFORM
    limits = Limits(max_units=STORY_BYTES, changes_per_period=1, period_s=1.2)
    """What a workspace takes in all is shared out behind this, for each method."""

    def __init__(
        self,
        bot_token: str,
        say: Translate,
        *,
        app_token: str | None = None,
        signing_secret: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        mode: str = "socket",
        host: str = "127.0.0.1",
        port: int = 3000,
        api_url: str | None = None,
        clock: Clock | None = None,
        wall: Callable[[], float] = time.time,
        ping_interval_s: float = _PING_INTERVAL_S,
    ) -> None:
        given = (bot_token, app_token, signing_secret, client_id, client_secret)
        self._secrets = Secrets(*((each or "").strip() for each in given))
        self._mode = mode
        self._host = host
        self._port = port
        self._api_url = api_url
        self._ping_interval_s = ping_interval_s
        self._watch = LinkWatch(wall, ping_interval_s)
        self._say = say
        self._clock = clock or SystemClock()
        self._wall = wall
        self._connected = asyncio.Event()
        self._door: HttpDoor | None = None
        self._services: Services | None = None
        self._session: aiohttp.ClientSession | None = None
        self._installations: Installations | None = None
        self._heartbeats: Heartbeats | None = None
        self._inflight = Inflight()
        self._workspaces: Workspaces = OneWorkspace(self._built(self._secrets.bot_token, Bot("", "", "")))

    def attach(self, services: Services) -> None:
        """Give the adapter the play it speaks to; before `run`."""
        self._services = services

    def keep_in(self, engine: AsyncEngine) -> None:
        """Where installations are kept, where workspaces install the app by OAuth; before `run`."""
        if self._secrets.by_oauth:
            secrets = self._secrets
            installed = Installations(secrets.client_id, secrets.client_secret, engine, self._api_url)
            self._installations = installed
            self._workspaces = InstalledWorkspaces(installed, self._built)

    def remember_in(self, heartbeats: Heartbeats) -> None:
        """Where it is kept until when the app listened; before `run`."""
        self._heartbeats = heartbeats

    @property
    def port(self) -> int:
        """The port of the door: the bound one once `run` has opened it."""
        return self._door.port if self._door else self._port

    async def until_connected(self) -> None:
        """Wait until events can arrive."""
        await self._connected.wait()

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises:
            ConfigurationError: a token or secret is missing or refused; the message says which.
        """
        self._secrets.check(self._mode)
        if self._services is None:
            raise ConfigurationError("The Slack adapter has no play attached.")
        timeout = aiohttp.ClientTimeout(total=_CALL_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            self._use(session)
            try:
                await self._stay_connected(self._services)
            finally:
                self._connected.clear()
                self._use(None)

    def measure(self, text: str) -> int:
        """Bytes of UTF-8 once escaped."""
        return measure(text)

    async def post(self, room: Room, draft: Reply, key: str) -> str:
        """Post into the room's thread, once for a key; returns the message's id.

        Raises:
            RetryLater, Undeliverable
        """
        place = Place.of(room)
        return await (await self._workspaces.of(place.team)).replies.post(place, draft, key)

    async def edit(self, room: Room, message_id: str, draft: Reply) -> None:
        """Make an earlier message show `draft`.

        Raises:
            RetryLater, Undeliverable
        """
        place = Place.of(room)
        await (await self._workspaces.of(place.team)).replies.edit(place, message_id, draft)

    async def remove(self, room: Room, message_id: str) -> None:
        """Take away a message of ours.

        Raises:
            RetryLater, Undeliverable
        """
        place = Place.of(room)
        await (await self._workspaces.of(place.team)).replies.remove(place, message_id)

    async def seconds_until_due(self, room: Room, message_id: str, draft: Reply) -> float:
        """For how many seconds yet a growing text leaves the workspace's budget to the others.

        What people wait for they read at once.

        Raises:
            Undeliverable
        """
        if draft.state is not ReplyState.WRITING:
            return 0.0
        return (await self._workspaces.of(Place.of(room).team)).replies.rest_s(message_id)

    def _built(self, token: str, bot: Bot) -> Workspace:
        client = web_client(token, self._api_url)
        client.session = self._session
        return Workspace(client, self._say, self._clock, bot)

    def _use(self, session: aiohttp.ClientSession | None) -> None:
        self._session = session
        for workspace in self._workspaces.known():
            workspace.client.session = session

    async def _stay_connected(self, services: Services) -> None:
        if self._installations is not None:
            await self._installations.prepare()
        elif self._secrets.by_oauth:
            raise ConfigurationError("The Slack adapter has nowhere to keep installations.")
        else:
            await self._identify(await self._workspaces.of(""))
        app = bolt_app(self._secrets.signing_secret, self._api_url, self._workspaces)
        listeners, catch_up = self._listeners(services)
        listeners.register(app)
        presence = self._presence(catch_up)
        await presence.prepare()
        beating = asyncio.create_task(presence.run(self._connected))
        try:
            self._watch.on_return(presence.came_back)
            await self._link(app)
        finally:
            beating.cancel()
            # What was acknowledged is not sent again: it must be heard before we go.
            if not await self._inflight.drained(_DRAIN_S):
                _log.error("Slack: stopped while a message was still being heard")
            await presence.leave()
            for workspace in self._workspaces.known():
                await workspace.streams.end_all(workspace.bot.team_id)

    def _listeners(self, services: Services) -> tuple[Listeners, CatchUp]:
        say, clock, wall, in_order = self._say, self._clock, self._wall, KeyedLock()
        exports, settings = Exports(services, clock, wall), SettingsForm(services, say)
        acts = Acts(services, say)
        hearing = Hearing(services, ThreadWords(services, exports), acts, clock)
        late = Late(services, hearing, wall)
        channels = Channels(services, hearing, late, in_order, wall)
        catch_up = CatchUp(self._workspaces, services, late, channels, in_order, clock, wall)
        listeners = Listeners(
            self._workspaces,
            hearing,
            Commands(services, settings, say, clock),
            Buttons(services, say, acts, settings, clock),
            Pointing(services, acts, clock),
            settings,
            Home(services, exports, settings, say),
            say,
            clock,
            catch_up,
            in_order,
            self._inflight,
        )
        return listeners, catch_up

    def _presence(self, catch_up: CatchUp) -> Presence:
        return Presence(
            self._heartbeats,
            self._workspaces,
            catch_up,
            self._inflight,
            self._clock,
            lambda: self._watch.hears if self._mode == "socket" else self._connected.is_set(),
            self._watch.unsure_s if self._mode == "socket" else CLOCKS_DIFFER_S,
        )

    async def _link(self, app: AsyncApp) -> None:
        if self._mode == "http":
            self._door = HttpDoor(app, self._host, self._port, self._flow())
            await self._door.run(self._connected)
            return
        client = web_client(None, self._api_url)
        client.session = self._session
        flow = self._flow()
        if flow is None:
            await self._stay_linked(app, client)
            return
        self._door = HttpDoor(None, self._host, self._port, flow)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._door.run(asyncio.Event()))
                group.create_task(self._stay_linked(app, client))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _stay_linked(self, app: AsyncApp, client: AsyncWebClient) -> None:
        link = SocketLink(app, client, self._secrets.app_token, self._ping_interval_s, self._watch)
        ticket = await self._until_reachable(link.ticket)
        await link.run(ticket, self._connected)

    def _flow(self) -> AsyncOAuthFlow | None:
        if self._installations is None or not isinstance(self._workspaces, InstalledWorkspaces):
            return None
        return self._installations.flow(self._workspaces.renewed)

    async def _identify(self, workspace: Workspace) -> None:
        try:
            me, granted = await self._until_reachable(workspace.api.identity)
        except Refused as error:
            raise bad_bot_token(f"was refused by Slack ({error.code})") from None
        if granted is not None and (missing := BOT_SCOPES - granted):
            _log.warning(
                "The Slack app lacks scopes: %s. Reinstall it from the manifest.", ", ".join(sorted(missing))
            )
        # What stands for Slack in front of it may know less: events name the team, too.
        workspace.bot = Bot(*(str(me.get(name) or "") for name in ("team_id", "user_id", "bot_id")))

    async def _until_reachable(self, call: Callable[[], Awaitable[Result]]) -> Result:
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                return await call()
            except RetryLater as error:
                _log.warning("Slack cannot be asked yet (%s); trying again", error)
                await self._clock.sleep(wait_s if error.after_s is None else error.after_s)
                wait_s = min(_LONGEST_WAIT_S, wait_s * 2)
