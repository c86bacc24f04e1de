"""The Slack adapter: builds its parts, connects, and shows replies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp
import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.catchup.catch_up import WorkspaceCatchUp
from adapters.slack.catchup.heartbeat import WorkspaceHeartbeat
from adapters.slack.catchup.missed_messages import MAX_CLOCK_SKEW_S
from adapters.slack.connection.bolt_app import bolt_app, web_client
from adapters.slack.connection.credentials import Credentials, bad_bot_token
from adapters.slack.connection.http_server import HttpServer
from adapters.slack.connection.installations import DatabaseEngine, Installations
from adapters.slack.connection.manifest import BOT_SCOPES
from adapters.slack.connection.socket_mode import ConnectionMonitor, SocketModeConnection
from adapters.slack.delivery.render import MAX_STORY_BYTES, measure
from adapters.slack.listeners.registration import InFlight, Listeners
from adapters.slack.payloads.events import PLATFORM, BotUser, SlackThread
from adapters.slack.web_api.errors import Refused
from adapters.slack.workspaces import InstalledWorkspaces, OneWorkspace, Workspace, Workspaces
from bot.aio.clock import Clock, SystemClock
from bot.aio.retry import Backoff, retry
from bot.core.services import Services
from bot.domain.chat import Room
from bot.domain.errors import ConfigurationError, RetryLater
from bot.domain.ports import Limits, Translate
from bot.domain.replies import Reply, ReplyState
from bot.domain.repositories import Heartbeats

_CALL_TIMEOUT_S = 30.0
_DRAIN_S = 5.0
_BACKOFF = Backoff(first_s=1.0, longest_s=30.0)
_PING_INTERVAL_S = 10.0

Result = TypeVar("Result")

_log = structlog.get_logger(__name__)


class SlackAdapter:
    """One app, in one workspace or in all that install it, by Socket Mode or HTTP.

    `post` and `edit` work before, while and after `run`, so that last words can still be sent on the way out.
    """

    name = PLATFORM
    limits = Limits(max_units=MAX_STORY_BYTES, changes_per_period=1, period_s=1.2)
    """What a workspace takes in all is shared out behind this, for each method."""

    def __init__(
        self,
        credentials: Credentials,
        translate: Translate,
        *,
        mode: str = "socket",
        host: str = "127.0.0.1",
        port: int = 3000,
        api_url: str | None = None,
        clock: Clock | None = None,
        wall: Callable[[], float] = time.time,
        ping_interval_s: float = _PING_INTERVAL_S,
    ) -> None:
        self._credentials = credentials
        self._mode = mode
        self._host = host
        self._port = port
        self._api_url = api_url
        self._ping_interval_s = ping_interval_s
        self._monitor = ConnectionMonitor(wall, ping_interval_s)
        self._translate = translate
        self._clock = clock or SystemClock()
        self._wall = wall
        self._connected = asyncio.Event()
        self._http_server: HttpServer | None = None
        self._services: Services | None = None
        self._session: aiohttp.ClientSession | None = None
        self._installations: Installations | None = None
        self._heartbeats: Heartbeats | None = None
        self._in_flight = InFlight()
        self._workspaces: Workspaces = OneWorkspace(
            self._build_workspace(self._credentials.bot_token, BotUser("", "", ""))
        )

    def attach(self, services: Services) -> None:
        """Give the adapter the services it calls; before `run`."""
        self._services = services

    def keep_in(self, engine: DatabaseEngine) -> None:
        """Where installations are kept, where workspaces install the app by OAuth; before `run`."""
        if self._credentials.uses_oauth:
            credentials = self._credentials
            installed = Installations(credentials.client_id, credentials.client_secret, engine, self._api_url)
            self._installations = installed
            self._workspaces = InstalledWorkspaces(installed, self._build_workspace)

    def remember_in(self, heartbeats: Heartbeats) -> None:
        """Where it is kept until when the app listened; before `run`."""
        self._heartbeats = heartbeats

    @property
    def port(self) -> int:
        """The port of the HTTP server: the bound one once `run` has opened it."""
        return self._http_server.port if self._http_server else self._port

    async def until_connected(self) -> None:
        """Wait until events can arrive."""
        await self._connected.wait()

    async def until_handled(self) -> bool:
        """Wait until all that was acknowledged is done; False where that takes too long."""
        return await self._in_flight.drained(_DRAIN_S)

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises:
            ConfigurationError: a token or secret is missing or refused; the message says which.
        """
        self._credentials.check(self._mode)
        if self._services is None:
            raise ConfigurationError("The Slack adapter has no services attached.")
        timeout = aiohttp.ClientTimeout(total=_CALL_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            self._use_session(session)
            try:
                await self._stay_connected(self._services)
            finally:
                self._connected.clear()
                self._use_session(None)

    def measure(self, text: str) -> int:
        """Bytes of UTF-8 once escaped."""
        return measure(text)

    async def post(self, room: Room, reply: Reply, key: str) -> str:
        """Post into the room's thread, once for a key; returns the message's id.

        Raises:
            RetryLater, Undeliverable
        """
        thread = SlackThread.of(room)
        return await (await self._workspaces.get(thread.team)).replies.post(thread, reply, key)

    async def edit(self, room: Room, message_id: str, reply: Reply) -> None:
        """Make an earlier message show `reply`.

        Raises:
            RetryLater, Undeliverable
        """
        thread = SlackThread.of(room)
        await (await self._workspaces.get(thread.team)).replies.edit(thread, message_id, reply)

    async def remove(self, room: Room, message_id: str) -> None:
        """Take away a message of ours.

        Raises:
            RetryLater, Undeliverable
        """
        thread = SlackThread.of(room)
        await (await self._workspaces.get(thread.team)).replies.remove(thread, message_id)

    async def seconds_until_due(self, room: Room, message_id: str, reply: Reply) -> float:
        """For how many seconds yet a growing text leaves the workspace's budget to the others.

        What people wait for they read at once.

        Raises:
            Undeliverable
        """
        if reply.state is not ReplyState.WRITING:
            return 0.0
        return (await self._workspaces.get(SlackThread.of(room).team)).replies.pacer.seconds_until_due(
            message_id
        )

    def _build_workspace(self, token: str, bot: BotUser) -> Workspace:
        client = web_client(token, self._api_url)
        client.session = self._session
        return Workspace(client, self._translate, self._clock, bot)

    def _use_session(self, session: aiohttp.ClientSession | None) -> None:
        self._session = session
        for workspace in self._workspaces.opened():
            workspace.client.session = session

    async def _stay_connected(self, services: Services) -> None:
        if self._installations is not None:
            await self._installations.prepare()
        elif self._credentials.uses_oauth:
            raise ConfigurationError("The Slack adapter has nowhere to keep installations.")
        else:
            await self._identify(await self._workspaces.get(""))
        app = bolt_app(self._credentials.signing_secret, self._api_url, self._workspaces)
        listeners = Listeners(
            self._workspaces, services, self._translate, self._clock, self._wall, self._in_flight
        )
        listeners.register(app)
        heartbeat = self._build_heartbeat(listeners.catch_up)
        await heartbeat.prepare()
        beating = asyncio.create_task(heartbeat.run(self._connected))
        try:
            self._monitor.on_reconnect(heartbeat.on_reconnect)
            await self._connect(app)
        finally:
            beating.cancel()
            # What was acknowledged is not sent again: it must be handled before we go.
            if not await self.until_handled():
                _log.error("Slack: stopped while a message was still being handled")
            await heartbeat.stop()
            for workspace in self._workspaces.opened():
                await workspace.streams.stop_all(workspace.bot.team_id)

    def _build_heartbeat(self, catch_up: WorkspaceCatchUp) -> WorkspaceHeartbeat:
        return WorkspaceHeartbeat(
            self._heartbeats,
            self._workspaces,
            catch_up,
            self._clock,
            self._is_listening,
            self._monitor.uncertainty_s if self._mode == "socket" else MAX_CLOCK_SKEW_S,
        )

    def _is_listening(self) -> bool:
        # What was acknowledged and is not kept yet would be missing if the process ended now.
        alive = self._monitor.is_alive if self._mode == "socket" else self._connected.is_set()
        return alive and not self._in_flight.busy

    async def _connect(self, app: AsyncApp) -> None:
        if self._mode == "http":
            self._http_server = HttpServer(app, self._host, self._port, self._oauth_flow())
            await self._http_server.run(self._connected)
            return
        client = web_client(None, self._api_url)
        client.session = self._session
        flow = self._oauth_flow()
        if flow is None:
            await self._run_socket_mode(app, client)
            return
        self._http_server = HttpServer(None, self._host, self._port, flow)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._http_server.run(asyncio.Event()))
                group.create_task(self._run_socket_mode(app, client))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _run_socket_mode(self, app: AsyncApp, client: AsyncWebClient) -> None:
        connection = SocketModeConnection(
            app, client, self._credentials.app_token, self._ping_interval_s, self._monitor
        )
        url = await self._until_reachable(connection.open_url)
        await connection.run(url, self._connected)

    def _oauth_flow(self) -> AsyncOAuthFlow | None:
        if self._installations is None or not isinstance(self._workspaces, InstalledWorkspaces):
            return None
        return self._installations.oauth_flow(self._workspaces.on_installed)

    async def _identify(self, workspace: Workspace) -> None:
        try:
            identity, granted = await self._until_reachable(workspace.api.identity)
        except Refused as error:
            raise bad_bot_token(f"was refused by Slack ({error.code})") from None
        if granted is not None and (missing := BOT_SCOPES - granted):
            _log.warning(
                "The Slack app lacks scopes: %s. Reinstall it from the manifest.", ", ".join(sorted(missing))
            )
        # What stands for Slack in front of it may know less: events name the team, too.
        workspace.bot = BotUser(*(str(identity.get(name) or "") for name in ("team_id", "user_id", "bot_id")))

    async def _until_reachable(self, call: Callable[[], Awaitable[Result]]) -> Result:
        async def warn(error: BaseException, _: float) -> None:
            _log.warning("Slack cannot be asked yet (%s); trying again", error)

        return await retry(call, on=RetryLater, backoff=_BACKOFF, clock=self._clock, before_wait=warn)
