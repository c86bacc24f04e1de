"""So many calls in any period, in a line."""

from __future__ import annotations

import asyncio

from bot.aio.rate_limit import RateLimiter
from tests.fakes.clock import FakeClock

LOW_PRIORITY_DELAY_S = 3.0


async def waited(
    window: RateLimiter, clock: FakeClock, name: str, log: list[str], *, low_priority: bool = False
) -> None:
    """Take a call and write down when."""
    await window.acquire(low_priority=low_priority)
    log.append(f"{name} {clock.now():g}")


async def test_so_many_in_any_period() -> None:
    """The first few at once, then each when an earlier one is old enough, in the order of coming."""
    clock, log = FakeClock(), list[str]()
    window = RateLimiter(2, 6.0, clock)
    calls = [asyncio.create_task(waited(window, clock, "a", log))]
    await clock.advance(4)
    calls += [asyncio.create_task(waited(window, clock, name, log)) for name in "bcde"]
    await clock.advance(20)
    await asyncio.gather(*calls)
    assert log == ["a 0", "b 4", "c 6", "d 10", "e 12"]


async def test_calls_of_low_priority_let_others_go_first() -> None:
    """As long as little is left, but not for ever."""
    clock, log = FakeClock(), list[str]()
    window = RateLimiter(10, 60.0, clock, LOW_PRIORITY_DELAY_S)
    for _ in range(9):
        await window.acquire()
    patient = asyncio.create_task(waited(window, clock, "patient", log, low_priority=True))
    await clock.advance(1)
    await waited(window, clock, "other", log)
    last = asyncio.create_task(waited(window, clock, "last", log))
    await clock.advance(60)
    await asyncio.gather(patient, last)
    assert log == ["other 1", "last 60", "patient 60"]
    again = asyncio.create_task(waited(window, clock, "again", log, low_priority=True))
    await clock.advance(1)
    for _ in range(8 - window.used):
        await window.acquire()
    held = asyncio.create_task(waited(window, clock, "held", log, low_priority=True))
    await clock.advance(LOW_PRIORITY_DELAY_S)
    await asyncio.gather(again, held)
    assert log[3:] == ["again 61", "held 62"]


async def test_who_goes_away_lets_the_next_one_in() -> None:
    """A call that is given up keeps nobody waiting."""
    clock, log = FakeClock(), list[str]()
    window = RateLimiter(1, 6.0, clock)
    await window.acquire()
    first, second = (asyncio.create_task(waited(window, clock, name, log)) for name in "ab")
    await clock.advance(1)
    first.cancel()
    await clock.advance(10)
    await second
    assert log == ["b 6"]


async def test_a_limit_that_changes() -> None:
    """Fewer from now on, and what was called before counts still; or more, at once."""
    clock, log = FakeClock(), list[str]()
    window = RateLimiter(3, 6.0, clock)
    for _ in range(3):
        await window.acquire()
        await clock.advance(1)
    window.rate_limit = 1
    fewer = asyncio.create_task(waited(window, clock, "fewer", log))
    await clock.advance(6)
    await fewer
    window.rate_limit = 2
    await waited(window, clock, "more", log)
    assert log == ["fewer 8", "more 9"]


async def test_free() -> None:
    """Whether a call would go through at once."""
    clock = FakeClock()
    window = RateLimiter(1, 2.0, clock)
    assert window.has_capacity
    await window.acquire()
    assert not window.has_capacity
    assert not window.idle
    await clock.advance(2.0)
    assert window.has_capacity
    assert window.idle
