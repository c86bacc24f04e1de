"""A worker on loopback that tells the same story to every run, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

SENTENCES = (
    "一つ目の夜が更けた。",
    "二つ目の雨が降り出した。",
    "三つ目の鐘が鳴った。",
    "四つ目の灯がともった。",
)
"""What the requests get, one after the other, and then from the beginning."""
DRAWN = 1_000
"""Seeds from here on nobody typed."""
READY = {"status": "ready", "model": "golden", "progress": 1.0, "max_model_len": 256}


@dataclass(slots=True)
class StoryWorker:
    """Speaks docs/worker-api.md. A text stops behind its first half until `go` is set; `refusing` refuses."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    refusing: bool = False
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Nothing waits at first."""
        self.go.set()

    def settled(self) -> list[dict[str, Any]]:
        """What was asked, with a word for seeds that were drawn."""
        return [{**body, "seed": body["seed"] if body["seed"] < DRAWN else "<drawn>"} for body in self.asked]

    async def health(self, _: web.Request) -> web.Response:
        """Ready."""
        return web.json_response(READY)

    async def tokenize(self, request: web.Request) -> web.Response:
        """A token a character; 晩 is unknown."""
        text = (await request.json())["text"]
        unknown = ["晩"] if "晩" in text else []
        return web.json_response(
            {"count": len(text), "unknown": unknown, "read_as": text.replace("晩", "〓") if unknown else ""}
        )

    async def window(self, request: web.Request) -> web.Response:
        """All of it."""
        body = await request.json()
        pieces = [*(body["front"] or []), {"kind": "story", "text": body["prompt"]}, *(body["inset"] or [])]
        seen = [{"piece": piece, "tokens": len(piece["text"])} for piece in pieces]
        tokens = sum(one["tokens"] for one in seen)
        told = {"context": 256, "reserved": 60, "left_out_characters": 0, "left_out": [], "unknown": []}
        return web.json_response({"seen": seen, "tokens": tokens, **told})

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """The next sentence, `n` times."""
        body = await request.json()
        self.asked.append(body)
        if self.refusing:
            error = {
                "message": "no",
                "type": "invalid_request_error",
                "code": "invalid_value",
                "param": "prompt",
            }
            return web.json_response({"error": error}, status=400)
        sentence = SENTENCES[(len(self.asked) - 1) % len(SENTENCES)]
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for index in range(body["n"]):
            await response.write(
                _event(index, sentence if not index else f"{index + 1}番目の{sentence}", None)
            )
        await self.go.wait()
        for index in range(body["n"]):
            await response.write(_event(index, "それから、静かになった。", "stop"))
        await response.write(b"data: [DONE]\n\n")
        return response


def _event(index: int, text: str, finish: str | None) -> bytes:
    choice = {"index": index, "text": text, "finish_reason": finish, "logprobs": None}
    return f"data: {json.dumps({'choices': [choice]})}\n\n".encode()


@asynccontextmanager
async def story_worker() -> AsyncIterator[StoryWorker]:
    """The worker on a free port."""
    worker = StoryWorker()
    app = web.Application()
    app.router.add_get("/health", worker.health)
    app.router.add_post("/tokenize", worker.tokenize)
    app.router.add_post("/v1/window", worker.window)
    app.router.add_post("/v1/completions", worker.complete)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    worker.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield worker
    finally:
        await runner.cleanup()
