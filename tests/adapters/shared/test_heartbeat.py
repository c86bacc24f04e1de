"""Until when a platform was listened to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from adapters.shared.heartbeat import BEAT_EVERY_S, LOOK_EVERY_S, keep_beating
from tests.fakes.clock import FakeClock
from tests.fakes.heartbeats import MemoryHeartbeats


@asynccontextmanager
async def beating(heartbeats: MemoryHeartbeats, clock: FakeClock, places: set[str]) -> AsyncIterator[None]:
    """A task that beats for whatever is in `places`."""
    task = asyncio.create_task(keep_beating(heartbeats, "slack", clock, lambda: sorted(places)))
    try:
        await clock.rest()
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_it_beats_for_the_places_that_are_heard() -> None:
    """At once, then every few seconds; one that the connection is lost to keeps its last moment."""
    heartbeats, clock, places = MemoryHeartbeats(), FakeClock(), {"T1", "T2"}
    begun = heartbeats.now
    async with beating(heartbeats, clock, places):
        assert heartbeats.beats == [("T1", "T2")]
        places.remove("T2")
        heartbeats.now = later = begun.replace(minute=1)
        await clock.advance(BEAT_EVERY_S)
        assert heartbeats.beats == [("T1", "T2"), ("T1",)]
    assert await heartbeats.listened_until("slack") == {"T1": later, "T2": begun}
    assert await heartbeats.listened_until("discord") == {}


async def test_nothing_is_kept_while_nothing_is_heard() -> None:
    """The store is left alone until there is a place again, and then told soon."""
    heartbeats, clock, places = MemoryHeartbeats(), FakeClock(), set[str]()
    async with beating(heartbeats, clock, places):
        await clock.advance(3 * BEAT_EVERY_S)
        assert heartbeats.beats == []
        places.add("T1")
        await clock.advance(LOOK_EVERY_S)
        assert heartbeats.beats == [("T1",)]


async def test_a_store_that_fails_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    """It is said in the log, and the next beat is kept."""
    heartbeats, clock = MemoryHeartbeats(), FakeClock()
    heartbeats.broken = True
    async with beating(heartbeats, clock, {"T1"}):
        assert "the disk is full" in caplog.text
        heartbeats.broken = False
        await clock.advance(BEAT_EVERY_S)
        assert heartbeats.beats == [("T1",)]
