"""Which tokens the next step computes. Knows no torch."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from bot.errors import QueueFull
from bot.worker.backends.base import Row
from bot.worker.sequence import Sequence

CHUNK = 128
"""Prompt tokens in one piece. Pieces begin at multiples of it, whatever else runs, so that the same prompt is
always computed in the same pieces and rounds the same way."""

TOKEN_BUDGET = 192
"""Tokens a step computes before another prompt piece waits: it delays those who are being written for."""


@dataclass(frozen=True, slots=True)
class Copy:
    """Positions up to `length` that slot `target` takes over from slot `source`."""

    source: int
    target: int
    length: int


@dataclass(frozen=True, slots=True)
class Batch:
    """One step: copies first, then `rows[i]` computed for `sequences[i]`."""

    copies: tuple[Copy, ...] = ()
    rows: tuple[Row, ...] = ()
    sequences: tuple[Sequence, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.rows)

    @property
    def sampling(self) -> tuple[Sequence, ...]:
        """The sequences that get a new token, in the order of their rows."""
        return tuple(sequence for row, sequence in zip(self.rows, self.sequences, strict=True) if row.samples)


class Scheduler:
    """Gives slots to sequences, first come first served, and mixes prompt pieces with decoding."""

    def __init__(
        self, slots: int, *, token_budget: int = TOKEN_BUDGET, chunk: int = CHUNK, waiting_limit: int = 64
    ) -> None:
        self._free = list(range(slots))
        self._token_budget = token_budget
        self._chunk = chunk
        self._waiting_limit = waiting_limit
        self._waiting: deque[Sequence] = deque()
        self._running: list[Sequence] = []

    @property
    def waiting(self) -> int:
        """How many sequences have no slot yet."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """How many sequences hold a slot."""
        return len(self._running)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._running and not self._waiting

    def add(self, sequences: Iterable[Sequence]) -> None:
        """Queue all of these, or none.

        Raises:
            QueueFull: more would wait than may.
        """
        added = list(sequences)
        if len(self._waiting) + len(added) > self._waiting_limit + len(self._free):
            raise QueueFull(limit=self._waiting_limit)
        self._waiting.extend(added)

    def schedule(self) -> Batch:
        """Give free slots away and pick the next step's tokens: every decoding row, then prompt pieces."""
        self._admit()
        rows: list[Row] = []
        chosen: list[Sequence] = []
        copies = [copy for sequence in self._running if (copy := self._share(sequence))]
        budget = self._token_budget
        for sequence in sorted(self._running, key=lambda one: not one.decoding):
            if sequence.source or (rows and budget <= 0):
                continue
            row = self._row(sequence)
            if rows and not sequence.decoding and len(row.tokens) > budget:
                break
            rows.append(row)
            chosen.append(sequence)
            budget -= len(row.tokens)
        return Batch(tuple(copies), tuple(rows), tuple(chosen))

    def computed(self, batch: Batch) -> None:
        """Note that a batch's keys and values are in their slots."""
        for row, sequence in zip(batch.rows, batch.sequences, strict=True):
            sequence.computed = row.start + len(row.tokens)

    def finish(self, sequence: Sequence) -> None:
        """Free what a sequence holds. Harmless when it holds nothing any more."""
        if sequence.slot is not None:
            self._running.remove(sequence)
            heapq.heappush(self._free, sequence.slot)
            sequence.slot = None
        elif sequence in self._waiting:
            self._waiting.remove(sequence)

    def drain(self) -> list[Sequence]:
        """Take every sequence away, and return them."""
        everyone = [*self._running, *self._waiting]
        for sequence in everyone:
            self.finish(sequence)
        return everyone

    def _admit(self) -> None:
        while self._waiting and self._free:
            sequence = self._waiting.popleft()
            sequence.slot = heapq.heappop(self._free)
            sequence.source = self._sibling(sequence)
            self._running.append(sequence)

    def _sibling(self, sequence: Sequence) -> Sequence | None:
        group = sequence.request.group
        if len(sequence.request.prompt) == 1:
            return None
        return next((one for one in self._running if one.request.group == group and not one.source), None)

    def _share(self, sequence: Sequence) -> Copy | None:
        """Take over a sibling's prompt once it is there; go alone when the sibling has gone."""
        source = sequence.source
        if source is None:
            return None
        if source.slot is None:
            sequence.source = self._sibling_left(sequence)
            return None
        # The last prompt token is computed again: its logits are what the first draw needs.
        length = len(sequence.request.prompt) - 1
        if source.computed < length or sequence.slot is None:
            return None
        sequence.source, sequence.computed = None, length
        return Copy(source.slot, sequence.slot, length)

    def _sibling_left(self, sequence: Sequence) -> Sequence | None:
        found = self._sibling(sequence)
        return None if found is sequence else found

    def _row(self, sequence: Sequence) -> Row:
        start = sequence.computed
        end = min((start // self._chunk + 1) * self._chunk, len(sequence.tokens))
        if sequence.slot is None:
            raise RuntimeError("a sequence without a slot cannot run")
        return Row(sequence.slot, start, tuple(sequence.tokens[start:end]), end == len(sequence.tokens))
