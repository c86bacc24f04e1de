"""When a message of ours is edited next: open replies get their part of the budget, old ones less often."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import discord
from cachetools import FIFOCache

from adapters.discord.api.rate_limits import Priority, RequestBudget, RouteLimits, Slot
from bot.aio.clock import Clock
from bot.aio.rate_limit import NO_TIME_S
from bot.domain.chat import Room
from bot.domain.replies import Reply, ReplyState

CHANGE_EVERY_S = 1.05
"""A message is edited at most once a second."""
OPEN = {ReplyState.WAITING: Priority.QUEUE_PLACE, ReplyState.WRITING: Priority.GROWTH}
EARLY = 2
"""So many pieces of a text that begins come before the next ones of others: one sees that it is written."""
STALE_S = 5.0
"""Who did not ask again for so long after it should does not wait for a turn any more."""
REMEMBERED = 5000
LONG_S = 20.0
"""A place in the queue that is so old is told as soon as a text that grows."""


_BROKEN_OFF = (ReplyState.WRITING, ReplyState.WAITING)
"""A text that nobody writes on just now: a mark that it grows must not stay."""
OLD = timedelta(hours=1)
OLD_EVERY_S = 2.1
"""Of messages older than an hour Discord takes three edits in six seconds a channel."""


@dataclass(slots=True)
class _Message:
    """What an open message shows, since when, and how often it grew.

    What turn it will ask for, and when, and the slot it got.
    """

    state: ReplyState
    changed_s: float
    growths: int = 0
    wants: Priority | None = None
    asks_s: float = 0.0
    slot: Slot | None = None

    @property
    def rank(self) -> tuple[int, float]:
        """Who comes first among those that want the same turn."""
        return min(self.growths, EARLY), self.changed_s

    @property
    def kept(self) -> Slot | None:
        """The slot, as long as nothing was sent with it."""
        return self.slot if self.slot is not None and not self.slot.sent else None


class EditScheduler:
    """Gives the turns that are left to the messages that waited longest: they all grow equally often."""

    def __init__(self, budget: RequestBudget, routes: RouteLimits, clock: Clock) -> None:
        self._budget = budget
        self._routes = routes
        self._clock = clock
        self._messages = FIFOCache[str, _Message](REMEMBERED)

    def seconds_until_due(self, room: Room, message_id: str, reply: Reply) -> float:
        """How many seconds are left until an open message is due to show `reply`.

        0: it is now, and a slot is kept for it. What is shown for the first time has no rest.
        """
        message = self._messages.get(message_id)
        if message is None or reply.state not in OPEN or (message.state, reply.state) == _BROKEN_OFF:
            return 0.0
        if message.kept is not None:
            return 0.0
        due_s = message.changed_s + CHANGE_EVERY_S - self._clock.now()
        due_s = max(due_s, self._routes.seconds_until_due(room.id))
        if due_s > NO_TIME_S:
            message.wants = None
            return due_s
        return self._turn_in_s(message, OPEN[reply.state])

    def _turn_in_s(self, message: _Message, priority: Priority) -> float:
        now = self._clock.now()
        if now - message.changed_s > LONG_S:
            priority = Priority.GROWTH
        mine = (priority, message.rank)
        behind = sum(
            other.wants is not None and (other.wants, other.rank) < mine and now < other.asks_s + STALE_S
            for other in self._messages.values()
        )
        message.slot, message.wants = self._budget.try_acquire(priority, behind), None
        if message.slot is not None:
            return 0.0
        rest_s = self._budget.seconds_until_free(priority, behind)
        message.wants, message.asks_s = priority, now + rest_s
        return rest_s

    def shown(self, message_id: str, reply: Reply) -> None:
        """A message shows something else now."""
        if reply.state in OPEN:
            former = self._messages.get(message_id)
            growths = former.growths + (reply.state is ReplyState.WRITING) if former is not None else 0
            self._messages[message_id] = _Message(reply.state, self._clock.now(), growths)
        else:
            self.forget(message_id)

    def forget(self, message_id: str) -> None:
        """A message changes no more."""
        self._messages.pop(message_id, None)

    @asynccontextmanager
    async def turn(self, message_id: str, reply: Reply) -> AsyncIterator[None]:
        """Change a message in this block: with the slot that is kept for it, or before all that can wait.

        Raises:
            RetryLater: Discord wants nothing of the bot for a while.
        """
        message = self._messages.get(message_id)
        async with self._budget.turn(slot=message.kept if message is not None else None):
            self.shown(message_id, reply)
            yield


class MinimumInterval:
    """At most one change in `every_s` seconds in a room, on `clock`."""

    def __init__(self, clock: Clock, every_s: float) -> None:
        self._clock = clock
        self._every_s = every_s
        self._next_s: dict[str, float] = {}

    def acquire(self, room: Room) -> float:
        """0: the change may be made now, and counts. Else the seconds until it may."""
        now_s = self._clock.now()
        self._next_s = {where: next_s for where, next_s in self._next_s.items() if next_s > now_s}
        if room.id in self._next_s:
            return self._next_s[room.id] - now_s
        self._next_s[room.id] = now_s + self._every_s
        return 0.0

    def seconds_until_due(self, room: Room) -> float:
        """The seconds until a change may be made, without making one."""
        return max(0.0, self._next_s.get(room.id, 0.0) - self._clock.now())


class OldMessageLimit:
    """Edits of messages by their age, which stands in their ids; `today` is the time of day."""

    def __init__(self, clock: Clock, today: Callable[[], datetime] = discord.utils.utcnow) -> None:
        self._spacing = MinimumInterval(clock, OLD_EVERY_S)
        self._today = today

    def acquire(self, room: Room, message_id: int) -> float:
        """As `MinimumInterval.acquire`; always 0 for a message that is not old."""
        return self._spacing.acquire(room) if self._is_old(message_id) else 0.0

    def seconds_until_due(self, room: Room, message_id: int) -> float:
        """As `MinimumInterval.seconds_until_due`; always 0 for a message that is not old."""
        return self._spacing.seconds_until_due(room) if self._is_old(message_id) else 0.0

    def _is_old(self, message_id: int) -> bool:
        return self._today() - discord.utils.snowflake_time(message_id) > OLD
