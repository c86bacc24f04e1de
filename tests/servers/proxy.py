"""A reverse proxy on loopback that shows another server under a path, its sockets too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

OF_ONE_HOP = {"connection", "upgrade", "host", "transfer-encoding", "content-length", "content-encoding"}


class Proxy:
    """Takes `path` from an address and asks `target`; `says`: tells it so in X-Forwarded-Prefix."""

    def __init__(self, target: str, path: str, *, says: bool) -> None:
        self._target = target
        self._path = path
        self._says = says
        self.session: aiohttp.ClientSession

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on; whatever lies outside the path is not there."""
        if not request.raw_path.startswith(self._path + "/"):
            return web.Response(status=404, text="not under the path")
        url = self._target + request.raw_path.removeprefix(self._path)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in OF_ONE_HOP}
        if self._says:
            headers["X-Forwarded-Prefix"] = self._path
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request, url, headers)
        return await self._answer(request, url, headers)

    async def _answer(self, request: web.Request, url: str, headers: dict[str, str]) -> web.StreamResponse:
        asked = self.session.request(
            request.method, url, headers=headers, data=await request.read(), allow_redirects=False
        )
        async with asked as answer:
            kept = [(n, v) for n, v in answer.headers.items() if n.lower() not in OF_ONE_HOP]
            response = web.Response(status=answer.status, body=await answer.read())
            for name, value in kept:
                response.headers.add(name, value) if name != "Content-Type" else response.headers.update(
                    {name: value}
                )
            return response

    async def _socket(self, request: web.Request, url: str, headers: dict[str, str]) -> web.StreamResponse:
        headers = {name: value for name, value in headers.items() if not name.startswith("Sec-")}
        near = web.WebSocketResponse()
        await near.prepare(request)
        async with self.session.ws_connect(url.replace("http", "ws", 1), headers=headers) as far:
            ways = [asyncio.create_task(_pass(near, far)), asyncio.create_task(_pass(far, near))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        await near.close()
        return near


Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


async def _pass(source: Socket, target: Socket) -> None:
    async for message in source:
        if message.type is aiohttp.WSMsgType.TEXT:
            await target.send_str(message.data)
        elif message.type is aiohttp.WSMsgType.BINARY:
            await target.send_bytes(message.data)


@asynccontextmanager
async def proxy(target: str, path: str, *, says: bool) -> AsyncIterator[str]:
    """The address under which `target` is seen."""
    handler = Proxy(target, path, says=says)
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    async with aiohttp.ClientSession(auto_decompress=True) as handler.session:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}{path}"
        finally:
            await runner.cleanup()
