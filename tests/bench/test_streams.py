"""What is told of streams: first tokens, silences and rates, from what a worker sends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bench.streams import GenerationOptions, StreamFailed, Told, Worker, connected, total_rate

USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}


def chunk(text: str, finish: str | None = None) -> str:
    """An event with text."""
    return json.dumps({"choices": [{"index": 0, "text": text, "finish_reason": finish, "logprobs": None}]})


WHOLE = [
    chunk("私は"),
    chunk("歩"),
    chunk("", "length"),
    json.dumps({"choices": [], "usage": USAGE}),
    "[DONE]",
]


async def complete(request: web.Request) -> web.StreamResponse:
    """A worker that sends the events which the prompt names."""
    prompt = (await request.json())["prompt"]
    if prompt == "refused":
        return web.json_response({"error": {"message": "queue full"}}, status=429)
    events = {"whole": WHOLE, "broken": WHOLE[:2], "silent": WHOLE[2:]}.get(
        prompt, ['{"error": {"message": "not finite"}}']
    )
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    await answer.write(b": open\n\n")
    for event in events:
        await answer.write(f"data: {event}\n\n".encode())
    return answer


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    """A connection to it."""
    app = web.Application()
    app.router.add_post("/v1/completions", complete)
    async with TestServer(app) as server, connected(str(server.make_url("/"))) as found:
        yield found


async def test_events_with_text_are_counted_and_tokens_taken_from_the_usage(worker: Worker) -> None:
    """Comments, the empty last chunk and the usage are no events of text."""
    told = await worker.stream(GenerationOptions("whole", 3, seed=1))
    assert (len(told.stamps), told.tokens) == (2, 3)
    assert told.asked_s < told.stamps[0] <= told.stamps[1] <= told.ended_s


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [("broken", "DONE"), ("silent", "too few"), ("failing", "not finite"), ("refused", "queue full")],
)
async def test_a_stream_that_failed_is_no_measurement(worker: Worker, prompt: str, reason: str) -> None:
    """It says why."""
    with pytest.raises(StreamFailed, match=reason):
        await worker.stream(GenerationOptions(prompt, 3, seed=1))


async def test_streams_that_run_together_come_back_in_order(worker: Worker) -> None:
    """Whoever ends first."""
    told = await worker.together(
        [GenerationOptions("whole", 3, seed=1, at_s=0.02), GenerationOptions("whole", 3, seed=2)]
    )
    assert told[0].asked_s > told[1].asked_s


def stream(*stamps: float, asked: float = 0.0, tokens: int = 4) -> Told:
    """A stream that ended with its last event."""
    return Told(asked, stamps, stamps[-1], tokens)


def test_rates_begin_with_the_first_token() -> None:
    """Three tokens in a second and a half, after two seconds of reading."""
    told = stream(2.0, 2.5, 3.0, 3.5)
    assert (told.first_s, told.rate, told.whole_s) == (2.0, 2.0, 3.5)


def test_the_longest_silence_within_a_time_begins_or_ends_in_it() -> None:
    """A gap that reaches into it counts whole, one before it does not; the wait for the first is none."""
    told = stream(5.0, 5.1, 7.0, 7.2, 7.3)
    assert told.longest_gap() == pytest.approx(1.9)
    assert told.longest_gap(6.9, 7.05) == pytest.approx(1.9)
    assert told.longest_gap(7.0, 9.0) == pytest.approx(0.2)
    assert told.longest_gap(0.0, 4.9) is None


def test_the_rate_of_a_crowd_is_from_the_first_request_to_the_last_token() -> None:
    """Whoever waits lowers it."""
    assert total_rate([stream(1.0, 2.0, asked=0.5), stream(1.0, 4.5, asked=1.0)]) == 2.0
