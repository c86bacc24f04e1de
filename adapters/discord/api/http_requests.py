"""Every request that discord.py makes, its second tries too: none leaves without a slot of the budget."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import yarl

from adapters.discord.api.errors import TOO_MANY_REQUESTS
from adapters.discord.api.rate_budget import Budget
from adapters.discord.api.route_limits import Routes
from bot.domain.errors import RetryLater

OUTSIDE = ("/webhooks/", "/interactions/")
"""Answers to interactions: not under the bot's limit, and never waited for."""
UNSAID_S = 5.0
"""After a refusal that does not say for how long."""
_MESSAGE = re.compile(r"/channels/(\d+)/messages/\d+\Z")


class Attempts:
    """Stands between discord.py's client and the network (`http_trace`). `api_url`: where Discord is."""

    def __init__(self, budget: Budget, routes: Routes, api_url: str | None) -> None:
        self._budget = budget
        self._routes = routes
        self._base = (api_url or discord.http.Route.BASE).rstrip("/")

    def trace(self) -> aiohttp.TraceConfig:
        """What a client is made with; each needs one of its own."""
        config = aiohttp.TraceConfig()
        config.on_request_start.append(self._begins)
        config.on_request_end.append(self._ends)
        config.on_request_exception.append(self._breaks)
        return config

    def _path(self, url: yarl.URL) -> str:
        """Where a request goes; empty where not to Discord's interface (the gateway, files)."""
        address = str(url.with_query(None))
        return address.removeprefix(self._base) if address.startswith(f"{self._base}/") else ""

    async def _begins(self, _: Any, context: SimpleNamespace, told: aiohttp.TraceRequestStartParams) -> None:
        path = self._path(told.url)
        if not path or path.startswith(OUTSIDE):
            return
        try:
            context.slot = await self._budget.begin()
        except RetryLater as error:
            raise discord.RateLimited(error.after_s or UNSAID_S) from error

    async def _ends(self, _: Any, context: SimpleNamespace, told: aiohttp.TraceRequestEndParams) -> None:
        self._is_over(context)
        path, answer = self._path(told.url), told.response
        if not path:
            return
        shared = answer.headers.get("X-RateLimit-Scope") == "shared"
        self._budget.refusals.note(answer.status, shared=shared)
        if answer.status == TOO_MANY_REQUESTS:
            await self._refused(answer)
        elif told.method == "PATCH" and (found := _MESSAGE.match(path)):
            self._routes.learn(found[1], answer.headers)

    async def _breaks(
        self, _: Any, context: SimpleNamespace, __: aiohttp.TraceRequestExceptionParams
    ) -> None:
        self._is_over(context)

    def _is_over(self, context: SimpleNamespace) -> None:
        slot = getattr(context, "slot", None)
        if slot is not None:
            self._budget.answered(slot)

    async def _refused(self, answer: aiohttp.ClientResponse) -> None:
        """A limit was met. Where it is the whole bot's, or the address's, nobody asks until it is over."""
        try:
            said = json.loads(await answer.text())
        except ValueError:
            said = None
        # What is not Discord's own answer comes from the wall before it, which shut the address out.
        known = isinstance(said, dict) and "Via" in answer.headers
        of_all = not known or said.get("global") or answer.headers.get("X-RateLimit-Global") == "true"
        if of_all:
            self._budget.rest(_seconds(said.get("retry_after") if known else None, answer))


def _seconds(said: object, answer: aiohttp.ClientResponse) -> float:
    try:
        return float(said if isinstance(said, int | float) else answer.headers["Retry-After"])
    except (KeyError, ValueError):
        return UNSAID_S
