"""A backend that knows no model: the test says what comes after what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from bot.worker.backends.base import Row

VOCABULARY = 512
"""As many as the tiny tokenizer has, and more."""


def count_up(tokens: Sequence[int]) -> int:
    """The next number, without the controls."""
    return 4 + (tokens[-1] - 3) % (VOCABULARY - 4)


@dataclass(slots=True)
class FakeBackend:
    """All probability is on `following(tokens in the slot)`, NaN where that is None. Every step is kept."""

    following: Callable[[Sequence[int]], int | None] = count_up
    slots: int = 2
    context: int = 64
    name: str = "fake"
    steps: list[tuple[Row, ...]] = field(default_factory=list)
    copies: list[tuple[int, int, int]] = field(default_factory=list)
    fails: int = 0
    kept: dict[int, list[int]] = field(default_factory=dict)

    def forward(self, rows: Sequence[Row]) -> torch.Tensor:
        """Keep the tokens; answer for the sampling rows."""
        if self.fails:
            self.fails -= 1
            raise RuntimeError("out of memory")
        self.steps.append(tuple(rows))
        answers = []
        for row in rows:
            kept = self.kept.setdefault(row.slot, [])
            kept[row.start :] = row.tokens
            if row.samples:
                answers.append(self._logits(self.following(kept)))
        return torch.stack(answers) if answers else torch.empty(0, VOCABULARY)

    def copy(self, source: int, target: int, length: int) -> None:
        """Copy the tokens kept."""
        self.copies.append((source, target, length))
        self.kept[target] = self.kept[source][:length]

    def _logits(self, token: int | None) -> torch.Tensor:
        if token is None:
            return torch.full((VOCABULARY,), torch.nan)
        return torch.zeros(VOCABULARY).index_fill(0, torch.tensor([token]), 100.0)
