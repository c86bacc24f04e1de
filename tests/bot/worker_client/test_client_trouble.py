"""What can go wrong between the bot and a worker, over TCP and with the real HTTP library."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from bot.domain.errors import EngineError, EngineUnavailable, RequestRejected
from bot.domain.inference import Delta, GenerationRequest
from bot.domain.sampling import PRESETS
from bot.worker_client.client import HttpEngine
from tests.servers.worker import LoopbackWorker, loopback_worker

ASKED = GenerationRequest("雨", PRESETS["standard"], 10)
COMPLETIONS = "/v1/completions"
DONE = "data: [DONE]\n\n"


@pytest.fixture
async def worker() -> AsyncIterator[LoopbackWorker]:
    """A scripted worker on a port of its own."""
    async with loopback_worker() as listening:
        yield listening


def event(text: str) -> str:
    """One event of a stream."""
    return f"data: {json.dumps({'choices': [{'index': 0, 'text': text}]}, ensure_ascii=False)}\n\n"


async def everything(engine: HttpEngine) -> list[Delta]:
    """All deltas of a stream."""
    return [delta async for delta in engine.generate(ASKED)]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\u3000"])
async def test_only_a_line_feed_ends_a_line(worker: LoopbackWorker, separator: str) -> None:
    """Characters that Python calls line boundaries are text like any other."""
    worker.answers[COMPLETIONS] = 200, [event(f"雨{separator}風"), DONE]
    async with HttpEngine(worker.url) as engine:
        assert await everything(engine) == [Delta(0, f"雨{separator}風")]


async def test_lines_may_end_as_in_windows(worker: LoopbackWorker) -> None:
    """A proxy may send CR LF, as the format allows."""
    worker.answers[COMPLETIONS] = 200, [(event("雨") + DONE).replace("\n", "\r\n")]
    async with HttpEngine(worker.url) as engine:
        assert await everything(engine) == [Delta(0, "雨")]


async def test_a_silent_worker_is_given_up(worker: LoopbackWorker) -> None:
    """A stream in which not even a comment comes is over; a worker that hangs cannot hold a story."""
    worker.answers[COMPLETIONS] = 200, [event("雨")]
    worker.hold = True
    async with (
        HttpEngine(worker.url, silence_timeout_s=0.05) as engine,
        aclosing(engine.generate(ASKED)) as deltas,  # type: ignore[type-var]
    ):
        assert await anext(deltas) == Delta(0, "雨")
        with pytest.raises(EngineUnavailable):
            await anext(deltas)


async def test_cancelling_closes_the_connection(worker: LoopbackWorker) -> None:
    """A task that is cancelled while it waits for text leaves no stream behind."""
    worker.answers[COMPLETIONS] = 200, [event("雨")]
    worker.hold = True
    first = asyncio.Event()

    async def read(engine: HttpEngine) -> None:
        async for _ in engine.generate(ASKED):
            first.set()

    async with HttpEngine(worker.url) as engine:
        reading = asyncio.create_task(read(engine))
        await first.wait()
        reading.cancel()
        await asyncio.wait({reading})
        await worker.left.wait()


async def test_streams_are_not_counted_out(worker: LoopbackWorker) -> None:
    """As many streams as the dispatcher has slots are open at once: the pool has no bound of its own."""
    worker.answers[COMPLETIONS] = 200, [event("雨")]
    worker.hold = True
    async with HttpEngine(worker.url) as engine:
        streams = [engine.generate(ASKED) for _ in range(104)]
        first = await asyncio.gather(*(anext(stream) for stream in streams))
        assert first == [Delta(0, "雨")] * 104
        for stream in streams:
            await stream.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (502, "<html>Bad Gateway</html>", EngineUnavailable()),
        (500, {"error": "oh"}, EngineUnavailable()),
        (503, {"detail": "no"}, EngineUnavailable()),
        (404, {"detail": "Not Found"}, RequestRejected(reason="HTTP 404")),
        (401, {"error": "who are you?"}, RequestRejected(reason="HTTP 401")),
        (404, {"error": {"code": "model_not_found", "message": "m"}}, RequestRejected(reason="m")),
    ],
)
async def test_what_stands_in_between_may_answer(
    worker: LoopbackWorker, status: int, body: object, expected: EngineError
) -> None:
    """A proxy's pages and other servers' errors are told apart from a worker's."""
    worker.answers[COMPLETIONS] = status, body
    async with HttpEngine(worker.url) as engine:
        with pytest.raises(type(expected)) as caught:
            await everything(engine)
        assert caught.value.values == expected.values


@pytest.mark.parametrize(
    "said", ['data: {"error": "oh"}\n\n', 'data: "oh"\n\n', b"data: \xff\n\n", 'data: {"choices": 5}\n\n']
)
async def test_what_cannot_be_understood_is_no_worker(worker: LoopbackWorker, said: str | bytes) -> None:
    """Whatever stands in the stream, the bot has one answer and no traceback."""
    worker.answers[COMPLETIONS] = 200, [said, DONE]
    async with HttpEngine(worker.url) as engine:
        with pytest.raises(EngineUnavailable):
            await everything(engine)


async def test_nobody_listens() -> None:
    """A refused connection is an engine that is not available."""
    async with loopback_worker() as gone:
        url = gone.url
    async with HttpEngine(url) as engine:
        with pytest.raises(EngineUnavailable):
            await engine.health()
        with pytest.raises(EngineUnavailable):
            await everything(engine)
