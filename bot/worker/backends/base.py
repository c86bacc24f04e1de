"""The seam between the step loop and what computes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Row:
    """Tokens to compute in one slot, at positions `start` and on.

    `samples`: the logits of the last one are wanted.
    """

    slot: int
    start: int
    tokens: tuple[int, ...]
    samples: bool


class Backend(Protocol):
    """An XGLM with static slots of keys and values, which it owns.

    A row's result depends on its own slot and tokens only, never on the other rows.
    """

    name: str
    slots: int
    context: int

    def forward(self, rows: Sequence[Row]) -> torch.Tensor:
        """Compute rows, at most one a slot.

        Returns float32 logits of shape (sampling rows, vocabulary), in the order of the rows.
        """
        ...

    def copy(self, source: int, target: int, length: int) -> None:
        """Make the first `length` positions of slot `target` those of `source`."""
        ...
