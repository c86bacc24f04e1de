"""From a row of logits to a token: what may be drawn, how likely each is, and the draw. No torch.

All of it works on one row, in one thread, by operations whose order depends on the row's length alone: so a
row gives the same bits in any company. Everything that reads the whole row is a pass that the processor does
many numbers at a time; only a short list of the likeliest tokens is ever sorted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.messages import Sampling

LANES = 64
"""The row is cut into so many equal parts; what stands at one place of each is a group. The n-th best of the
groups' best is no better than the n-th best of all: this finds the short list in two quick passes."""

BIN_BITS = 16
"""Low bits of a weight that do not count for its bin: a bin's weights differ by less than a hundredth."""

FEW = 256
"""So many of the likeliest reach top_p, mostly."""

SORTED = 4096
"""Lists up to here are sorted. Longer ones are not, but for their end."""

STEP = 8
"""Where the list does not reach top_p, tokens so many times less likely are looked at next."""

SMALLEST = float(np.finfo(np.float32).smallest_subnormal)

COLDEST = 1e-6
"""Temperatures below are taken for this one: float32 has no room for what they would do."""

Floats = NDArray[np.float32]
Ids = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Choice:
    """What may be drawn: token ids, and the running sum of their probabilities in the same order, up to 1."""

    ids: Ids
    cumulative: NDArray[np.float64]

    def pick(self, point: float) -> int:
        """The token at `point`, 0 to below 1."""
        return int(self.ids[self.cumulative.searchsorted(point, side="right")])


def weigh(row: Floats, temperature: float) -> Floats:
    """Turn logits into weights in their place: what a softmax is before it is divided; the best has 1."""
    row -= row.max()
    row *= np.float32(1 / max(temperature, COLDEST))
    np.exp(row, out=row)
    return row


def total_of(weights: Floats) -> float:
    """The sum: in float32 within groups, then in float64."""
    whole = len(weights) // LANES * LANES
    groups = weights[:whole].reshape(LANES, -1).sum(0)
    return float(groups.sum(dtype=np.float64) + weights[whole:].sum(dtype=np.float64))


def best(row: Floats, count: int, above: float = -np.inf) -> tuple[Floats, Ids]:
    """The `count` highest numbers over `above`, or a few more, or all there are; and their places.

    Highest first, equal ones by their places. All that equal the last are among them.
    """
    floor = _floor(row, count)
    ids = np.flatnonzero(row >= floor if floor > above else row > above)
    values = row[ids]
    order = np.argsort(-values, kind="stable")
    return values[order], ids[order]


def draw(weights: Floats, sampling: Sampling, point: float) -> int:
    """The token at `point` (0 to below 1) of the probability that top_k and top_p leave."""
    if sampling.top_k or sampling.top_p < 1:
        return choose(weights, sampling).pick(point)
    return _walk(weights, point)


def choose(weights: Floats, sampling: Sampling) -> Choice:
    """What top_k and top_p leave, applied in transformers' order; one of them must be on."""
    if sampling.top_k:
        return choose_listed(*best(weights, sampling.top_k, above=0.0), sampling)
    total = total_of(weights)
    values, ids = _reaching(weights, sampling.top_p, total)
    if len(ids) > SORTED:
        return _nucleus(values, ids, sampling.top_p * total)
    order = np.argsort(-values, kind="stable")
    return choose_listed(values[order], ids[order], sampling, total)


def choose_listed(weights: Floats, ids: Ids, sampling: Sampling, total: float = 0.0) -> Choice:
    """The same of a list of the likeliest tokens, likeliest first.

    Args:
        weights: the listed tokens'; there is no other token as likely as the last of these.
        ids: the listed tokens: at least top_k of them, or as many as reach top_p, or all there are.
        sampling: gives top_k and top_p.
        total: the weight of all tokens; top_k makes it that of the tokens it leaves.
    """
    if 0 < sampling.top_k < len(weights):
        # What equals the last of them stays, as in transformers.
        weights = weights[weights >= weights[sampling.top_k - 1]]
    if sampling.top_k:
        total = float(weights.sum(dtype=np.float64))
    probabilities = weights.astype(np.float64) / total
    cumulative = probabilities.cumsum()
    kept = max(1, int(np.count_nonzero(cumulative - probabilities < sampling.top_p)))
    return Choice(ids[:kept], cumulative[:kept] / cumulative[kept - 1])


def _reaching(weights: Floats, top_p: float, total: float) -> tuple[Floats, Ids]:
    """The likeliest tokens, in the order of ids: so many that they have `top_p` of the total together."""
    # All tokens below this have less than 1 - top_p together.
    lowest = max(0.9 * (1 - top_p) * total / len(weights), SMALLEST)
    floor = max(_reached(_heads(weights), top_p * total), lowest)
    while True:
        ids = np.flatnonzero(weights >= np.float32(floor))
        values = weights[ids]
        if not floor > lowest or values.sum(dtype=np.float64) >= top_p * total:
            return values, ids
        floor = max(floor / STEP, lowest)


def _reached(weights: Floats, target: float) -> float:
    """The weight with which the highest first reach the target together; the lowest, where they do not."""
    if len(weights) > FEW:
        few = np.partition(weights, -FEW)[-FEW:]
        weights = few if few.sum(dtype=np.float64) >= target else weights
    falling = np.sort(weights)[::-1]
    place = int(falling.cumsum(dtype=np.float64).searchsorted(target))
    return float(falling[min(place, len(falling) - 1)])


def _heads(row: Floats) -> Floats:
    """The best of each group, as many as there are columns; of what is too short for groups, all."""
    columns = len(row) // LANES
    return row[: columns * LANES].reshape(LANES, columns).max(0) if columns else row


def _floor(row: Floats, count: int) -> float:
    """A number that at least `count` of the row reach, and not many more."""
    if count <= len(row) // LANES // 2:
        row = _heads(row)
    elif count >= len(row):
        return -np.inf
    return float(np.partition(row, -count)[-count])


def _nucleus(weights: Floats, ids: Ids, target: float) -> Choice:
    """The likeliest of many tokens, as many as reach the weight `target` together: only the last are sorted.

    The first bits of a positive float are its order: weights are added up in bins of these, and the bin in
    which the target is reached is sorted.
    """
    bins = weights.view(np.int32) >> BIN_BITS
    mass = np.bincount(bins, weights=weights)[::-1]
    reached = mass.cumsum()
    place = min(int(reached.searchsorted(target)), len(mass) - 1)
    border = np.flatnonzero(bins == len(mass) - 1 - place)
    border = border[np.argsort(-weights[border], kind="stable")]
    own = weights[border].astype(np.float64)
    before = reached[place] - mass[place] + own.cumsum() - own
    kept = border[: max(1, int(np.count_nonzero(before < target)))]
    chosen = np.concatenate([np.flatnonzero(bins > len(mass) - 1 - place), kept])
    cumulative = weights[chosen].cumsum(dtype=np.float64)
    return Choice(ids[chosen], cumulative / cumulative[-1])


def _walk(weights: Floats, point: float) -> int:
    """The token at `point` of all the probability, in the order of ids: its part of the row first."""
    parts = np.array_split(weights, LANES)
    sums = np.cumsum([part.sum() for part in parts], dtype=np.float64)
    target = point * sums[-1]
    place = min(int(sums.searchsorted(target, side="right")), int(sums.searchsorted(sums[-1])))
    before = sums[place - 1] if place else 0.0
    inside = parts[place].cumsum(dtype=np.float64)
    # The two sums round differently: the last token with any weight takes the difference.
    token = min(int(inside.searchsorted(target - before, side="right")), int(inside.searchsorted(inside[-1])))
    return token + sum(len(part) for part in parts[:place])
