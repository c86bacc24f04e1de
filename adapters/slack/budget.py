"""How often each Web API method may be called.

Slack counts per method and workspace: all threads share one budget. A minute's calls are spread over the
minute, first come first served: a burst would be followed by a long silence in every thread. After a 429 the
whole method rests for as long as Slack said, so that no other thread runs into the same wall.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from adapters.slack.bucket import Bucket
from bot.clock import Clock
from bot.errors import RetryLater
from bot.throttle import RoomThrottle

DEFAULT_REST_S = 5.0
"""After a 429 that does not say for how long."""
_CHANNELS_REMEMBERED = 500


@dataclass(frozen=True, slots=True)
class Rate:
    """`at_once` calls of a workspace without waiting, and another one every `each_s` seconds."""

    at_once: int
    each_s: float


def _a_minute(calls: int, at_once: int) -> Rate:
    # In no minute more than `calls`. A second longer, since Slack counts arrivals and we count departures.
    return Rate(at_once, 61.0 / (calls - at_once))


POSTS_PER_CHANNEL = (4, 4.5)
"""chat.postMessage, for each channel: one a second, short bursts are tolerated. Calls, seconds."""

RATES = {
    "chat.update": _a_minute(50, at_once=8),
    "chat.startStream": _a_minute(20, at_once=5),
    "chat.appendStream": _a_minute(100, at_once=4),
    "chat.stopStream": _a_minute(20, at_once=5),
    "chat.postEphemeral": _a_minute(100, at_once=10),
    "conversations.replies": _a_minute(50, at_once=5),
    "conversations.history": _a_minute(50, at_once=5),
    "conversations.open": _a_minute(50, at_once=5),
    "files.getUploadURLExternal": _a_minute(20, at_once=2),
    "files.completeUploadExternal": _a_minute(20, at_once=2),
    "users.info": _a_minute(100, at_once=10),
    "views.publish": _a_minute(50, at_once=5),
}


class Budget:
    """Waits for a method's turn, and remembers which methods must rest. One for each workspace."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._methods = {method: Bucket(rate.at_once, rate.each_s, clock) for method, rate in RATES.items()}
        self._posts: OrderedDict[str, RoomThrottle] = OrderedDict()
        self._rests_until: dict[str, float] = {}

    async def turn(self, method: str, channel: str = "", *, patient: bool = False) -> None:
        """Wait until `method` may be called. A `patient` call lets others go first, in turns.

        Raises:
            RetryLater: Slack wants no call of the method yet.
        """
        self._raise_if_resting(method)
        if method == "chat.postMessage":
            await self._posts_to(channel).acquire()
        elif method in self._methods:
            await self._methods[method].acquire(patient=patient)
        self._raise_if_resting(method)

    def free(self, method: str) -> bool:
        """Whether `method` (one that is counted for the whole workspace) could be called at once."""
        return self._rest(method) <= 0 and self._methods[method].free

    def rest(self, method: str, seconds: float | None) -> None:
        """Slack answered 429: no call of `method` for that long."""
        self._rests_until[method] = self._clock.now() + (DEFAULT_REST_S if seconds is None else seconds)

    def _rest(self, method: str) -> float:
        return self._rests_until.get(method, 0.0) - self._clock.now()

    def _raise_if_resting(self, method: str) -> None:
        if (left := self._rest(method)) > 0:
            raise RetryLater(f"{method}: Slack asked for a rest", left)

    def _posts_to(self, channel: str) -> RoomThrottle:
        throttle = self._posts.setdefault(channel, RoomThrottle(*POSTS_PER_CHANNEL, self._clock))
        self._posts.move_to_end(channel)
        if len(self._posts) > _CHANNELS_REMEMBERED:
            self._posts.popitem(last=False)
        return throttle
