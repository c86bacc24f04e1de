"""So many calls in any minute, in the order of coming."""

from __future__ import annotations

import asyncio
from bisect import insort
from collections import deque
from itertools import count

from bot.aio.clock import Clock

PATIENCE_S = 3.0
"""How long a patient call lets others go first."""
_KEPT_FREE = 0.1
"""The part of the calls that patient ones leave to others as long as they are patient."""
_NOTHING_S = 1e-6
"""A wait so short that adding it to the time may round to no wait at all."""

_Place = tuple[float, int, asyncio.Event]
"""Since when (or from when on) a call counts as waiting, its number, and what wakes it."""


class Window:
    """`calls` in any `period_s` at most. Nobody waits while there is one left."""

    def __init__(self, calls: int, period_s: float, clock: Clock, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._calls = calls
        self._period_s = period_s
        self._clock = clock
        self._made: deque[float] = deque()
        self._line: list[_Place] = []
        self._number = count()

    @property
    def calls(self) -> int:
        """How many it takes."""
        return self._calls

    def resize(self, calls: int) -> None:
        """So many from now on."""
        self._calls = calls

    @property
    def free(self) -> bool:
        """Whether a call would not have to wait."""
        return self.made < self._calls and not self._line

    @property
    def made(self) -> int:
        """How many calls the window holds."""
        self._forget_old()
        return len(self._made)

    async def acquire(self, *, patient: bool = False) -> None:
        """Wait for a call's turn and take it."""
        since = self._clock.now() + (self._patience_s if patient else 0.0)
        place = (since, next(self._number), asyncio.Event())
        insort(self._line, place)
        try:
            await self._until_turn(place)
            self._made.append(self._clock.now())
        finally:
            self._line.remove(place)
            if self._line:
                self._line[0][2].set()

    async def _until_turn(self, place: _Place) -> None:
        since, _, first_now = place
        while True:
            if self._line[0] is not place:
                first_now.clear()
                await first_now.wait()
            elif (wait_s := self._wait_s(since)) > _NOTHING_S:
                await self._clock.sleep(wait_s)
            else:
                return

    def _wait_s(self, since: float) -> float:
        """How long the first in the line has to wait, as it looks now."""
        left_s = since - self._clock.now()
        calls = self._calls if left_s <= _NOTHING_S else self._calls - int(self._calls * _KEPT_FREE)
        too_many = self.made - calls
        if too_many < 0:
            return 0.0
        free_s = self._leaves_in(self._made[too_many])
        return free_s if left_s <= _NOTHING_S else min(free_s, left_s)

    def _forget_old(self) -> None:
        while self._made and self._leaves_in(self._made[0]) < _NOTHING_S:
            self._made.popleft()

    def _leaves_in(self, made_at: float) -> float:
        # From the difference of two readings, not their sum: a sum can round to a moment never reached.
        return self._period_s - (self._clock.now() - made_at)
