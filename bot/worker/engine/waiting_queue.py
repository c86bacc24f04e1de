"""Who is admitted next: stories take turns."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator

from bot.worker.engine.sequence import Sequence


def _any(_: Sequence) -> bool:
    return True


class WaitingQueue:
    """Waiting sequences. Those that ran already come first, then the story with the fewest that run.

    Within a story, and between stories that have as many, first come is first served.
    """

    def __init__(self) -> None:
        self._returning: deque[Sequence] = deque()
        self._stories: dict[str, deque[Sequence]] = {}

    def __len__(self) -> int:
        return len(self._returning) + sum(map(len, self._stories.values()))

    def __iter__(self) -> Iterator[Sequence]:
        yield from self._returning
        for waiting in self._stories.values():
            yield from waiting

    def add(self, sequence: Sequence) -> None:
        """Wait behind the others of the same story."""
        self._stories.setdefault(sequence.request.story, deque()).append(sequence)

    def add_first(self, sequence: Sequence) -> None:
        """Wait before everybody: it had its turn and lost it."""
        self._returning.appendleft(sequence)

    def next(
        self, running: Collection[Sequence], may_run: Callable[[Sequence], bool] = _any
    ) -> Sequence | None:
        """Who is next of those that are welcome, without taking it."""
        returning = next(filter(may_run, self._returning), None)
        if returning is not None:
            return returning
        counts = {story: 0 for story, waiting in self._stories.items() if may_run(waiting[0])}
        for sequence in running:
            if sequence.request.story in counts:
                counts[sequence.request.story] += 1
        # The dictionary is in the order of arrival, and min takes the first of equals.
        story = min(counts, key=counts.__getitem__, default=None)
        return None if story is None else self._stories[story][0]

    def take(self, sequence: Sequence) -> None:
        """It is its turn: its story goes behind the others."""
        self.remove(sequence)
        waiting = self._stories.pop(sequence.request.story, None)
        if waiting:
            self._stories[sequence.request.story] = waiting

    def remove(self, sequence: Sequence) -> None:
        """It waits no longer. Harmless when it did not."""
        if sequence in self._returning:
            self._returning.remove(sequence)
        waiting = self._stories.get(sequence.request.story, deque())
        if sequence in waiting:
            waiting.remove(sequence)
            if not waiting:
                del self._stories[sequence.request.story]
