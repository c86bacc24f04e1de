"""A budget that refills steadily: a few calls at once, then evenly, in the order of coming."""

from __future__ import annotations

import asyncio

from bot.clock import Clock

_NOTHING = 1e-6
"""So little of a call that waiting for it may round to no time at all."""


class Bucket:
    """`at_once` calls without waiting, and another one every `each_s` seconds.

    There are two lanes, one for calls that may come a little later; where both wait they take turns.
    """

    def __init__(self, at_once: int, each_s: float, clock: Clock) -> None:
        self._at_once = at_once
        self._each_s = each_s
        self._clock = clock
        self._left = float(at_once)
        self._filled_at = clock.now()
        self._lanes = (asyncio.Lock(), asyncio.Lock())
        self._last = 0

    @property
    def free(self) -> bool:
        """Whether a call would not have to wait."""
        self._fill()
        return self._left >= 1 and not any(lane.locked() for lane in self._lanes)

    async def acquire(self, *, patient: bool = False) -> None:
        """Wait for a call's turn and take it."""
        lane = int(patient)
        async with self._lanes[lane]:
            while (lacking := self._lacking(lane)) > _NOTHING:
                await self._clock.sleep(lacking * self._each_s)
            self._left -= 1
            self._last = lane

    def _lacking(self, lane: int) -> float:
        """How many calls are still to come before one of `lane` may be made."""
        self._fill()
        others_turn = self._last == lane and self._lanes[1 - lane].locked()
        return 1 + others_turn - self._left

    def _fill(self) -> None:
        now = self._clock.now()
        self._left = min(float(self._at_once), self._left + (now - self._filled_at) / self._each_s)
        self._filled_at = now
