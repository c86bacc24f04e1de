"""How many tokens OpenVINO may compute at once without their number showing in the bits, and cuts to that.

Some processors sum a product in another order when it has many rows (without units for eight bits, one of
more than 512 inputs does from 81 rows on), so a prompt that is read at once would differ in its last bits
from one that is read in parts. Which do is measured at every start, not known by their names.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SMALL = (2, 16, 3, 11)
"""Passes as they are while somebody is written for: what others have to agree with."""

TRIED = (512, 64, 32)
"""Tokens of a pass that are tried. If the first agree, as many as a step reads at most, there is no limit.

A CPU's product takes 64 at once, so passes of so many cost little.
"""

FEWEST_AT_ONCE = 16
"""What is left where nothing agrees."""

LENGTH = 512
"""Tokens that are read for it."""


@dataclass(frozen=True, slots=True)
class Subsequence:
    """Tokens that attention takes as one: `tokens` of them behind `past` positions, in `blocks`."""

    past: int
    tokens: int
    blocks: tuple[int, ...]


def most_at_once(width: int, compute: Callable[[Floats, int], Floats]) -> int | None:
    """How many tokens may be computed in one pass; None: any number.

    `compute`: a layer's output, (tokens, width), of an input of that shape whose first token stands at a
    position; those before it were computed already.
    """
    hidden = np.random.default_rng(0).standard_normal((LENGTH, width), np.float32)
    expected = _read(hidden, SMALL, compute)
    for most in TRIED:
        cuts = ((most,), (most // 2 + 1, most // 4 + 1))
        if all(np.array_equal(expected, _read(hidden, sizes, compute)) for sizes in cuts):
            return None if most == max(TRIED) else most
    return FEWEST_AT_ONCE


def passes(pieces: Sequence[Subsequence], most: int | None, block: int) -> Iterator[list[Subsequence]]:
    """Cut a step into passes of at most `most` tokens, 4 or more, in their order.

    Tokens that attention takes together are two or more in every pass: one by itself rounds otherwise.
    """
    left, taken, room = list(pieces), list[Subsequence](), most
    while left:
        fits = left[0].tokens if room is None else _fitting(left[0].tokens, room)
        if not fits:
            yield taken
            taken, room = [], most
            continue
        first, *rest = _cut(left[0], fits, block)
        taken.append(first)
        left[:1] = rest
        room = None if room is None else room - fits
    if taken:
        yield taken


def _fitting(tokens: int, room: int) -> int:
    """How many of so many tokens are computed in what is left of a pass."""
    if tokens <= room:
        return tokens
    fits = room - (tokens - room == 1)
    return fits if fits > 1 else 0


def _cut(piece: Subsequence, tokens: int, block: int) -> Iterator[Subsequence]:
    middle = piece.past + tokens
    yield Subsequence(piece.past, tokens, piece.blocks[: -(-middle // block)])
    if tokens < piece.tokens:
        yield Subsequence(middle, piece.tokens - tokens, piece.blocks)


def _read(hidden: Floats, sizes: Sequence[int], compute: Callable[[Floats, int], Floats]) -> Floats:
    """A layer's output of a prompt that is cut into passes of these sizes, over and over."""
    edges = [0]
    for size in itertools.cycle(sizes):
        if edges[-1] + size > len(hidden) - 2:  # none of a single token
            break
        edges.append(edges[-1] + size)
    edges.append(len(hidden))
    return np.concatenate([compute(hidden[start:end], start) for start, end in itertools.pairwise(edges)])
