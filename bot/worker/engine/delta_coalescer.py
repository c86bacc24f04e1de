"""Pieces of text in no quicker succession than people read: each is work for us and for its reader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from bot.domain.errors import EngineError
from bot.domain.inference import Delta

DELTA_INTERVAL_S = 0.1
"""Ten pieces a second look like one stream; each token told at once costs a crowd on two cores 3 %."""


class Listener(Protocol):
    """Told what becomes of a sequence, from the engine's thread: it must not block."""

    def __call__(self, event: Delta | EngineError) -> None:
        """A piece of text (the last one with its reason), or what ended the sequence."""
        ...


class DeltaCoalescer:
    """Passes on the first piece at once, the others together with what came within `interval_s` of the last.

    The end and errors wait for nothing, nor does what is held before them.
    """

    def __init__(self, listener: Listener, interval_s: float, clock: Callable[[], float]) -> None:
        self._listener = listener
        self._interval_s = interval_s
        self._clock = clock
        self._held: list[Delta] = []
        self._passed_on_s = float("-inf")

    def __call__(self, event: Delta | EngineError) -> None:
        """Take an event."""
        if isinstance(event, EngineError):
            self.flush()
            self._listener(event)
            return
        self._held.append(event)
        if event.finish_reason is not None or self._clock() - self._passed_on_s >= self._interval_s:
            self.flush()

    def flush(self) -> None:
        """Pass on what is held."""
        if not self._held:
            return
        self._passed_on_s = self._clock()
        held, self._held = self._held, []
        self._listener(join_deltas(held))


def join_deltas(pieces: Sequence[Delta]) -> Delta:
    """A candidate's pieces as one."""
    last = pieces[-1]
    scores = tuple(score for piece in pieces for score in piece.scores)
    return Delta(last.index, "".join(piece.text for piece in pieces), last.finish_reason, scores)
