"""What is done to a row of logits before a token is drawn, where the row is."""

from __future__ import annotations

from collections.abc import Sequence as Rows
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import torch

from bot.worker.sampling.output_index import OutputIndex
from bot.worker.sampling.penalties import LARGEST, NO_IDS, Lowering, Scaling
from bot.worker.sampling.softmax import Floats, Ids

Flat = tuple[Ids, Floats]
"""Places in a batch's logits, counted through all rows, and a number for each."""

NO_AMOUNTS = np.empty(0, np.float32)


@dataclass(frozen=True, slots=True)
class LogitChanges:
    """What is done to a row of logits before one is drawn, in this order.

    `bias` is added; `scaling`, then each of `lowerings`; `masked` tokens are impossible.
    """

    bias: Lowering | None
    scaling: Scaling | None
    lowerings: Rows[Lowering]
    masked: Ids

    def at(self, outputs: OutputIndex) -> LogitChanges:
        """The same, of outputs instead of tokens; what concerns tokens that have none falls away."""

        def lowering(of: Lowering) -> Lowering:
            places, found = outputs.find(of.ids)
            return Lowering(places, of.amounts[found])

        bias, scaling = self.bias, self.scaling
        if scaling is not None:
            places, found = outputs.find(scaling.ids)
            scaling = Scaling(places, scaling.factors[found])
        return LogitChanges(
            None if bias is None else lowering(bias),
            scaling,
            [lowering(one) for one in self.lowerings],
            outputs.find(self.masked)[0],
        )


def change_logits(row: Floats, changes: LogitChanges) -> bool:
    """Change a row of logits in its place. What was finite stays so, unless it is masked.

    Returns:
        whether all that it changes were numbers below infinity: of the others the highest tells.
    """
    if changes.bias is not None:
        row[changes.bias.ids] += changes.bias.amounts
    if changes.scaling is not None:
        ids, factors = changes.scaling.ids, changes.scaling.factors
        scores = row[ids]
        if not _below_infinity(scores):
            return False
        row[ids] = np.where(scores < 0, scores * factors, scores / factors).clip(-LARGEST, LARGEST)
    for lowering in changes.lowerings:
        scores = row[lowering.ids]
        if not _below_infinity(scores):
            return False
        row[lowering.ids] = (scores - lowering.amounts).clip(-LARGEST, LARGEST)
    if not _below_infinity(row[changes.masked]):
        return False
    row[changes.masked] = -np.inf
    return True


def _below_infinity(scores: Floats) -> bool:
    return bool((scores < np.inf).all())


def change_logits_on_device(logits: torch.Tensor, changes: Rows[LogitChanges]) -> None:
    """The same for all rows of a batch (rows, vocabulary) at once, with one upload."""
    size = logits.shape[-1]
    biases = _flat([(n, one.bias.ids, one.bias.amounts) for n, one in enumerate(changes) if one.bias], size)
    scalings = _flat(
        [(n, one.scaling.ids, one.scaling.factors) for n, one in enumerate(changes) if one.scaling], size
    )
    # The first of every row, then the second: each is bounded before the next.
    lowerings = [
        _flat([(n, one.ids, one.amounts) for n, one in enumerate(turn) if one is not None], size)
        for turn in zip_longest(*(one.lowerings for one in changes))
    ]
    masks = _flat([(n, one.masked, NO_AMOUNTS) for n, one in enumerate(changes)], size)
    there = iter(_upload([biases, scalings, *lowerings, masks], logits.device))
    flat = logits.view(-1)
    ids, amounts = next(there)
    flat[ids] += amounts
    ids, factors = next(there)
    scores = flat[ids]
    flat[ids] = torch.where(scores < 0, scores * factors, scores / factors).clamp(-LARGEST, LARGEST)
    for _ in lowerings:
        ids, amounts = next(there)
        flat[ids] = (flat[ids] - amounts).clamp(-LARGEST, LARGEST)
    ids, _ = next(there)
    flat.index_fill_(0, ids, -torch.inf)


def _flat(rows: Rows[tuple[int, Ids, Floats]], vocabulary: int) -> Flat:
    ids = [row * vocabulary + ids for row, ids, _ in rows]
    numbers = [numbers for _, _, numbers in rows]
    return np.concatenate([NO_IDS, *ids]), np.concatenate([NO_AMOUNTS, *numbers]).astype(np.float32)


def _upload(parts: Rows[Flat], device: torch.device) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """All parts in one transfer: ids as int64, numbers by their bits."""
    ids = np.concatenate([part[0] for part in parts])
    numbers = np.concatenate([part[1] for part in parts])
    packed = np.concatenate([ids.astype(np.int64).view(np.int32), numbers.view(np.int32)])
    there = torch.from_numpy(packed).to(device)
    ids_there = there[: 2 * len(ids)].view(torch.int64)
    numbers_there = there[2 * len(ids) :].view(torch.float32)
    return list(
        zip(
            torch.split(ids_there, [len(part[0]) for part in parts]),
            torch.split(numbers_there, [len(part[1]) for part in parts]),
            strict=True,
        )
    )
