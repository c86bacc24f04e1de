"""A double click means what one click does, on every platform."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from cachetools import TTLCache

from bot.aio.clock import Clock

DOUBLE_CLICK_S = 3.0
"""A second click on the same button within this time means the same as the first."""
_MOST_PEOPLE = 1_000


class DoubleClicks:
    """Knows what each person clicked last.

    Only what follows right upon itself is a double click: who chooses one candidate, another one, and the
    first again, means it.
    """

    def __init__(self, clock: Clock) -> None:
        self._last = TTLCache[Hashable, Hashable](_MOST_PEOPLE, DOUBLE_CLICK_S, timer=clock.now)

    @contextmanager
    def first(self, who: Hashable, what: Hashable) -> Iterator[bool]:
        """Whether what somebody clicks is to be done, and not the second click of a double click.

        Where doing it raises, they are told why, and clicking it again is no double click.
        """
        try:
            yield not self._is_double(who, what)
        except BaseException:
            self._last.pop(who, None)
            raise

    def _is_double(self, who: Hashable, what: Hashable) -> bool:
        before = self._last.get(who)
        self._last[who] = what
        return before == what
