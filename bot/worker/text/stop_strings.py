"""Stop strings, never shown, not even in part."""

from __future__ import annotations


class StopWatch:
    """Passes text on and holds back what may be the beginning of a stop string.

    `hit` once one came: nothing passes any more.
    """

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.hit = False

    def push(self, text: str) -> str:
        """Take more text; return what can be shown by now."""
        if self.hit:
            return ""
        if not self._stops:
            return text
        held = self._held + text
        cut = self._first_stop(held)
        if cut is not None:
            self.hit, self._held = True, ""
            return held[:cut]
        keep = self._possible_start(held)
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep]

    def flush(self) -> str:
        """The text held back, once no more will come."""
        held, self._held = self._held, ""
        return held

    def _first_stop(self, text: str) -> int | None:
        found = [place for stop in self._stops if (place := text.find(stop)) >= 0]
        return min(found, default=None)

    def _possible_start(self, text: str) -> int:
        """Length of the longest end of `text` that begins a stop string."""
        longest = min(len(text), max(map(len, self._stops)) - 1)
        for length in range(longest, 0, -1):
            end = text[len(text) - length :]
            if any(stop.startswith(end) for stop in self._stops):
                return length
        return 0
