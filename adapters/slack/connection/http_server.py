"""HTTP: in HTTP mode Slack posts to us, and Bolt checks signature and age of each request.

With OAuth people install the app here, in Socket Mode too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from adapters.slack.connection.manifest import EVENTS_PATH, INSTALL_PATH, REDIRECT_PATH
from bot.domain.errors import ConfigurationError

_CLOSING_S = 3.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpServer:
    """Serves `/slack/events` where there is an app, the pages of an installation where there is a flow."""

    def __init__(
        self, app: AsyncApp | None, host: str, port: int, flow: AsyncOAuthFlow | None = None
    ) -> None:
        self._app = app
        self._flow = flow
        self._host = host
        self.port = port

    async def run(self, open_: asyncio.Event) -> None:
        """Serve until cancelled; `open_` is set and `port` is known once the server listens.

        Raises:
            ConfigurationError: the port is taken.
        """
        server = web.Application()
        if self._app is not None:
            server.router.add_post(EVENTS_PATH, _events_handler(self._app))
        if self._flow is not None:
            server.router.add_get(INSTALL_PATH, _page_handler(self._flow.handle_installation))
            server.router.add_get(REDIRECT_PATH, _page_handler(self._flow.handle_callback))
        runner = web.AppRunner(server, access_log=None, shutdown_timeout=_CLOSING_S)
        await runner.setup()
        try:
            await self._listen(runner)
            open_.set()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> None:
        try:
            await web.TCPSite(runner, self._host, self.port).start()
        except OSError as error:
            where = f"{self._host}:{self.port}"
            raise ConfigurationError(
                f"Slack's HTTP mode cannot listen on {where}: {error.strerror}. Set another Slack port."
            ) from None
        self.port = runner.addresses[0][1]


def _events_handler(app: AsyncApp) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        # Bolt would fail on it instead of refusing it.
        if not request.headers.get("X-Slack-Request-Timestamp", "").isdecimal():
            return web.json_response({"error": "invalid request"}, status=401)
        return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))

    return handle


def _page_handler(answer: Callable[[AsyncBoltRequest], Awaitable[BoltResponse]]) -> Handler:
    async def page(request: web.Request) -> web.StreamResponse:
        return await to_aiohttp_response(await answer(await to_bolt_request(request)))

    return page
