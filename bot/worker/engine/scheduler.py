"""Which tokens the next step computes. Knows no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain.errors import QueueFull
from bot.worker.backends.base import Copy, Row
from bot.worker.engine.block_pool import BlockPool, chain_keys
from bot.worker.engine.sequence import Sequence
from bot.worker.engine.waiting_queue import WaitingQueue

TILE = 64
"""Tokens that a product takes at once: with one more, a CPU reads all weights again. While somebody is being
written for, whose next token waits for what is read, a step has so many tokens in all."""

PREFILL_HURRY = 2
"""So many times as many while more read than are written for: more wait for their first token then, and the
others' next one comes still in a quarter of a second."""

FAR_POSITION = 768
"""From this position on a token counts as two in what a step reads: it looks back at all before it."""

MAX_SCORED_TOKENS = 64
"""Tokens of prompts that a step reads at most where logits of all of them are wanted: those of a large
vocabulary take a MiB each. A token's logits cost about what its layers do, so each counts as one more."""

ROWS_PER_SCORER = 4
"""One place in so many may be held by prompts that are read for their logits: a step reads no more of them
when there are more, and who comes to write would wait for the longest."""

PREFILL_ALONE = 512
"""Prompt tokens a step reads while nobody waits for another token."""


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
        return tuple(one for row, one in zip(self.rows, self.sequences, strict=True) if samples(row, one))


def samples(row: Row, sequence: Sequence) -> bool:
    """Whether a new token follows on a row."""
    return row.logits > 0 and sequence.request.max_tokens > 0


@dataclass(slots=True)
class SchedulerCounts:
    """What happened: tokens of bodies found in the cache, and read; sequences stopped for memory."""

    cached: int = 0
    read: int = 0
    preempted: int = 0


class Scheduler:
    """Gives blocks to sequences, in turns between stories, and mixes reading prompts with decoding.

    A prompt's `body` is read many tokens at a time; its last token and what is drawn are computed alone (see
    `bot.worker.backends.base`). Full blocks of bodies are remembered by their content, so a sequence that
    begins like an earlier one does not read that again.
    """

    def __init__(
        self,
        *,
        block: int,
        blocks: int,
        rows: int,
        grain: int | None = None,
        tile: int = TILE,
        prefill_alone: int = PREFILL_ALONE,
        waiting_limit: int = 64,
    ) -> None:
        """Schedule for `blocks` blocks of `block` positions, at most `rows` sequences at once.

        `grain`: where parts of a prompt may begin and end (see `Backend`); None: with a block.
        """
        self.pool = BlockPool(blocks)
        self.counts = SchedulerCounts()
        self._block = block
        self._rows = rows
        self._grain = grain or block
        self._tile = tile
        self._prefill_alone = prefill_alone
        self._waiting_limit = waiting_limit
        self._waiting = WaitingQueue()
        self._running: list[Sequence] = []
        self._copies: list[Copy] = []
        self._turn = 0

    @property
    def waiting(self) -> int:
        """How many sequences do not run yet."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """How many sequences run."""
        return len(self._running)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._running and not self._waiting

    def add(self, sequences: Iterable[Sequence]) -> None:
        """Queue all of these, or none.

        Raises:
            QueueFull: more would wait than may.
            ValueError: one could not be kept even if it were alone.
        """
        added = list(sequences)
        if self.waiting + len(added) > self._waiting_limit + self._rows - self.running:
            raise QueueFull(limit=self._waiting_limit)
        for sequence in added:
            if self._blocks_for(sequence.longest) > self.pool.blocks:
                raise ValueError(f"{sequence.longest} tokens do not fit {self.pool.blocks} blocks")
        for sequence in added:
            sequence.body = self._body(len(sequence.request.prompt))
            # Who wants the logits of the prompt's tokens computes them all: none is taken from the cache. Nor
            # is it remembered: what is read for its scores is not gone on with, and stories would make room.
            if not sequence.request.scored:
                sequence.keys = chain_keys(sequence.request.prompt[: sequence.body], self._block)
            self._waiting.add(sequence)

    def schedule(self) -> Batch:
        """Admit who fits, and pick the next step's tokens: every decoding row, then parts of prompts."""
        self._admit()
        for sequence in list(self._running):
            self._share(sequence)
        picked = {sequence: self._row(sequence, 1) for sequence in self._decoding()}
        picked |= self._prefill(self._budget(len(picked)))
        return Batch(self._taken_copies(), tuple(picked.values()), tuple(picked))

    def mark_computed(self, batch: Batch) -> None:
        """Note that a batch's keys and values are in their blocks."""
        for row, sequence in zip(batch.rows, batch.sequences, strict=True):
            if sequence.blocks:  # it may have been cancelled meanwhile
                sequence.computed = row.end
                self._remember(sequence)

    def finish(self, sequence: Sequence) -> None:
        """Free what a sequence holds. Harmless when it holds nothing any more."""
        if sequence in self._running:
            self._stop(sequence)
        else:
            self._waiting.remove(sequence)

    def forget_cached(self, sequence: Sequence) -> None:
        """Let nobody take over what a sequence computed: it came to nothing finite."""
        self.pool.forget(sequence.blocks)

    def drain(self) -> list[Sequence]:
        """Take every sequence away, and return them."""
        everyone = [*self._running, *self._waiting]
        for sequence in everyone:
            self.finish(sequence)
        return everyone

    def _admit(self) -> None:
        while len(self._running) < self._rows:
            sequence = self._waiting.next(self._running, self._may_run)
            if sequence is None:
                return
            source = self._sibling(sequence)
            if source is None and not self._allocate(sequence):
                return
            self._waiting.take(sequence)
            sequence.source, sequence.last_read_turn = source, self._turn
            self._running.append(sequence)

    def _may_run(self, sequence: Sequence) -> bool:
        """Whether there is a place for a sequence of its kind."""
        held = sum(one.scoring for one in self._running)
        return not sequence.scoring or held < max(1, self._rows // ROWS_PER_SCORER)

    def _allocate(self, sequence: Sequence) -> bool:
        """Give a sequence its blocks: remembered ones, as far as they go, and new ones. False: too few."""
        found = self.pool.match(sequence.keys)
        wanted = self._blocks_for(len(sequence.tokens)) - len(found)
        # One more than it needs now, or it would be the first to be stopped again.
        if self.pool.available < wanted + (1 if self._running else 0):
            self.pool.release(found)
            return False
        sequence.computed, sequence.remembered = len(found) * self._block, len(found)
        source, tokens = self._cached_prefix(sequence, len(found))
        if tokens:
            self.pool.hold([source])
            if self.pool.available < wanted:  # it stands in its own way
                self.pool.release([source])
                tokens = 0
        sequence.blocks = [*found, *self.pool.allocate(wanted)]
        if tokens:
            self._copies.append(Copy(source, sequence.blocks[len(found)]))
            sequence.computed += tokens
        self._count(sequence, cached=sequence.computed)
        return True

    def _cached_prefix(self, sequence: Sequence, blocks: int) -> tuple[int, int]:
        """A block that begins as the one behind `blocks` does, and how many of its tokens can be taken over.

        One fewer where a single token would be left to be read: it would round as a decoded one.
        """
        start = blocks * self._block
        parent = sequence.keys[blocks - 1] if blocks else b""
        found = self.pool.find_prefix(parent, sequence.tokens[start : sequence.body])
        if found is None or sequence.request.scored:
            return 0, 0
        end = start + len(found.tokens)
        if end < sequence.body:
            end = self._cut(end, sequence.body)
        return found.block, end - start

    def _taken_copies(self) -> tuple[Copy, ...]:
        """The copies of this step. Their sources were held until now, so that nobody took them before."""
        copies, self._copies = tuple(self._copies), []
        for copy in copies:
            self.pool.release([copy.source])
        return copies

    def _sibling(self, sequence: Sequence) -> Sequence | None:
        """Who reads, or has read, the same prompt for the same request."""
        if sequence.generated or not sequence.body or sequence.request.scored:
            return None
        group = sequence.request.group
        return next(
            (
                one
                for one in self._running
                if one.request.group == group and one is not sequence and not one.source
            ),
            None,
        )

    def _share(self, sequence: Sequence) -> None:
        """Take over a sibling's prompt once it was read. Its last block is copied: both will write to it."""
        source = sequence.source
        if source is None:
            return
        if source not in self._running:
            self._stop_sharing(sequence)
            return
        if source.computed < sequence.body:
            return
        whole, rest = divmod(sequence.body, self._block)
        wanted = self._blocks_for(len(sequence.tokens)) - whole
        if self.pool.available < wanted:
            self._requeue(sequence)
            return
        self.pool.hold(source.blocks[:whole])
        new = self.pool.allocate(wanted)
        sequence.blocks = [*source.blocks[:whole], *new]
        sequence.source, sequence.computed, sequence.remembered = None, sequence.body, whole
        self._count(sequence, cached=sequence.body)
        if rest:
            self.pool.hold([source.blocks[whole]])
            self._copies.append(Copy(source.blocks[whole], new[0]))

    def _stop_sharing(self, sequence: Sequence) -> None:
        sequence.source = self._sibling(sequence)
        if sequence.source is None and not self._allocate(sequence):
            self._requeue(sequence)

    def _requeue(self, sequence: Sequence) -> None:
        self._stop(sequence)
        self._waiting.add_first(sequence)

    def _decoding(self) -> list[Sequence]:
        """Those with one token to compute and a place for it; the youngest give way to the others."""
        for sequence in list(self._running):
            while sequence in self._running and sequence.decoding and not self._grow(sequence):
                self._preempt(self._running[-1])
        return [sequence for sequence in self._running if sequence.decoding]

    def _grow(self, sequence: Sequence) -> bool:
        # It has some to spare where it was rewound.
        missing = max(0, self._blocks_for(len(sequence.tokens)) - len(sequence.blocks))
        if missing > self.pool.available:
            return False
        sequence.blocks += self.pool.allocate(missing)
        return True

    def _preempt(self, sequence: Sequence) -> None:
        self.counts.preempted += 1
        sequence.counted = True
        self._requeue(sequence)

    def _prefilling(self) -> list[Sequence]:
        return [one for one in self._running if not one.decoding and not one.source]

    def _budget(self, decoding: int) -> int:
        """How many tokens of prompts are read beside so many decoding rows: what fills their tiles."""
        if not decoding:
            return self._prefill_alone
        tiles = -(-(decoding + self._block) // self._tile)
        return tiles * self._tile * (PREFILL_HURRY if len(self._prefilling()) > decoding else 1) - decoding

    def _prefill(self, budget: int) -> dict[Sequence, Row]:
        """Parts of prompts: `budget` tokens, at least a block. Who read longest ago comes first."""
        picked: dict[Sequence, Row] = {}
        scored = max(MAX_SCORED_TOKENS, self._block)
        for sequence in sorted(self._prefilling(), key=lambda one: one.last_read_turn):
            cost = (1 if sequence.computed < FAR_POSITION else 2) + sequence.scoring
            if picked and budget < self._block * cost:
                break
            most = max(budget // cost, self._block)
            if sequence.scoring:
                most = min(most, scored)
                if most < min(self._block, len(sequence.tokens) - sequence.computed):
                    continue
            row = self._row(sequence, most)
            picked[sequence] = row
            scored -= row.logits + row.scored if sequence.scoring else 0
            budget -= len(row.tokens) * cost
            self._count(sequence, read=max(0, min(row.end, sequence.body) - row.start))
            sequence.last_read_turn = self._turn + 1
        self._turn += 1
        return picked

    def _row(self, sequence: Sequence, most: int) -> Row:
        """The next tokens of a sequence, about `most`, cut as the backend wants them."""
        start, body = sequence.computed, sequence.body
        end = min(start + most, len(sequence.tokens))
        if end < body:
            end = self._cut(end, body)
        last = end == len(sequence.tokens)
        # The token behind the prompt's last one is drawn, not scored.
        scored = end - last - max(start, sequence.scored - 1) if sequence.scoring else 0
        return Row(
            blocks=tuple(sequence.blocks[: self._blocks_for(end)]),
            start=start,
            tokens=tuple(sequence.tokens[start:end]),
            alone=max(0, end - max(start, body)),
            logits=int(last),
            scored=max(0, scored),
        )

    def _cut(self, end: int, body: int) -> int:
        """Where a part of a body may end, at `end` or before: no single token may be left behind it."""
        return (end - (end == body - 1)) // self._grain * self._grain

    def _count(self, sequence: Sequence, *, cached: int = 0, read: int = 0) -> None:
        """Count tokens of a body once: not again when a sequence comes back."""
        if not sequence.counted:
            self.counts.cached += cached
            self.counts.read += read

    def _remember(self, sequence: Sequence) -> None:
        if sequence.request.scored:
            return
        whole = min(sequence.computed, sequence.body) // self._block
        for number in range(sequence.remembered, whole):
            self.pool.remember(sequence.blocks[number], sequence.keys[number])
            self._remember_prefix(sequence, number, self._block)
        rest = sequence.body - whole * self._block
        if rest and sequence.remembered <= whole and sequence.computed >= sequence.body:
            self._remember_prefix(sequence, whole, rest)
            whole += 1
        sequence.remembered = max(sequence.remembered, whole)

    def _remember_prefix(self, sequence: Sequence, number: int, tokens: int) -> None:
        """Let the first tokens of a sequence's block be found, also by who goes on otherwise behind them."""
        start = number * self._block
        parent = sequence.keys[number - 1] if number else b""
        self.pool.remember_prefix(sequence.blocks[number], parent, sequence.tokens[start : start + tokens])

    def _stop(self, sequence: Sequence) -> None:
        self._running.remove(sequence)
        self.pool.release(sequence.blocks)
        sequence.drop_blocks()

    def _body(self, prompt: int) -> int:
        """How much of a prompt is read together: all but the last token.

        One more is left out where a single token would be the last part's: by itself it would round as a
        decoded one, and together with others not.
        """
        return max(0, prompt - 2 if (prompt - 1) % self._block == 1 else prompt - 1)

    def _blocks_for(self, tokens: int) -> int:
        return -(-tokens // self._block)
