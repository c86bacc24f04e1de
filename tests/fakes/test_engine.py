"""The scripted engine keeps the promises of the seam."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from bot.domain.errors import EngineUnavailable
from bot.domain.inference import ContextPiece, Delta, EngineStatus, GenerationRequest
from bot.domain.ports import Engine
from bot.domain.sampling import PRESETS
from tests.fakes.engine import ScriptedEngine

REQUEST = GenerationRequest("むかし", PRESETS["standard"], 10)


async def test_it_says_what_it_is_told() -> None:
    """Pieces come in order, and the end ends the stream."""
    engine = ScriptedEngine()
    seam: Engine = engine
    deltas = seam.generate(REQUEST)
    engine.last.say("雨", index=1)
    engine.last.say("。", "stop")
    engine.last.end()

    assert [delta async for delta in deltas] == [Delta(1, "雨"), Delta(0, "。", "stop")]
    assert engine.last.request == REQUEST
    assert engine.last.closed


async def test_it_fails_when_it_is_told() -> None:
    """An error comes where it was put, and health has errors too."""
    engine = ScriptedEngine()
    deltas = engine.generate(REQUEST)
    engine.last.say("雨")
    engine.last.fail(EngineUnavailable())
    engine.state = EngineUnavailable()

    assert await anext(deltas) == Delta(0, "雨")
    with pytest.raises(EngineUnavailable):
        await anext(deltas)
    with pytest.raises(EngineUnavailable):
        await engine.health()


async def test_it_knows_when_nobody_listens() -> None:
    """Closing the iterator is seen by the test; loading and counting answer at once."""
    engine = ScriptedEngine()
    engine.loading(0.4)
    async with aclosing(engine.generate(REQUEST)) as deltas:  # type: ignore[type-var]
        engine.last.say("雨")
        await anext(deltas)
        assert not engine.last.closed

    assert engine.last.closed
    assert (await engine.health()).status is EngineStatus.LOADING
    assert (await engine.count_tokens("雨。")).tokens == 2


async def test_it_plays_what_was_written_down() -> None:
    """A script's steps in order; its events are waited for, and its end ends the stream."""
    hold = asyncio.Event()
    engine = ScriptedEngine(["雨", hold, Delta(1, "。", "stop")])
    deltas = engine.generate(REQUEST)

    assert await anext(deltas) == Delta(0, "雨")
    assert engine.open == 1
    hold.set()
    assert [delta async for delta in deltas] == [Delta(1, "。", "stop")]
    assert (engine.open, engine.requests) == (0, [REQUEST])


async def test_its_window_has_all_the_pieces() -> None:
    """A token a character; what is reserved is what was asked for."""
    memory, note = ContextPiece("memory", "町は雨。"), ContextPiece("note", "しずかに。")
    window = await ScriptedEngine().context_window(replace(REQUEST, prefix=(memory,), depth_inserted=(note,)))

    assert [seen.piece for seen in window.seen] == [memory, ContextPiece("story", "むかし"), note]
    assert (window.tokens, window.reserved) == (12, 10)
