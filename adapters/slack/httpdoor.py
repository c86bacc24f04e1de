"""HTTP mode: Slack posts events and commands to us. Bolt checks signature and age of each."""

from __future__ import annotations

import asyncio

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp

from adapters.slack.surface import EVENTS_PATH
from bot.errors import ConfigurationError

_CLOSING_S = 3.0


class HttpDoor:
    """Serves `/slack/events`."""

    def __init__(self, app: AsyncApp, host: str, port: int) -> None:
        self._app = app
        self._host = host
        self.port = port

    async def run(self, open_: asyncio.Event) -> None:
        """Serve until cancelled; `open_` is set and `port` is known once the door is open.

        Raises:
            ConfigurationError: the port is taken.
        """
        server = web.Application()
        server.router.add_post(EVENTS_PATH, self._hear)
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

    async def _hear(self, request: web.Request) -> web.Response:
        # Bolt would fail on it instead of refusing it.
        if not request.headers.get("X-Slack-Request-Timestamp", "").isdecimal():
            return web.json_response({"error": "invalid request"}, status=401)
        return await to_aiohttp_response(await self._app.async_dispatch(await to_bolt_request(request)))
