"""The worker's client, with the real HTTP library against a scripted worker."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from bot.domain.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineLoading,
    EngineUnavailable,
    NotFinite,
    RequestRejected,
)
from bot.domain.inference import (
    ContextPiece,
    ContextSpan,
    ContextWindow,
    Delta,
    EngineStatus,
    GenerationRequest,
    Health,
    Score,
    TokenCount,
)
from bot.domain.sampling import Sampling
from bot.worker_client.client import HttpEngine
from tests.servers.worker import LoopbackWorker, loopback_worker

ASKED = GenerationRequest(
    "それは",
    Sampling(top_k=50, no_repeat_ngram=3),
    max_tokens=200,
    min_tokens=40,
    n=2,
    seed=7,
    stop=("終",),
    story="s",
    banned=("馬鹿",),
    logit_bias=((5, -1.5),),
    logprobs=2,
    prefix=(ContextPiece("memory", "町は雨。"),),
    depth_inserted=(ContextPiece("note", "しずかに。"),),
    insertion_depth=2,
)
COMPLETIONS = "/v1/completions"


def event(index: int, text: str, reason: str | None = None) -> str:
    """One event of a stream."""
    choice = {"index": index, "text": text, "finish_reason": reason, "logprobs": None}
    return f"data: {json.dumps({'choices': [choice]}, ensure_ascii=False)}\n\n"


USAGE = 'data: {"choices":[],"usage":{"total_tokens":3},"tsuzuki":{"seed":7}}\n\n'
DONE = "data: [DONE]\n\n"


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[LoopbackWorker]:
    """A scripted worker on a Unix socket."""
    async with loopback_worker(tmp_path / "w.sock") as listening:
        yield listening


@pytest.fixture
async def engine(worker: LoopbackWorker) -> AsyncIterator[HttpEngine]:
    """The client that speaks to it."""
    async with HttpEngine(worker.url) as client:
        yield client


async def everything(engine: HttpEngine) -> list[Delta]:
    """All deltas of a stream."""
    return [delta async for delta in engine.generate(ASKED)]


async def test_a_stream_of_two_candidates(worker: LoopbackWorker, engine: HttpEngine) -> None:
    """Deltas come in order; comments and the usage event are passed over."""
    stream = [": open\n\n", event(0, "私は"), event(1, "風が", "stop"), ": \n\n", event(0, "", "length")]
    worker.answers[COMPLETIONS] = 200, [*stream, USAGE, DONE]
    expected = [Delta(0, "私は"), Delta(1, "風が", "stop"), Delta(0, "", "length")]
    assert expected == await everything(engine)


async def test_a_character_cut_by_the_network_is_whole(worker: LoopbackWorker, engine: HttpEngine) -> None:
    """Where the bytes are parted does not matter."""
    raw = (event(0, "蒸し暑い晩") + DONE).encode()
    worker.answers[COMPLETIONS] = 200, [raw[index : index + 1] for index in range(len(raw))]
    assert [Delta(0, "蒸し暑い晩")] == await everything(engine)


async def test_what_is_asked(worker: LoopbackWorker, engine: HttpEngine) -> None:
    """Every setting reaches the worker under its name in the wire format."""
    worker.answers[COMPLETIONS] = 200, [DONE]
    await everything(engine)
    expected: dict[str, Any] = {
        "prompt": "それは",
        "max_tokens": 200,
        "min_tokens": 40,
        "n": 2,
        "seed": 7,
        "stop": ["終"],
        "stream": True,
        "temperature": 0.75,
        "top_p": 0.9,
        "top_k": 50,
        "repetition_penalty": 1.08,
        "repetition_window": 256,
        "repetition_slope": 0.0,
        "frequency_penalty": 0.0,
        "presence_penalty": 0.0,
        "no_repeat_ngram_size": 3,
        "dry_multiplier": 0.8,
        "dry_base": 1.75,
        "dry_allowed_length": 4,
        "dry_window": 0,
        "typical_p": 1.0,
        "min_p": 0.0,
        "xtc_threshold": 0.1,
        "xtc_probability": 0.0,
        "user": "s",
        "banned": ["馬鹿"],
        "logit_bias": {"5": -1.5},
        "logprobs": 2,
        "front": [{"kind": "memory", "text": "町は雨。"}],
        "inset": [{"kind": "note", "text": "しずかに。"}],
        "inset_depth": 2,
    }
    assert expected == worker.bodies[0]


async def test_probabilities_are_read(worker: LoopbackWorker, engine: HttpEngine) -> None:
    """OpenAI's four lists become a score a token, with the tokens as text."""
    told = {
        "tokens": ["私", "は"],
        "token_logprobs": [-0.5, -1.0],
        "top_logprobs": [{"私": -0.5}, {"が": -0.4, "は": -1.0}],
        "text_offset": [0, 1],
    }
    piece = {"index": 0, "text": "私は", "finish_reason": None, "logprobs": told}
    worker.answers[COMPLETIONS] = 200, [f"data: {json.dumps({'choices': [piece]})}\n\n", DONE]

    [delta] = await everything(engine)

    assert delta.scores == (
        Score("私", -0.5, (("私", -0.5),), 0),
        Score("は", -1.0, (("が", -0.4), ("は", -1.0)), 1),
    )


async def test_the_window_is_asked_for(worker: LoopbackWorker, engine: HttpEngine) -> None:
    """The same body as for writing; what is answered becomes a Window."""
    piece = {"kind": "note", "text": "しずかに。"}
    worker.answers["/v1/window"] = (
        200,
        {
            "seen": [{"piece": piece, "tokens": 3}],
            "tokens": 3,
            "context": 2048,
            "reserved": 200,
            "left_out_characters": 7,
            "left_out": [piece],
            "unknown": ["晩"],
        },
    )

    window = await engine.context_window(ASKED)

    note = ContextPiece("note", "しずかに。")
    assert ContextWindow((ContextSpan(note, 3),), 3, 2048, 200, 7, (note,), ("晩",)) == window
    assert worker.bodies[0]["front"] == [{"kind": "memory", "text": "町は雨。"}]


async def test_no_window_while_the_model_loads(worker: LoopbackWorker, engine: HttpEngine) -> None:
    """What the worker refuses is said as it is for writing; what is no window comes from no worker."""
    worker.answers["/v1/window"] = 503, {"error": {"code": "loading", "progress": 0.4}}
    with pytest.raises(EngineLoading):
        await engine.context_window(ASKED)
    worker.answers["/v1/window"] = 200, {"seen": [{"piece": "雨"}]}
    with pytest.raises(EngineUnavailable):
        await engine.context_window(ASKED)


@pytest.mark.parametrize(
    "end", [[], [USAGE], ['data: {"choi'], ["data: []\n\n"], ['data: {"choices":[{}]}\n\n']]
)
async def test_a_stream_without_its_end_failed(
    worker: LoopbackWorker, engine: HttpEngine, end: list[str]
) -> None:
    """Whatever came before: without [DONE] the worker died."""
    worker.answers[COMPLETIONS] = 200, [event(0, "私は", "stop"), *end]
    with pytest.raises(EngineUnavailable):
        await everything(engine)


async def test_an_error_in_the_stream(worker: LoopbackWorker, engine: HttpEngine) -> None:
    """A worker that can still say why is heard, after what it wrote."""
    worker.answers[COMPLETIONS] = 200, [event(0, "私は"), 'data: {"error": {"code": "not_finite"}}\n\n']
    async with aclosing(engine.generate(ASKED)) as deltas:  # type: ignore[type-var]
        assert Delta(0, "私は") == await anext(deltas)
        with pytest.raises(NotFinite):
            await anext(deltas)


async def test_closing_the_iterator_closes_the_connection(worker: LoopbackWorker, engine: HttpEngine) -> None:
    """The worker sees at once that nobody listens any more."""
    worker.answers[COMPLETIONS] = 200, [event(0, "私は")]
    worker.hold = True
    async with aclosing(engine.generate(ASKED)) as deltas:  # type: ignore[type-var]
        assert Delta(0, "私は") == await anext(deltas)
        assert not worker.left.is_set()
    await worker.left.wait()


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (503, {"code": "loading", "progress": 0.42}, EngineLoading(percent=42)),
        (503, {"code": "failed", "reason": "no such model"}, EngineFailed(reason="no such model")),
        (503, {"code": "stopping"}, EngineUnavailable()),
        (429, {"code": "queue_full", "limit": 64}, EngineBusy()),
        (500, {"code": "not_finite"}, NotFinite()),
        (400, {"code": "invalid_value", "message": "n: 1 to 8"}, RequestRejected(reason="n: 1 to 8")),
    ],
)
async def test_refusals(
    worker: LoopbackWorker, engine: HttpEngine, status: int, error: dict[str, Any], expected: EngineError
) -> None:
    """Each error of the wire format becomes one of ours, with its values."""
    worker.answers[COMPLETIONS] = worker.answers["/tokenize"] = status, {"error": error}
    for asking in (everything(engine), engine.count_tokens("晩")):
        with pytest.raises(type(expected)) as caught:
            await asking
        assert expected.values == caught.value.values


async def test_health(worker: LoopbackWorker, engine: HttpEngine) -> None:
    """Loading and failing are states, not errors, though they come with a 503."""
    worker.answers["/health"] = 503, {"status": "loading", "progress": 0.4}
    assert Health(EngineStatus.LOADING, 0.4) == await engine.health()
    worker.answers["/health"] = 503, {"status": "failed", "reason": "why"}
    assert Health(EngineStatus.FAILED, reason="why") == await engine.health()
    worker.answers["/health"] = 200, {"status": "ready", "model": "m", "progress": 1.0}
    assert Health(EngineStatus.READY, 1.0, model="m") == await engine.health()


async def test_something_else_answers(worker: LoopbackWorker, engine: HttpEngine) -> None:
    """What does not speak the worker's language is no worker."""
    bodies: tuple[object, ...] = ("hello", [], {"status": "tired"}, {})
    for body in bodies:
        worker.answers["/health"] = 200, body
        with pytest.raises(EngineUnavailable):
            await engine.health()


async def test_counting(worker: LoopbackWorker, engine: HttpEngine) -> None:
    """How many tokens a text is, and what of it the model cannot see."""
    worker.answers["/tokenize"] = 200, {"tokens": [2, 3], "count": 2, "unknown": ["晩"]}
    assert TokenCount(2, ("晩",)) == await engine.count_tokens("晩")


async def test_nobody_listens(tmp_path: Path) -> None:
    """A socket that is not there is an engine that is not available, whatever is asked."""
    async with HttpEngine(f"unix:{tmp_path}/none") as engine:
        for asking in (engine.health(), engine.count_tokens("晩"), everything(engine)):
            with pytest.raises(EngineUnavailable):
                await asking
