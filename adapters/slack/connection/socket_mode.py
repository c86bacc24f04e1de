"""Socket Mode: a web socket that Slack sends events through. It reconnects by itself."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import aiohttp
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.connection.bolt_app import sdk_logger
from adapters.slack.connection.credentials import bad_app_token
from adapters.slack.connection.link_watch import LinkWatch
from adapters.slack.web_api.errors import TROUBLE, Refused, translated

_LOOKS_A_PING = 4
"""How often the time of the last answer is looked at; the SDK forgets it when it gives a connection up."""


class SocketLink:
    """One Socket Mode connection of an app."""

    def __init__(
        self, app: AsyncApp, client: AsyncWebClient, app_token: str, ping_interval_s: float, watch: LinkWatch
    ) -> None:
        self._app = app
        self._client = client
        self._app_token = app_token
        self._ping_interval_s = ping_interval_s
        self._watch = watch

    async def ticket(self) -> str:
        """The address to connect to, good for one connection.

        Raises:
            ConfigurationError: the app token is refused.
            RetryLater
        """
        try:
            response = await self._client.apps_connections_open(app_token=self._app_token)
        except TROUBLE as error:
            told = translated("apps.connections.open", error)
            if isinstance(told, Refused):
                raise bad_app_token(f"was refused by Slack ({told.code})") from None
            raise told from None
        return str(response["url"])

    async def run(self, ticket: str, connected: asyncio.Event) -> None:
        """Stay connected until cancelled; `connected` is set once the first connection stands."""
        handler = AsyncSocketModeHandler(
            self._app,
            self._app_token,
            logger=sdk_logger(),
            web_client=self._client,
            ping_interval=self._ping_interval_s,
        )
        client = handler.client
        client.on_message_listeners.append(self._watch.came)
        try:
            await _spend_tickets_once(client)
            client.wss_uri = ticket
            await handler.connect_async()  # type: ignore[no-untyped-call]
            self._watch.opened()
            connected.set()
            while True:
                await asyncio.sleep(self._ping_interval_s / _LOOKS_A_PING)
                self._watch.answered(client.last_ping_pong_time)
        finally:
            await _close(client)


async def _spend_tickets_once(client: SocketModeClient) -> None:
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
