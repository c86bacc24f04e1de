"""Weights: what a softmax is before it is divided. No torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LANES = 64
"""The row is cut into so many equal parts; what stands at one place of each is a group. The n-th best of the
groups' best is no better than the n-th best of all: this finds a short list in two quick passes."""

COLDEST = 1e-6
"""Temperatures below are taken for this one: float32 has no room for what they would do."""

Floats = NDArray[np.float32]
Ids = NDArray[np.intp]


def weigh(row: Floats, temperature: float) -> Floats:
    """Turn logits into weights in their place: what a softmax is before it is divided; the best has 1."""
    with np.errstate(over="ignore", under="ignore"):
        row -= row.max()
        row *= np.float32(1 / max(temperature, COLDEST))
        np.exp(row, out=row)
    return row


def total_of(weights: Floats) -> float:
    """The sum: in float32 within groups, then in float64."""
    whole = len(weights) // LANES * LANES
    groups = weights[:whole].reshape(LANES, -1).sum(0)
    return float(groups.sum(dtype=np.float64) + weights[whole:].sum(dtype=np.float64))
