"""Which tokens may be drawn: top_k, typical_p, top_p, min_p and XTC, in this order. No torch.

Each filter looks at what the one before it left, as if that were all. Everything that reads the whole row is
a pass that the processor does many numbers at a time; only a short list of the likeliest is ever sorted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.domain.sampling import Sampling
from bot.worker.sampling.softmax import LANES, Floats, Ids, Weights, heads_of, total_of

BIN_BITS = 16
"""Low bits of a number that do not count for its bin: a bin's numbers differ by less than a hundredth."""

FEW = 256
"""So many of the likeliest reach top_p, mostly."""

LIKELY = np.float32(1e-3)
"""Tokens of this weight reach it mostly, and mostly they are few."""

SORTED = 4096
"""Lists up to here are sorted. Longer ones are not, but for their end."""

STEP = 8
"""Where the list does not reach top_p, tokens so many times less likely are looked at next."""

SMALLEST = float(np.finfo(np.float32).smallest_subnormal)


@dataclass(frozen=True, slots=True)
class Truncated:
    """What the filters left: weights and token ids, in one order."""

    weights: Floats
    ids: Ids

    def where(self, kept: NDArray[np.bool_]) -> Truncated:
        """Less of it."""
        return Truncated(self.weights[kept], self.ids[kept])


def is_untruncated(sampling: Sampling) -> bool:
    """Whether no filter is on."""
    return not (
        sampling.top_k
        or sampling.typical_p < 1
        or sampling.top_p < 1
        or sampling.min_p
        or sampling.xtc_probability
    )


def truncate(weights: Weights, sampling: Sampling, *, excluding: bool = False) -> Truncated:
    """What the filters leave of a row of weights. `excluding`: XTC is at work."""
    if sampling.top_k:
        values, ids = best(weights.row, sampling.top_k, above=0.0)
        return truncate_shortlist(Truncated(values, ids), sampling, 0.0, excluding=excluding)
    if sampling.typical_p < 1:
        truncated = typical(_over(weights.row, SMALLEST), sampling.typical_p)
        truncated = _top_p(truncated, sampling.top_p) if sampling.top_p < 1 else truncated
    elif sampling.top_p < 1:
        truncated = _nucleus_of_row(weights, sampling.top_p)
    else:
        truncated = _over(weights.row, max(sampling.min_p, SMALLEST))
    return _last_filters(truncated, sampling, excluding=excluding)


def truncate_shortlist(
    truncated: Truncated, sampling: Sampling, total: float, *, excluding: bool = False
) -> Truncated:
    """The same of a list of the likeliest tokens, likeliest first.

    Args:
        truncated: there is no other token as likely as its last one. With top_k it has at least so many, or
            all there are; without, as many as reach top_p or min_p, and typical_p is off.
        sampling: gives the filters.
        total: the weight of all tokens; top_k makes it that of the tokens it leaves.
        excluding: XTC is at work.
    """
    if 0 < sampling.top_k < len(truncated.weights):
        # What equals the last of them stays, as in transformers.
        truncated = truncated.where(truncated.weights >= truncated.weights[sampling.top_k - 1])
    if sampling.top_k and sampling.typical_p < 1:
        truncated = typical(truncated, sampling.typical_p)
    if sampling.top_k:
        total = float(truncated.weights.sum(dtype=np.float64))
    if sampling.top_p < 1:
        truncated = _head(truncated, sampling.top_p, total)
    elif not sampling.top_k:
        # With min_p alone a whole row is drawn from in the order of ids: here as there.
        order = np.argsort(truncated.ids)
        truncated = Truncated(truncated.weights[order], truncated.ids[order])
    return _last_filters(truncated, sampling, excluding=excluding)


def typical(truncated: Truncated, mass: float) -> Truncated:
    """Locally typical tokens (Meister et al. 2022): whose surprisal is nearest to the mean, up to `mass`."""
    total = total_of(truncated.weights)
    surprisal = np.float32(np.log(total)) - np.log(truncated.weights)
    entropy = np.float32((surprisal * truncated.weights).sum(dtype=np.float64) / total)
    away = np.abs(surprisal - entropy)
    return truncated.where(away <= _reach(away, truncated.weights, mass * total))


def without_top_choices(truncated: Truncated, threshold: float) -> Truncated:
    """XTC (p-e-w): of all tokens with at least this probability, only the least likely one stays."""
    probabilities = truncated.weights / np.float64(truncated.weights.sum(dtype=np.float64))
    top = np.flatnonzero(probabilities >= threshold)
    if len(top) < 2:
        return truncated
    least = top[np.lexsort((-truncated.ids[top], truncated.weights[top]))[0]]
    kept = np.ones(len(truncated.ids), np.bool_)
    kept[top] = False
    kept[least] = True
    return truncated.where(kept)


def best(row: Floats, count: int, above: float = -np.inf) -> tuple[Floats, Ids]:
    """The `count` highest numbers over `above`, or a few more, or all there are; and their places.

    Highest first, equal ones by their places. All that equal the last are among them.
    """
    floor = _floor(row, count)
    ids = np.flatnonzero(row >= floor if floor > above else row > above)
    values = row[ids]
    order = np.argsort(-values, kind="stable")
    return values[order], ids[order]


def _last_filters(truncated: Truncated, sampling: Sampling, *, excluding: bool) -> Truncated:
    if sampling.min_p:
        truncated = truncated.where(truncated.weights >= np.float32(sampling.min_p) * truncated.weights.max())
    return without_top_choices(truncated, sampling.xtc_threshold) if excluding else truncated


def _over(row: Floats, floor: float) -> Truncated:
    ids = np.flatnonzero(row >= np.float32(floor))
    return Truncated(row[ids], ids)


def _over_by_heads(weights: Weights, floor: float) -> Truncated:
    """`_over`, which looks only into the groups whose best reaches the floor, where these are few."""
    columns = len(weights.row) // LANES
    groups = np.flatnonzero(weights.heads[:columns] >= np.float32(floor))
    if not columns or len(groups) > FEW:
        return _over(weights.row, floor)
    inside = np.add.outer(np.arange(LANES) * columns, groups).ravel()  # in the order of ids
    ids = np.concatenate([inside, np.arange(LANES * columns, len(weights.row))])
    truncated = Truncated(weights.row[ids], ids)
    return truncated.where(truncated.weights >= np.float32(floor))


def _top_p(truncated: Truncated, top_p: float, total: float | None = None) -> Truncated:
    """The likeliest of a list in any order, as many as reach `top_p` of `total` (None: of the list)."""
    total = total_of(truncated.weights) if total is None else total
    if len(truncated.ids) > SORTED:
        return _likeliest(truncated, top_p * total)
    order = np.argsort(-truncated.weights, kind="stable")
    return _head(Truncated(truncated.weights[order], truncated.ids[order]), top_p, total)


def _head(truncated: Truncated, top_p: float, total: float) -> Truncated:
    """The same of a list with the likeliest first."""
    probabilities = truncated.weights.astype(np.float64) / total
    before = probabilities.cumsum() - probabilities
    kept = max(1, int(np.count_nonzero(before < top_p)))
    return Truncated(truncated.weights[:kept], truncated.ids[:kept])


def _nucleus_of_row(weights: Weights, top_p: float) -> Truncated:
    total = total_of(weights.row)
    return _top_p(_reaching(weights, top_p, total), top_p, total)


def _reaching(weights: Weights, top_p: float, total: float) -> Truncated:
    """The likeliest tokens, in the order of ids: so many that they have `top_p` of the total together."""
    # All tokens below this have less than 1 - top_p together.
    lowest = max(0.9 * (1 - top_p) * total / len(weights.row), SMALLEST)
    floor = max(_reached(weights.heads, top_p * total), lowest)
    while True:
        truncated = _over_by_heads(weights, floor)
        if not floor > lowest or truncated.weights.sum(dtype=np.float64) >= top_p * total:
            return truncated
        floor = max(floor / STEP, lowest)


def _reached(weights: Floats, target: float) -> float:
    """The weight with which the highest first reach the target together; the lowest, where they do not."""
    if len(weights) > FEW:
        few = weights[weights >= LIKELY]
        few = few if len(few) <= FEW else np.partition(weights, -FEW)[-FEW:]
        weights = few if few.sum(dtype=np.float64) >= target else weights
    falling = np.sort(weights)[::-1]
    place = int(falling.cumsum(dtype=np.float64).searchsorted(target))
    return float(falling[min(place, len(falling) - 1)])


def _floor(row: Floats, count: int) -> float:
    """A number that at least `count` of the row reach, and not many more."""
    if count <= len(row) // LANES // 2:
        row = heads_of(row)
    elif count >= len(row):
        return -np.inf
    return float(np.partition(row, -count)[-count])


def _likeliest(truncated: Truncated, target: float) -> Truncated:
    """The likeliest of many tokens, as many as reach the weight `target` together: only the last are sorted.

    The first bits of a positive float are its order: weights are added up in bins of these, and the bin in
    which the target is reached is sorted.
    """
    weights = truncated.weights
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
    return Truncated(weights[chosen], truncated.ids[chosen])


def _reach(keys: Floats, weights: Floats, target: float) -> np.float32:
    """The lowest key such that those up to it have the weight `target` together; in bins, as above."""
    bins = keys.view(np.int32) >> BIN_BITS
    mass = np.bincount(bins, weights=weights)
    reached = mass.cumsum()
    place = min(int(reached.searchsorted(target)), len(mass) - 1)
    border = np.flatnonzero(bins == place)
    border = border[np.argsort(keys[border], kind="stable")]
    inside = reached[place] - mass[place] + weights[border].cumsum(dtype=np.float64)
    last: np.float32 = keys[border][min(int(inside.searchsorted(target)), len(border) - 1)]
    return last
