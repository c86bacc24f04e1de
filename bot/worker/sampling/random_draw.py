"""From a row of weights to a token. No torch.

All of it works on one row, in one thread, by operations whose order depends on the row's length alone: so a
row gives the same bits in any company.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.domain.sampling import Sampling
from bot.worker.sampling.softmax import LANES, Floats, Ids, Weights
from bot.worker.sampling.truncation import Truncated, is_untruncated, truncate


@dataclass(frozen=True, slots=True)
class RandomDraw:
    """The random numbers of one draw: the `point`, 0 to below 1, and whether XTC excludes top choices."""

    point: float
    excluding: bool = False


@dataclass(frozen=True, slots=True)
class CumulativeWeights:
    """What may be drawn: token ids, and the running sum of their probabilities in the same order, up to 1."""

    ids: Ids
    cumulative: NDArray[np.float64]

    @classmethod
    def of(cls, truncated: Truncated) -> CumulativeWeights:
        """What the filters truncated, as likely as its weights say."""
        cumulative = truncated.weights.cumsum(dtype=np.float64)
        return cls(truncated.ids, cumulative / cumulative[-1])

    def pick(self, point: float) -> int:
        """The token at `point`, 0 to below 1."""
        return int(self.ids[self.cumulative.searchsorted(point, side="right")])


def draw(weights: Weights, sampling: Sampling, random_draw: RandomDraw) -> int:
    """The token at the random point of the probability that the filters leave."""
    if is_untruncated(sampling):
        return _walk(weights.row, random_draw.point)
    return CumulativeWeights.of(truncate(weights, sampling, excluding=random_draw.excluding)).pick(
        random_draw.point
    )


def _walk(row: Floats, point: float) -> int:
    """The token at `point` of all the probability, in the order of ids: its part of the row first."""
    parts = np.array_split(row, LANES)
    sums = np.cumsum([part.sum() for part in parts], dtype=np.float64)
    target = point * sums[-1]
    place = min(int(sums.searchsorted(target, side="right")), int(sums.searchsorted(sums[-1])))
    before = sums[place - 1] if place else 0.0
    inside = parts[place].cumsum(dtype=np.float64)
    # The two sums round differently: the last token with any weight takes the difference.
    token = min(int(inside.searchsorted(target - before, side="right")), int(inside.searchsorted(inside[-1])))
    return token + sum(len(part) for part in parts[:place])
