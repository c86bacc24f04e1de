"""Socket Mode: a web socket that Slack sends events through. It reconnects by itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp import WSMessage
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.connection.bolt_app import sdk_logger
from adapters.slack.connection.credentials import bad_app_token
from adapters.slack.web_api.errors import SDK_ERRORS, Refused, to_delivery_error

_CHECKS_PER_PING = 4
"""How often the time of the last answer is looked at; the SDK forgets it when it gives a connection up."""
_GAP_S = 2.0
"""A new connection that Slack asks for stands sooner than that."""
_PINGS = 1.5
"""A link that did not answer for so many pings may be dead already."""

OnReconnect = Callable[[float], None]
"""Is called with the time since which nothing was received, in seconds since 1970."""


class ConnectionMonitor:
    """Notes each sign of life, and reports when a new connection follows a silence."""

    def __init__(self, wall: Callable[[], float], ping_interval_s: float) -> None:
        self._wall = wall
        self._listener: OnReconnect | None = None
        self._alive_at = 0.0
        self.uncertainty_s = _PINGS * ping_interval_s
        """For how long it may be taken for alive when it is not."""

    def on_reconnect(self, listener: OnReconnect) -> None:
        """Call `listener` when the connection is back."""
        self._listener = listener

    @property
    def is_alive(self) -> bool:
        """Whether there is no sign that nothing would arrive."""
        return self._wall() - self._alive_at <= self.uncertainty_s

    def on_connected(self) -> None:
        """The first connection stands."""
        self._alive_at = self._wall()

    async def on_frame(self, message: WSMessage) -> None:
        """Something came."""
        if json.loads(message.data).get("type") == "hello":
            self._on_hello()
        self._alive_at = self._wall()

    def on_pong(self, at: float | None) -> None:
        """When the last ping was sent that was answered."""
        self._alive_at = max(self._alive_at, at or 0.0)

    def _on_hello(self) -> None:
        if self._listener and self._alive_at and self._wall() - self._alive_at > _GAP_S:
            self._listener(self._alive_at)


class SocketModeConnection:
    """One Socket Mode connection of an app."""

    def __init__(
        self,
        app: AsyncApp,
        client: AsyncWebClient,
        app_token: str,
        ping_interval_s: float,
        monitor: ConnectionMonitor,
    ) -> None:
        self._app = app
        self._client = client
        self._app_token = app_token
        self._ping_interval_s = ping_interval_s
        self._monitor = monitor

    async def open_url(self) -> str:
        """The address to connect to, good for one connection.

        Raises:
            ConfigurationError: the app token is refused.
            RetryLater
        """
        try:
            response = await self._client.apps_connections_open(app_token=self._app_token)
        except SDK_ERRORS as error:
            failure = to_delivery_error("apps.connections.open", error)
            if isinstance(failure, Refused):
                raise bad_app_token(f"was refused by Slack ({failure.code})") from None
            raise failure from None
        return str(response["url"])

    async def run(self, url: str, connected: asyncio.Event) -> None:
        """Stay connected until cancelled; `connected` is set once the first connection stands."""
        handler = AsyncSocketModeHandler(
            self._app,
            self._app_token,
            logger=sdk_logger(),
            web_client=self._client,
            ping_interval=self._ping_interval_s,
        )
        client = handler.client
        client.on_message_listeners.append(self._monitor.on_frame)
        try:
            await _use_urls_once(client)
            client.wss_uri = url
            await handler.connect_async()  # type: ignore[no-untyped-call]
            self._monitor.on_connected()
            connected.set()
            while True:
                await asyncio.sleep(self._ping_interval_s / _CHECKS_PER_PING)
                self._monitor.on_pong(client.last_ping_pong_time)
        finally:
            await _close(client)


async def _use_urls_once(client: SocketModeClient) -> None:
    # When a connection fails the SDK tries the same address for ever, though a ticket is good only once.
    # Forgetting it as soon as it is used makes the SDK ask for a new one.
    async def spent(_session: aiohttp.ClientSession, _context: SimpleNamespace, _params: Any) -> None:
        client.wss_uri = None

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(spent)
    await client.aiohttp_client_session.close()
    client.aiohttp_client_session = aiohttp.ClientSession(trace_configs=[trace])


async def _close(client: SocketModeClient) -> None:
    await client.close()  # type: ignore[no-untyped-call]
    tasks = (client.message_processor, client.current_session_monitor, client.message_receiver)
    # The SDK cancels them without waiting; they must be gone before the loop is.
    await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)
