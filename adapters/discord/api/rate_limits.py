"""How often the whole bot may ask Discord for something: one budget for all rooms, and who goes first.

Discord takes 50 requests a second of a bot, wherever they go; what it refuses counts towards a ban of the
address. Answers to interactions lie outside of that. First signs, ends and stops go first; what is only nice
to have soon takes what they leave, and never all of it, so that they need not wait for it.
"""

from __future__ import annotations

import asyncio
import contextvars
from bisect import insort
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import IntEnum
from itertools import count

import structlog
from cachetools import FIFOCache

from bot.aio.cancellation import sleep_until
from bot.aio.clock import Clock
from bot.aio.rate_limit import NO_TIME_S
from bot.domain.errors import RetryLater

REQUESTS_PER_S = 48
"""Of Discord's 50. None is counted twice or late (see `Slot`), so little has to be left for surprises."""
PERIOD_S = 1.0
UNANSWERED_S = 10.0
"""A request without an answer for so long has been counted, or will never be."""
LONGEST_WAIT_S = 5.0
"""A longer rest of the whole bot is waited for by who asks, who may have something newer then."""
QUIET_S = 30.0
"""Before what is not urgent asks again, where too much was refused."""
SOONEST_S = 0.05


BAN_AT, WITHIN_S = 10_000, 600.0
INVALID = frozenset({401, 403, 429})
"""Answers that count, whatever was asked for."""
QUIET_AT = BAN_AT // 4
"""From then on only what people wait for is asked, until it is forgotten."""
_log = structlog.get_logger(__name__)
REMEMBERED = 1000


class Priority(IntEnum):
    """Who goes first. What is not urgent takes no more than its part of the budget, with all before it."""

    FIRST = 0
    """First signs, ends, stops, and all that nobody sorted."""
    GROWTH = 1
    """Texts that grow."""
    QUEUE_PLACE = 2
    """Places in the queue."""
    HISTORY = 3
    """What was written while the bot was away."""
    TYPING = 4


PARTS = {
    Priority.FIRST: 1.0,
    Priority.GROWTH: 0.94,
    Priority.QUEUE_PLACE: 0.8,
    Priority.HISTORY: 0.7,
    Priority.TYPING: 0.6,
}
"""Little is kept free for what is urgent: it takes the next slot that is free, and where all are in use one
is every few hundredths of a second."""


@dataclass(slots=True, eq=False)
class Slot:
    """Room for one request, taken from when it may be sent until a second after its answer.

    Discord counted it somewhere between the two: so no second of Discord's, whenever it begins, has more
    requests than there are slots, however long each was on its way.
    """

    until_s: float
    sent: bool = False


@dataclass(frozen=True, slots=True)
class _Standing:
    """The slot that the running task may use, and how urgent what it asks for besides is."""

    slot: Slot
    priority: Priority


_STANDING: contextvars.ContextVar[_Standing | None] = contextvars.ContextVar("standing", default=None)
_Place = tuple[Priority, int, asyncio.Event]


class RequestBudget:
    """The slots of one bot's connection. `per_s`: its share of what Discord takes of the bot."""

    def __init__(self, clock: Clock, per_s: float = REQUESTS_PER_S) -> None:
        if per_s < 1:
            raise ValueError(f"a budget of {per_s} requests a second lets nothing through")
        self._clock = clock
        self._per_s = per_s
        self._slots: list[Slot] = []
        self._waiting: list[_Place] = []
        self._number = count()
        self._paused_until_s = 0.0
        self.invalid_requests = InvalidRequests(clock)

    @asynccontextmanager
    async def turn(
        self, priority: Priority = Priority.FIRST, slot: Slot | None = None
    ) -> AsyncIterator[None]:
        """What the task asks for in this block has a slot: `slot`, or one that is waited for here.

        To be entered before discord.py is called, which holds a lock of the route while it waits.

        Raises:
            RetryLater: Discord wants nothing of the bot for a while.
        """
        slot = slot or await self.acquire(priority)
        before = _STANDING.set(_Standing(slot, priority))
        try:
            yield
        finally:
            _STANDING.reset(before)
            self.release(slot)

    async def begin(self) -> Slot:
        """A request leaves now; returns the slot that it has, which it waits for where its task has none.

        Raises:
            RetryLater: Discord wants nothing of the bot for a while.
        """
        standing = _STANDING.get()
        slot = standing.slot if standing is not None and not standing.slot.sent else None
        if slot is None:
            # A second request of the task, or the library's own second try, for which a route waits.
            slot = await self.acquire(Priority.FIRST if standing is None else standing.priority)
        slot.sent, slot.until_s = True, self._clock.now() + UNANSWERED_S
        if slot not in self._slots:
            self._slots.append(slot)  # its route kept it waiting for longer than it was kept
        return slot

    def answered(self, slot: Slot) -> None:
        """A request has its answer, or will have none."""
        slot.until_s = self._clock.now() + PERIOD_S
        self._wake()

    def pause(self, seconds: float) -> None:
        """Discord wants nothing of the whole bot for so long."""
        self._paused_until_s = max(self._paused_until_s, self._clock.now() + seconds)

    async def acquire(self, priority: Priority) -> Slot:
        """Wait for a slot. Raises RetryLater."""
        place = (priority, next(self._number), asyncio.Event())
        insort(self._waiting, place)
        try:
            await self._until_first(place)
            return self._new_slot()
        finally:
            self._waiting.remove(place)
            self._wake()

    def try_acquire(self, priority: Priority, behind: int = 0) -> Slot | None:
        """A slot, where there is one for what has no line, and for so many others before it."""
        if (
            self.invalid_requests.too_many
            or self._paused_s() > 0
            or any(place[0] <= priority for place in self._waiting)
        ):
            return None
        return self._new_slot() if self._missing(priority) + behind < 0 else None

    def seconds_until_free(self, priority: Priority, behind: int = 0) -> float:
        """When it is worth to `try_acquire` again, as it looks now."""
        if self.invalid_requests.too_many:
            return QUIET_S
        missing = max(0, self._missing(priority) + behind)
        periods, index = divmod(missing, max(1, len(self._slots)))
        now = self._clock.now()
        # An answer that is still to come does not take long.
        ends = sorted(min(slot.until_s - now, PERIOD_S) for slot in self._slots) or [0.0]
        return max(SOONEST_S, self._paused_s(), ends[index] + periods * PERIOD_S)

    def release(self, slot: Slot) -> None:
        """Nothing was sent: somebody else may have it."""
        if not slot.sent and slot in self._slots:
            self._slots.remove(slot)
            self._wake()

    async def _until_first(self, place: _Place) -> None:
        priority, _, woken = place
        while True:
            if (rest_s := self._paused_s()) > LONGEST_WAIT_S:
                raise RetryLater("Discord asks the whole bot to wait", rest_s)
            woken.clear()
            if self._waiting[0] is not place:
                await woken.wait()
            elif (wait_s := max(rest_s, self._full_s(priority))) > NO_TIME_S:
                await sleep_until(woken, wait_s, self._clock)
            else:
                return

    def _new_slot(self) -> Slot:
        slot = Slot(self._clock.now() + UNANSWERED_S)
        self._slots.append(slot)
        return slot

    def _full_s(self, priority: Priority) -> float:
        """How long there is no slot, as it looks now."""
        missing = self._missing(priority)
        if missing < 0:
            return 0.0
        return sorted(slot.until_s for slot in self._slots)[missing] - self._clock.now()

    def _missing(self, priority: Priority) -> int:
        """How many slots must be over before there is one; below 0: so many are there."""
        now = self._clock.now()
        self._slots = [slot for slot in self._slots if slot.until_s - now > NO_TIME_S]
        return len(self._slots) - max(1, int(self._per_s * PARTS[priority]))

    def _paused_s(self) -> float:
        return max(0.0, self._paused_until_s - self._clock.now())

    def _wake(self) -> None:
        if self._waiting:
            self._waiting[0][2].set()


class InvalidRequests:
    """The refusals of the last ten minutes; each quarter of what bans is told in the log."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at: deque[float] = deque()
        self._told = 0

    @property
    def too_many(self) -> bool:
        """Whether there were so many that what is not urgent should stop."""
        return self._count() >= QUIET_AT

    def record(self, status: int, *, shared: bool = False) -> None:
        """An answer came; `shared`: its limit is not the bot's own, which does not count."""
        if status not in INVALID or shared:
            return
        self._at.append(self._clock.now())
        quarters = self._count() // QUIET_AT
        if quarters > self._told:
            _log.warning(
                "Discord refused %d requests within ten minutes, and bans the address at %d. Until it is "
                "less, texts are shown when they are whole, not while they grow.",
                len(self._at),
                BAN_AT,
            )
        self._told = quarters

    def _count(self) -> int:
        now = self._clock.now()
        while self._at and now - self._at[0] >= WITHIN_S:
            self._at.popleft()
        return len(self._at)


class RouteLimits:
    """When each channel's next change of a message is due that can wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due_s = FIFOCache[str, float](REMEMBERED)

    def learn(self, channel: str, headers: Mapping[str, str]) -> None:
        """Discord answered an edit in a channel."""
        try:
            left, over_in_s = int(headers["X-RateLimit-Remaining"]), float(headers["X-RateLimit-Reset-After"])
        except (KeyError, ValueError):
            return
        self._due_s[channel] = self._clock.now() + over_in_s / max(1, left)

    def seconds_until_due(self, channel: str) -> float:
        """How long a change that can wait leaves the route alone."""
        return max(0.0, self._due_s.get(channel, 0.0) - self._clock.now())
