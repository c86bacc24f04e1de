"""How the requests of discord.py leave, none without a slot of the budget, and what its errors are to us.

discord.py knows its addresses as class attributes (`Route.BASE`, `DiscordWebSocket.DEFAULT_GATEWAY`), which
all clients of a process share. So the two methods that every request and every gateway connection of a client
pass are wrapped on that client alone, and the webhook requests of interactions, which do not belong to a
client, get their adapter through the context variable that discord.py reads it from.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import structlog
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import HTTPClient, Route
from discord.webhook.async_ import AsyncWebhookAdapter, async_context

from adapters.discord.api.rate_limits import RequestBudget, RouteLimits
from bot.domain.errors import DeliveryError, MessageGone, RetryLater, Undeliverable

OUTSIDE = ("/webhooks/", "/interactions/")
"""Answers to interactions: not under the bot's limit, and never waited for."""
UNSAID_S = 5.0
"""After a refusal that does not say for how long."""
UNAUTHORIZED = 401
TOO_MANY_REQUESTS = 429
SERVER_ERROR = 500
THREAD_EXISTS = 160004
TITLE_BLOCKED = 200001
UNKNOWN_CHANNEL = 10003
AUTHOR_FIRST = 40058
"""The author of a forum's post has not written its first message yet."""
NO_HISTORY = 160002
UNKNOWN_MESSAGE = 10008
ARCHIVED = 50083
CONNECTION_ERRORS = (aiohttp.ClientError, OSError, TimeoutError)
"""What a connection that breaks raises; discord.py repeats only a part of them by itself."""
_MESSAGE = re.compile(r"/channels/(\d+)/messages/\d+\Z")


_log = structlog.get_logger(__name__)


class RequestTrace:
    """Stands between discord.py's client and the network (`http_trace`). `api_url`: where Discord is."""

    def __init__(self, budget: RequestBudget, routes: RouteLimits, api_url: str | None) -> None:
        self._budget = budget
        self._routes = routes
        self._base = (api_url or discord.http.Route.BASE).rstrip("/")

    def trace(self) -> aiohttp.TraceConfig:
        """What a client is made with; each needs one of its own."""
        config = aiohttp.TraceConfig()
        config.on_request_start.append(self._on_request_start)
        config.on_request_end.append(self._on_request_end)
        config.on_request_exception.append(self._on_request_exception)
        return config

    def _path(self, url: yarl.URL) -> str:
        """Where a request goes; empty where not to Discord's interface (the gateway, files)."""
        address = str(url.with_query(None))
        return address.removeprefix(self._base) if address.startswith(f"{self._base}/") else ""

    async def _on_request_start(
        self, _: Any, context: SimpleNamespace, told: aiohttp.TraceRequestStartParams
    ) -> None:
        path = self._path(told.url)
        if not path or path.startswith(OUTSIDE):
            return
        try:
            context.slot = await self._budget.begin()
        except RetryLater as error:
            raise discord.RateLimited(error.after_s or UNSAID_S) from error

    async def _on_request_end(
        self, _: Any, context: SimpleNamespace, told: aiohttp.TraceRequestEndParams
    ) -> None:
        self._release_slot(context)
        path, answer = self._path(told.url), told.response
        if not path:
            return
        shared = answer.headers.get("X-RateLimit-Scope") == "shared"
        self._budget.invalid_requests.record(answer.status, shared=shared)
        if answer.status == TOO_MANY_REQUESTS:
            await self._on_rate_limited(answer)
        elif told.method == "PATCH" and (found := _MESSAGE.match(path)):
            self._routes.learn(found[1], answer.headers)

    async def _on_request_exception(
        self, _: Any, context: SimpleNamespace, __: aiohttp.TraceRequestExceptionParams
    ) -> None:
        self._release_slot(context)

    def _release_slot(self, context: SimpleNamespace) -> None:
        slot = getattr(context, "slot", None)
        if slot is not None:
            self._budget.answered(slot)

    async def _on_rate_limited(self, answer: aiohttp.ClientResponse) -> None:
        """A limit was met. Where it is the whole bot's, or the address's, nobody asks until it is over."""
        try:
            said = json.loads(await answer.text())
        except ValueError:
            said = None
        # What is not Discord's own answer comes from the wall before it, which shut the address out.
        known = isinstance(said, dict) and "Via" in answer.headers
        of_all = not known or said.get("global") or answer.headers.get("X-RateLimit-Global") == "true"
        if of_all:
            self._budget.pause(_seconds(said.get("retry_after") if known else None, answer))


def _seconds(said: object, answer: aiohttp.ClientResponse) -> float:
    try:
        return float(said if isinstance(said, int | float) else answer.headers["Retry-After"])
    except (KeyError, ValueError):
        return UNSAID_S


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


# Errors


@contextmanager
def as_delivery_errors() -> Iterator[None]:
    """Raise RetryLater for what may work later, and Undeliverable for what never will."""
    try:
        yield
    except discord.RateLimited as error:
        raise RetryLater("Discord asks to wait", error.retry_after) from error
    except discord.HTTPException as error:
        raise _translated(error) from error
    except CONNECTION_ERRORS as error:
        raise RetryLater(f"the connection to Discord broke: {type(error).__name__}") from error


@contextmanager
def logged_delivery_errors(trouble: str, level: int = logging.WARNING) -> Iterator[None]:
    """Log what keeps something from being sent, where the rest goes on without it."""
    try:
        with as_delivery_errors():
            yield
    except DeliveryError as error:
        _log.log(level, "%s: %s", trouble, error)


def _translated(error: discord.HTTPException) -> RetryLater | Undeliverable:
    told = f"Discord answered {error.status} (code {error.code}): {error.text}"
    if error.status == TOO_MANY_REQUESTS:
        return RetryLater(told, _wait_s(error))
    if error.status >= SERVER_ERROR or error.status == UNAUTHORIZED:
        # A token that was replaced while we run: the next start has the new one, and no text is given up.
        return RetryLater(told)
    if error.code == UNKNOWN_MESSAGE:
        return MessageGone(told)
    return Undeliverable(told)


def _wait_s(error: discord.HTTPException) -> float | None:
    try:
        return float(error.response.headers["Retry-After"])
    except (KeyError, ValueError):
        return None


def is_archived(error: Undeliverable) -> bool:
    """Whether the thread is archived."""
    return code_of(error) == ARCHIVED


def is_forbidden(error: DeliveryError) -> bool:
    """Whether a permission is missing."""
    return isinstance(error.__cause__, discord.Forbidden)


def code_of(error: DeliveryError) -> int | None:
    """Discord's own number for what is wrong."""
    cause = error.__cause__
    return cause.code if isinstance(cause, discord.HTTPException) else None
