"""Weights: what a softmax is before it is divided. No torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LANES = 64
"""The row is cut into so many equal parts; what stands at one place of each is a group. The n-th best of the
groups' best is no better than the n-th best of all: this finds a short list in two quick passes."""

COLDEST = 1e-6
"""Temperatures below are taken for this one: float32 has no room for what they would do."""

Floats = NDArray[np.float32]
Ids = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Weights:
    """What a softmax is before it is divided: `row` has each token's, of which the best is 1.

    `heads` has the best of each group, and all that stands behind the last whole group.
    """

    row: Floats
    heads: Floats


def heads_of(row: Floats) -> Floats:
    """The best of each group, as many as there are columns, and what is too little for a group."""
    whole = len(row) // LANES * LANES
    return np.concatenate([row[:whole].reshape(LANES, -1).max(0), row[whole:]]) if whole else row


def weigh(row: Floats, temperature: float, heads: Floats | None = None) -> Weights:
    """Turn logits, and their `heads` where they are known, into weights in their place."""
    heads = heads_of(row) if heads is None else heads
    highest = heads.max()
    factor = np.float32(1 / max(temperature, COLDEST))
    _exponentiate(row, highest, factor)
    if heads is not row:
        # The same numbers by the same operations: what was the best of a group still is.
        _exponentiate(heads, highest, factor)
    return Weights(row, heads)


def _exponentiate(logits: Floats, highest: np.float32, factor: np.float32) -> None:
    with np.errstate(over="ignore", under="ignore"):
        logits -= highest
        logits *= factor
        np.exp(logits, out=logits)


def total_of(row: Floats) -> float:
    """The sum: in float32 within groups, then in float64."""
    whole = len(row) // LANES * LANES
    groups = row[:whole].reshape(LANES, -1).sum(0)
    return float(groups.sum(dtype=np.float64) + row[whole:].sum(dtype=np.float64))
