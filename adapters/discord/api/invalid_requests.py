"""How many requests Discord refused lately: at 10,000 in ten minutes it bans the address."""

from __future__ import annotations

import logging
from collections import deque

from bot.aio.clock import Clock

BAN_AT, WITHIN_S = 10_000, 600.0
INVALID = frozenset({401, 403, 429})
"""Answers that count, whatever was asked for."""
QUIET_AT = BAN_AT // 4
"""From then on only what people wait for is asked, until it is forgotten."""

_log = logging.getLogger(__name__)


class Refusals:
    """The refusals of the last ten minutes; each quarter of what bans is told in the log."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at: deque[float] = deque()
        self._told = 0

    @property
    def many(self) -> bool:
        """Whether there were so many that what is not urgent should stop."""
        return self._count() >= QUIET_AT

    def note(self, status: int, *, shared: bool = False) -> None:
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
