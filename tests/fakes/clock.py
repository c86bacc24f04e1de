"""A clock that stands still until a test lets time pass."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from itertools import count


async def settle(rounds: int = 200) -> None:
    """Let every task run until it waits for something outside."""
    for _ in range(rounds):
        await asyncio.sleep(0)


class FakeClock:
    """`bot.aio.clock.Clock` that a test moves. `rest` waits until everything that could go on did."""

    def __init__(self, rest: Callable[[], Awaitable[None]] = settle) -> None:
        self.rest = rest
        self._now = 0.0
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []

    def now(self) -> float:
        """Seconds since the test began."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Return when the test has let `seconds` pass."""
        event = asyncio.Event()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), event))
        await event.wait()

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass, waking whoever sleeps in their order, each at their own moment."""
        await self.rest()
        until = self._now + seconds
        while self._sleepers and self._sleepers[0][0] <= until:
            moment, _, event = heapq.heappop(self._sleepers)
            self._now = max(self._now, moment)
            event.set()
            await self.rest()
        self._now = until
        await self.rest()


class InstantClock:
    """`bot.aio.clock.Clock` on which a sleep takes no time: the clock is moved on by it.

    `slept`: what was slept, in its order.
    """

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._now = 0.0

    def now(self) -> float:
        """Seconds that were slept, or that the test let pass."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Return at once, `seconds` later."""
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self._now += seconds


class LoopClock:
    """`bot.aio.clock.Clock` on the running loop's own time, whatever that loop makes of it."""

    def now(self) -> float:
        """The loop's time."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Let the loop wake us."""
        await asyncio.sleep(seconds)
