"""How often each Web API method may be called.

Slack counts per method and workspace: all threads share one budget. Messages that grow share it evenly, each
at its own pace, for a burst would be followed by a long silence in every thread. After a 429 the whole method
rests for as long as Slack said, so that no other thread runs into the same wall.
"""

from __future__ import annotations

import math

from cachetools import LRUCache

from bot.aio.clock import Clock
from bot.aio.rate_limit import RateLimiter
from bot.domain.errors import RetryLater

DEFAULT_RETRY_AFTER_S = 5.0
"""After a 429 that does not say for how long."""
MINUTE_S = 60.5
"""Half a second longer, since Slack counts arrivals and we count departures."""
_CHANNELS_REMEMBERED = 500

POSTS_PER_CHANNEL = (4, 4.5)
"""chat.postMessage, for each channel: one a second, short bursts are tolerated. Calls, seconds."""

APPEND, UPDATE = "chat.appendStream", "chat.update"

CALLS_A_MINUTE = {
    UPDATE: 50,
    APPEND: 100,
    "chat.startStream": 20,
    "chat.stopStream": 20,
    "chat.delete": 50,
    "chat.postEphemeral": 100,
    "conversations.replies": 50,
    "conversations.history": 50,
    "conversations.open": 50,
    "files.getUploadURLExternal": 20,
    "files.info": 100,
    "files.completeUploadExternal": 20,
    "users.conversations": 50,
    "users.info": 100,
    "views.publish": 50,
}
"""What Slack publishes, per method and workspace."""

READ_THREAD, START_STREAM = "conversations.replies", "chat.startStream"
READS = (READ_THREAD, "conversations.history")
"""New commercial apps outside the Marketplace may call these once a minute, for few messages."""
RESTRICTED_PAGE = 15
_READ_DELAY_S = 3_600.0
"""What is read after an absence, and nobody waits for, leaves others some calls of every minute."""
_RESTRICTED_CALLS = 1
_LONG_BLOCK_S = 20.0
_FEW_CALLS = 5
"""A rest that long after so few calls is no burst of ours."""
_RESTRICTION_S = 1_800.0
"""After that it is tried again: another process may have used up the minute."""

_SHARE_FOR_GROWTH = {APPEND: 0.96, UPDATE: 0.84}
"""The part of a method's calls for texts that grow; edits are needed for last texts and buttons, too."""
_COMFORTABLE_S = 2.95
"""How long people wait gladly for more of a text: three seconds, of which Slack's answer takes some."""
_NEARLY, _BARELY = 0.85, 1.1
"""A share that is so near counts as that: what is saved by little is there when it is missed by little."""
_NEARLY_USED_UP = 0.97

LOW_PRIORITY_DELAY_S = 3.0
"""How long a call of low priority lets others go first."""


def even_interval_s(method: str, messages: int) -> float:
    """How long each of so many messages that grow by `method` rests where the minute is shared out evenly."""
    return messages * MINUTE_S / (CALLS_A_MINUTE[method] * _SHARE_FOR_GROWTH[method])


class MethodRateLimits:
    """Waits for a method's turn, and remembers which methods must rest. One for each workspace."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._methods = {
            method: RateLimiter(
                calls, MINUTE_S, clock, _READ_DELAY_S if method in READS else LOW_PRIORITY_DELAY_S
            )
            for method, calls in CALLS_A_MINUTE.items()
        }
        self._posts: LRUCache[str, RateLimiter] = LRUCache(_CHANNELS_REMEMBERED)
        self._blocked_until: dict[str, float] = {}
        self._restricted_until: dict[str, float] = {}

    async def acquire(self, method: str, channel: str = "", *, low_priority: bool = False) -> None:
        """Wait until `method` may be called. A call of low priority lets others go first, for a while.

        Raises:
            RetryLater: Slack wants no call of the method yet.
        """
        self._raise_if_blocked(method)
        self._lift_restriction(method)
        if method == "chat.postMessage":
            await self._posts.setdefault(channel, RateLimiter(*POSTS_PER_CHANNEL, self._clock)).acquire()
        elif method in self._methods:
            await self._methods[method].acquire(low_priority=low_priority)
        self._raise_if_blocked(method)

    def edit_interval_s(self, method: str, messages: int) -> float:
        """How long each of so many messages that grow by `method` rests between two changes.

        It is an even share, or what people wait gladly where that is about the same: four streams leave a
        fifth of their budget, and five, which need a little more than all of it, live on that for a minute.
        """
        share_s = even_interval_s(method, messages)
        about = _NEARLY * _COMFORTABLE_S < share_s < _BARELY * _COMFORTABLE_S
        left = self._methods[method].used < CALLS_A_MINUTE[method] * _NEARLY_USED_UP
        return _COMFORTABLE_S if about and (left or share_s < _COMFORTABLE_S) else share_s

    def has_capacity(self, method: str) -> bool:
        """Whether `method` (one that is counted for the whole workspace) could be called at once."""
        return self._blocked_for_s(method) <= 0 and self._methods[method].has_capacity

    def is_exhausted(self, method: str) -> bool:
        """Whether a call of `method` would have to wait for others, for how long nobody knows."""
        return not self._methods[method].has_capacity

    def block(self, method: str, seconds: float | None) -> None:
        """Slack answered 429: no call of `method` for that long."""
        self._blocked_until[method] = self._clock.now() + (
            DEFAULT_RETRY_AFTER_S if seconds is None else seconds
        )
        if method in READS and (seconds or 0.0) >= _LONG_BLOCK_S and self._methods[method].used <= _FEW_CALLS:
            self.restrict(method)

    def restrict(self, method: str) -> None:
        """Slack lets this app call `method` once a minute only."""
        self._restricted_until[method] = self._clock.now() + _RESTRICTION_S
        self._methods[method].rate_limit = _RESTRICTED_CALLS

    def calls_a_minute(self, method: str) -> int:
        """How often `method` (one that is counted for the whole workspace) may be called, as far as known."""
        self._lift_restriction(method)
        return self._methods[method].rate_limit

    @property
    def reads_a_minute(self) -> int:
        """How often this app may read a thread, as far as that is known."""
        return self.calls_a_minute(READ_THREAD)

    @property
    def reads_are_restricted(self) -> bool:
        """Whether this app may read a thread only once a minute, few messages at a time."""
        return self.reads_a_minute == 1

    def _lift_restriction(self, method: str) -> None:
        if self._clock.now() >= self._restricted_until.get(method, math.inf):
            del self._restricted_until[method]
            self._methods[method].rate_limit = CALLS_A_MINUTE[method]

    def _blocked_for_s(self, method: str) -> float:
        return self._blocked_until.get(method, 0.0) - self._clock.now()

    def _raise_if_blocked(self, method: str) -> None:
        if (left := self._blocked_for_s(method)) > 0:
            raise RetryLater(f"{method}: Slack asked for a rest", left)
