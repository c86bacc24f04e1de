"""How often each Web API method may be called.

Slack counts per method and workspace: all threads share one budget. After a 429 the whole method rests for as
long as Slack said, so that no other thread runs into the same wall.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from bot.clock import Clock
from bot.errors import RetryLater
from bot.throttle import RoomThrottle

DEFAULT_REST_S = 5.0
"""After a 429 that does not say for how long."""
_CHANNELS_REMEMBERED = 500


@dataclass(frozen=True, slots=True)
class Rate:
    """`calls` in any `period_s`; `by_channel`: for each channel of its own."""

    calls: int
    period_s: float
    by_channel: bool = False


_MINUTE_S = 61.0
"""A second longer, since Slack counts arrivals and we count departures."""

RATES = {
    "chat.update": Rate(50, _MINUTE_S),
    "chat.postMessage": Rate(4, 4.5, by_channel=True),  # one a second, short bursts are tolerated
    "chat.postEphemeral": Rate(100, _MINUTE_S),
    "conversations.replies": Rate(50, _MINUTE_S),
    "conversations.history": Rate(50, _MINUTE_S),
    "users.info": Rate(100, _MINUTE_S),
}


class Budget:
    """Waits for a method's turn, and remembers which methods must rest."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._throttlers: OrderedDict[tuple[str, str], RoomThrottle] = OrderedDict()
        self._rests_until: dict[str, float] = {}

    async def turn(self, method: str, channel: str = "") -> None:
        """Wait until `method` may be called.

        Raises:
            RetryLater: Slack wants no call of the method yet.
        """
        self._raise_if_resting(method)
        if rate := RATES.get(method):
            await self._throttler(method, channel, rate).acquire()
        self._raise_if_resting(method)

    def rest(self, method: str, seconds: float | None) -> None:
        """Slack answered 429: no call of `method` for that long."""
        self._rests_until[method] = self._clock.now() + (DEFAULT_REST_S if seconds is None else seconds)

    def _raise_if_resting(self, method: str) -> None:
        left = self._rests_until.get(method, 0.0) - self._clock.now()
        if left > 0:
            raise RetryLater(f"{method}: Slack asked for a rest", left)

    def _throttler(self, method: str, channel: str, rate: Rate) -> RoomThrottle:
        key = (method, channel if rate.by_channel else "")
        throttler = self._throttlers.setdefault(key, RoomThrottle(rate.calls, rate.period_s, self._clock))
        self._throttlers.move_to_end(key)
        if len(self._throttlers) > _CHANNELS_REMEMBERED:
            self._throttlers.popitem(last=False)
        return throttler
