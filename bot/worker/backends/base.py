"""The seam between the step loop and what computes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Row:
    """Tokens of one sequence to compute, at positions `start` and on.

    `blocks`: the ids of the KV blocks of positions 0 to the row's last one, in their order.
    `alone`: how many of the last tokens are computed one by one, as they are when decoded. Every token drawn
    by the model and a prompt's last one are; a token rounds differently among others, so this is part of what
    a token's keys and values are.
    `logits`: behind how many of the last tokens something may be drawn.
    `scored`: of how many of the tokens before these it is wanted what the model gives any token behind them.
    """

    blocks: tuple[int, ...]
    start: int
    tokens: tuple[int, ...]
    alone: int = 0
    logits: int = 0
    scored: int = 0

    @property
    def end(self) -> int:
        """The position behind the last token."""
        return self.start + len(self.tokens)

    @property
    def wanted(self) -> int:
        """Of how many of the last tokens logits are wanted, of either kind."""
        return self.logits + self.scored


def wanted_tokens(rows: Sequence[Row]) -> list[int]:
    """Which of the tokens of all rows, counted through, have logits; of a row those that are scored first."""
    wanted: list[int] = []
    end = 0
    for row in rows:
        end += len(row.tokens)
        wanted += range(end - row.wanted, end)
    return wanted


def are_drawn(rows: Sequence[Row]) -> list[bool]:
    """For each of these tokens whether something is drawn behind it, or it is scored."""
    return [place >= row.scored for row in rows for place in range(row.wanted)]


class Logits(NamedTuple):
    """A step's output in float32, in the order of the rows and of their tokens.

    `drawn`: (sum of the rows' `logits`, outputs), one output for each token that may be drawn, in the order
    of their ids. `scored`: (sum of the rows' `scored`, vocabulary).
    """

    drawn: torch.Tensor
    scored: torch.Tensor


@dataclass(frozen=True, slots=True)
class Copy:
    """Block `target` takes over all that block `source` holds."""

    source: int
    target: int


class Backend(Protocol):
    """An XGLM with a pool of blocks of keys and values, which it owns.

    `block`: positions a block. `blocks`: how many there are, ids 0 to `blocks` - 1. `context`: positions a
    sequence may have. `bytes_per_token`: what keys and values of one position take. `grain`: rows of tokens
    that are not computed alone may begin and end at its multiples. `outputs`: the ids of the tokens that may
    be drawn, ascending; None: all.

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
    outputs: Sequence[int] | None

    def forward(self, rows: Sequence[Row]) -> Logits:
        """Compute rows, each of another sequence. The next call may overwrite what it returns.

        Raises:
            ValueError: a row passes the context.
            IndexError: a token is outside the vocabulary.
        """
        ...

    def copy(self, copies: Sequence[Copy]) -> None:
        """Copy blocks, before rows that write to the targets are computed."""
        ...
