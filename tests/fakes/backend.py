"""A backend that knows no model: the test says what comes after what."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from bot.worker.backends.base import Copy, Logits, Row, are_drawn, wanted_tokens

VOCABULARY = 512
"""As many as the tiny tokenizer has, and more."""

Kept = tuple[int, bool]
"""A token whose keys and values are in a block, and whether it was computed alone."""


def count_up(tokens: Sequence[int]) -> int:
    """The next number, without the controls."""
    return 4 + (tokens[-1] - 3) % (VOCABULARY - 4)


def counting(
    following: Callable[[Sequence[int]], int | None] = count_up,
) -> Callable[[Sequence[Kept]], torch.Tensor]:
    """All probability on `following(tokens)`, NaN where that is None."""

    def logits(kept: Sequence[Kept]) -> torch.Tensor:
        token = following([one for one, _ in kept])
        if token is None:
            return torch.full((VOCABULARY,), torch.nan)
        return torch.zeros(VOCABULARY).index_fill(0, torch.tensor([token]), 100.0)

    return logits


def scattering(kept: Sequence[Kept]) -> torch.Tensor:
    """Logits that another token anywhere, or one that was computed otherwise, would have changed."""
    digest = hashlib.blake2b(repr(list(kept)).encode(), digest_size=8).digest()
    seed = int.from_bytes(digest, "big", signed=True)
    return torch.randn(VOCABULARY, generator=torch.Generator().manual_seed(seed)) * 3


@dataclass(slots=True)
class FakeBackend:
    """Keeps tokens where keys and values would be, and answers by what it finds there. Every step is kept."""

    answer: Callable[[Sequence[Kept]], torch.Tensor] = field(default_factory=counting)
    block: int = 4
    context: int = 64
    blocks: int = 0
    name: str = "fake"
    bytes_per_token: int = 1
    grain: int = 1
    outputs: Sequence[int] | None = None
    steps: list[tuple[Row, ...]] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    fails: int = 0
    kept: dict[tuple[int, int], Kept] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Have room for two whole contexts where nothing else is said."""
        self.blocks = self.blocks or 2 * -(-self.context // self.block)

    def forward(self, rows: Sequence[Row]) -> Logits:
        """Keep the tokens; answer for those that want logits."""
        if self.fails:
            self.fails -= 1
            raise RuntimeError("out of memory")
        self.steps.append(tuple(rows))
        for row in rows:
            self._check(row)
            for number, token in enumerate(row.tokens):
                place = row.start + number
                self.kept[self._place(row, place)] = (token, place >= row.end - row.alone)
        behind = [
            self.answer([self.kept[self._place(row, place)] for place in range(end)])
            if end > row.end - row.logits - row.scored
            else torch.empty(VOCABULARY)
            for row in rows
            for end in range(row.start + 1, row.end + 1)
        ]
        answers, drawing = torch.stack(behind)[wanted_tokens(rows)], torch.tensor(are_drawn(rows)).bool()
        drawn = answers[drawing]
        return Logits(drawn if self.outputs is None else drawn[:, list(self.outputs)], answers[~drawing])

    def copy(self, copies: Sequence[Copy]) -> None:
        """Copy what blocks hold."""
        self.copies += copies
        for copy in copies:
            for place in range(self.block):
                kept = self.kept.get((copy.source, place))
                if kept is not None:
                    self.kept[copy.target, place] = kept

    def _place(self, row: Row, position: int) -> tuple[int, int]:
        return row.blocks[position // self.block], position % self.block

    def _check(self, row: Row) -> None:
        """Refuse rows that a real backend would round differently from another cut of the same prompt."""
        body = row.end - row.alone
        if row.end > self.context or any(not 0 <= block < self.blocks for block in row.blocks):
            raise ValueError(f"{row} does not fit")
        if body > row.start and row.start % self.grain:
            raise ValueError(f"{row} does not begin with a grain")
        if body - row.start == 1:
            raise ValueError(f"{row} reads one token that is not alone")
