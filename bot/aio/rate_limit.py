"""asyncio-throttle on an injected clock: it waits in a line, as long as it must, and never polls."""

from __future__ import annotations

import asyncio
from bisect import insort
from collections import deque
from itertools import count

from asyncio_throttle.throttler import Throttler

from bot.aio.clock import Clock

NO_TIME_S = 1e-6
"""A wait so short that adding it to the time may round to no wait at all, again and again."""

_KEPT_FREE = 0.1
"""The part of the calls that those of low priority leave to others, as long as they let others go first."""

_Waiter = tuple[float, int, asyncio.Event]
"""Since when (or from when on) a call counts as waiting, its number, and what wakes it."""


class RateLimiter(Throttler):
    """At most `rate_limit` calls in any `period` seconds. Nobody waits while there is one left.

    `rate_limit` may be set anew at any time. A call of low priority lets others go first, but not for longer
    than `low_priority_delay_s`.

    asyncio-throttle reads `time.monotonic` and looks every 10 ms whether a place is free; a hundred rooms
    would wake the loop ten thousand times a second. The sliding window is kept, the waiting is not.
    """

    _task_logs: deque[float]

    def __init__(
        self, rate_limit: int, period: float, clock: Clock, low_priority_delay_s: float = 0.0
    ) -> None:
        super().__init__(rate_limit, period)
        self._clock = clock
        self._low_priority_delay_s = low_priority_delay_s
        self._waiting: list[_Waiter] = []
        self._number = count()

    @property
    def used(self) -> int:
        """How many calls the window holds."""
        self.flush()
        return len(self._task_logs)

    @property
    def idle(self) -> bool:
        """Whether the window is empty, so that forgetting this throttle changes nothing."""
        return not self.used

    @property
    def has_capacity(self) -> bool:
        """Whether a call would not have to wait."""
        return self.used < self.rate_limit and not self._waiting

    def flush(self) -> None:
        """Forget the calls that have left the window."""
        while self._task_logs and self._leaves_in(0) < NO_TIME_S:
            self._task_logs.popleft()

    async def acquire(self, *, low_priority: bool = False) -> None:
        """Wait for a place in the window and take it, in the order of coming."""
        since = self._clock.now() + (self._low_priority_delay_s if low_priority else 0.0)
        waiter = (since, next(self._number), asyncio.Event())
        insort(self._waiting, waiter)
        try:
            await self._until_turn(waiter)
            self._task_logs.append(self._clock.now())
        finally:
            self._waiting.remove(waiter)
            if self._waiting:
                self._waiting[0][2].set()

    async def _until_turn(self, waiter: _Waiter) -> None:
        since, _, is_first = waiter
        while True:
            if self._waiting[0] is not waiter:
                is_first.clear()
                await is_first.wait()
            elif (wait_s := self._wait_s(since)) > NO_TIME_S:
                await self._clock.sleep(wait_s)
            else:
                return

    def _wait_s(self, since: float) -> float:
        """How long the first in the line has to wait, as it looks now."""
        patient_s = since - self._clock.now()
        patient = patient_s > NO_TIME_S
        too_many = self.used - self.rate_limit + (int(self.rate_limit * _KEPT_FREE) if patient else 0)
        if too_many < 0:
            return 0.0
        free_s = self._leaves_in(too_many)
        return min(free_s, patient_s) if patient else free_s

    def _leaves_in(self, place: int) -> float:
        # From the difference of two readings, not their sum: a sum can round to a moment never reached.
        return float(self.period) - (self._clock.now() - self._task_logs[place])
