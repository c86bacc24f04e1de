"""Point one discord.py client at another API than Discord's (a proxy, a test server).

discord.py knows its addresses as class attributes (`Route.BASE`, `DiscordWebSocket.DEFAULT_GATEWAY`), which
all clients of a process share. So the two methods that every request and every gateway connection of a client
pass are wrapped on that client alone, and the webhook requests of interactions, which do not belong to a
client, get their adapter through the context variable that discord.py reads it from.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import HTTPClient, Route
from discord.webhook.async_ import AsyncWebhookAdapter, async_context


def redirect(http: HTTPClient, api_url: str) -> None:
    """Send the requests and gateway connections of one client to `api_url` (`http://host:port/api/v10`)."""
    request, connect = http.request, http.ws_connect
    told: list[yarl.URL] = []

    async def request_there(route: Route, **options: Any) -> Any:
        return await request(_moved(route, api_url), **options)

    async def gateway_there() -> Any:
        # Other servers than Discord's may leave out the number of shards and the limits of sessions.
        try:
            said = await request_there(Route("GET", "/gateway/bot"))
        except discord.HTTPException as error:
            raise discord.GatewayNotFound from error
        told[:] = [yarl.URL(said["url"])]
        return said.get("shards", 1), said["url"], said.get("session_start_limit", {})

    async def connect_there(url: str, *, compress: int = 0) -> aiohttp.ClientWebSocketResponse:
        wanted = yarl.URL(url)
        if told and wanted.host == DiscordWebSocket.DEFAULT_GATEWAY.host:
            wanted = told[0].with_query(wanted.query)
        return await connect(str(wanted), compress=compress)

    http.request = request_there  # type: ignore[method-assign]
    http.ws_connect = connect_there  # type: ignore[method-assign]
    http.get_bot_gateway = gateway_there  # type: ignore[method-assign]


@contextmanager
def redirected_webhooks(api_url: str | None) -> Iterator[None]:
    """Within this context, and the tasks begun in it, webhook requests go to `api_url`."""
    if api_url is None:
        yield
        return
    token = async_context.set(_MovedWebhooks(api_url))
    try:
        yield
    finally:
        async_context.reset(token)


class _MovedWebhooks(AsyncWebhookAdapter):
    def __init__(self, api_url: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._api_url = api_url

    async def request(self, route: Route, *args: Any, **options: Any) -> Any:
        return await super().request(_moved(route, self._api_url), *args, **options)


def _moved(route: Route, api_url: str) -> Route:
    route.url = api_url.rstrip("/") + route.url.removeprefix(discord.http.Route.BASE)
    return route
