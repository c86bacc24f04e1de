"""A worker over TCP that goes on with its story when the test says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

FIRST, SECOND = "夜が更けた。", "雨が降り出した。"


class GatedWorker:
    """Tells the same sentences to everyone; each but the first waits for `go_on`.

    `requests` are the bodies that it was sent, `prompts` the texts it was asked to continue.
    """

    def __init__(self, *sentences: str) -> None:
        self._sentences = sentences
        self._open = asyncio.Event()
        self.requests: list[dict[str, Any]] = []
        self.url = ""

    @property
    def prompts(self) -> list[str]:
        """What was asked for, first to last."""
        return [request["prompt"] for request in self.requests]

    def go_on(self) -> None:
        """From now on every story is told to its end."""
        self._open.set()

    def hold(self) -> None:
        """From now on each story stops behind its first sentence again."""
        self._open.clear()

    async def health(self, _: web.Request) -> web.Response:
        """Ready at once."""
        return web.json_response({"status": "ready", "model": "scripted"})

    async def tokenize(self, request: web.Request) -> web.Response:
        """A token a character, and nothing that the model cannot see."""
        return web.json_response({"count": len((await request.json())["text"]), "unknown": []})

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Stream a continuation."""
        self.requests.append(await request.json())
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for number, sentence in enumerate(self._sentences):
            if number:
                await self._open.wait()
            await response.write(_event(sentence, None))
        await response.write(_event("", "stop") + b"data: [DONE]\n\n")
        return response


def _event(text: str, finish: str | None) -> bytes:
    choice = {"index": 0, "text": text, "finish_reason": finish}
    return f"data: {json.dumps({'choices': [choice]})}\n\n".encode()


@asynccontextmanager
async def gated_worker(*sentences: str) -> AsyncIterator[GatedWorker]:
    """The worker on a free port."""
    worker = GatedWorker(*sentences)
    app = web.Application()
    app.router.add_get("/health", worker.health)
    app.router.add_post("/tokenize", worker.tokenize)
    app.router.add_post("/v1/completions", worker.complete)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    worker.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield worker
    finally:
        await runner.cleanup()
