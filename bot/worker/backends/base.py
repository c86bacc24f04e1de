"""The seam between the step loop and what computes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Row:
    """Tokens of one sequence to compute, at positions `start` and on.

    `blocks`: the ids of the KV blocks of positions 0 to the row's last one, in their order.
    `alone`: how many of the last tokens are computed one by one, as they are when decoded. Every token drawn
    by the model and a prompt's last one are; a token rounds differently among others, so this is part of what
    a token's keys and values are.
    `logits`: of how many of the last tokens logits are wanted.
    """

    blocks: tuple[int, ...]
    start: int
    tokens: tuple[int, ...]
    alone: int = 0
    logits: int = 0

    @property
    def end(self) -> int:
        """The position behind the last token."""
        return self.start + len(self.tokens)


def wanted_tokens(rows: Sequence[Row]) -> list[int]:
    """Which of the tokens of all rows, counted through, have logits."""
    wanted: list[int] = []
    end = 0
    for row in rows:
        end += len(row.tokens)
        wanted += range(end - row.logits, end)
    return wanted


@dataclass(frozen=True, slots=True)
class Copy:
    """Block `target` takes over all that block `source` holds."""

    source: int
    target: int


class Backend(Protocol):
    """An XGLM with a pool of blocks of keys and values, which it owns.

    `block`: positions a block. `blocks`: how many there are, ids 0 to `blocks` - 1. `context`: positions a
    sequence may have. `bytes_per_token`: what keys and values of one position take. `grain`: rows of tokens
    that are not computed alone may begin and end at its multiples.

    A token's keys, values and logits depend on the tokens before it and on whether it is computed alone, and
    on nothing else, to the last bit: not on other rows, nor on how its sequence is cut into rows. For this,
    rows begin at a multiple of `grain`, or inside `alone` tokens, and the tokens that are not computed alone
    end at a multiple of `grain` or where the prompt's do, and are two or more: a part of a single token is
    computed alone.
    """

    name: str
    block: int
    blocks: int
    context: int
    bytes_per_token: int
    grain: int

    def forward(self, rows: Sequence[Row]) -> torch.Tensor:
        """Compute rows, each of another sequence.

        Returns float32 logits of shape (sum of the rows' `logits`, vocabulary), in the order of the rows and
        of their tokens. They may be overwritten by the next call.

        Raises:
            ValueError: a row passes the context.
            IndexError: a token is outside the vocabulary.
        """
        ...

    def copy(self, copies: Sequence[Copy]) -> None:
        """Copy blocks, before rows that write to the targets are computed."""
        ...
