"""asyncio-throttle on an injected clock, waiting exactly as long as it must instead of polling."""

from __future__ import annotations

from collections import deque

from asyncio_throttle.throttler import Throttler

from bot.aio.clock import Clock

NO_TIME_S = 1e-6
"""A wait so short that adding it to the time may round to no wait at all, again and again."""


class RateLimiter(Throttler):
    """At most `rate_limit` changes in any `period` seconds.

    asyncio-throttle reads `time.monotonic` and looks every 10 ms whether a place is free; a hundred rooms
    would wake the loop ten thousand times a second. The sliding window is kept, the waiting is not.
    """

    _task_logs: deque[float]

    def __init__(self, rate_limit: int, period: float, clock: Clock) -> None:
        super().__init__(rate_limit, period)
        self._clock = clock

    @property
    def idle(self) -> bool:
        """Whether the window is empty, so that forgetting this throttle changes nothing."""
        self.flush()
        return not self._task_logs

    def flush(self) -> None:
        """Forget the changes that have left the window."""
        while self._task_logs and self._leaves_in() < NO_TIME_S:
            self._task_logs.popleft()

    async def acquire(self) -> None:
        """Wait for a place in the window and take it."""
        self.flush()
        while len(self._task_logs) >= self.rate_limit:
            await self._clock.sleep(self._leaves_in())
            self.flush()
        self._task_logs.append(self._clock.now())

    def _leaves_in(self) -> float:
        # From the difference of two readings, not their sum: a sum can round to a moment never reached.
        return float(self.period) - (self._clock.now() - self._task_logs[0])
