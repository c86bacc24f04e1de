"""Draws the next token of every row, each by its own settings and its own random numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bot.domain.sampling import Sampling
from bot.worker.engine.sequence import Sequence
from bot.worker.sampling.penalties import LARGEST, Lowering, Marks, Scaling, lowerings, scaling
from bot.worker.sampling.random_draw import Choice, Lot, draw
from bot.worker.sampling.softmax import COLDEST, Floats, Ids, heads_of, total_of, weigh
from bot.worker.sampling.truncation import Left, best, choose_listed
from bot.worker.text.logprobs import NOTHING, Drawn

SHORTLIST = 256
"""How many of a row's likeliest tokens are fetched from a device. Where these do not do, all are."""

LEAST_LOGPROB = -9999.0
"""JSON has no infinity."""

LOGPROB_DIGITS = 6
"""Behind the point: what float32 can vouch for."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is done to a row of logits before one is drawn, in this order.

    `bias` is added; `scaling`, then each of `lowerings`; `barred` tokens are impossible.
    """

    bias: Lowering | None
    scaling: Scaling | None
    lowerings: Rows[Lowering]
    barred: Ids


class Sampler:
    """Draws tokens. `banned` are never drawn; `exempt` are never penalised; `end_token` is `</s>`.

    `breaking` tokens end the repetitions that DRY counts. `blank` ones are only space: they do not keep two
    `</s>` apart.
    """

    def __init__(
        self,
        *,
        banned: Iterable[int] = (),
        exempt: Collection[int] = (),
        breaking: Collection[int] = (),
        blank: Collection[int] = (),
        end_token: int,
        shortlist: int = SHORTLIST,
    ) -> None:
        self._banned = np.array(sorted(banned), dtype=np.intp)
        self._exempt = Marks(exempt)
        self._breaking = Marks(breaking)
        self._blank = frozenset(blank)
        self._end_token = end_token
        self._shortlist = shortlist

    @torch.inference_mode()
    def draw(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> list[Drawn | None]:
        """The next token of each sequence; None where a logit is none, or infinite. Changes `logits`.

        -inf is no trouble as long as anything is left: that token is impossible.

        `logits`: float32, (sequences, vocabulary), on any device. On the CPU each row is drawn by itself, so
        that it rounds alike in any company and with any number of threads.
        """
        with np.errstate(over="ignore", under="ignore"):
            if logits.device.type != "cpu":
                return self._draw_on_device(logits, sequences)
            return [
                self._draw(row, sequence) for row, sequence in zip(logits.numpy(), sequences, strict=True)
            ]

    @torch.inference_mode()
    def score(self, logits: torch.Tensor, tokens: Rows[int], count: int) -> list[Drawn] | None:
        """What the model gave each of `tokens`, and its `count` likeliest; None where a row is not finite.

        `logits`: float32, (tokens, vocabulary), on any device; on the CPU they are changed, row by row, so
        that a row's figures depend on nothing else.
        """
        if logits.device.type != "cpu":
            return _scored_on_device(logits, tokens, count)
        rows = logits.numpy()
        if not np.isfinite(rows.max(axis=-1)).all():
            return None
        return [scored(token, row, count) for token, row in zip(tokens, rows, strict=True)]

    def _draw(self, row: Floats, sequence: Sequence) -> Drawn | None:
        raw = row.copy() if sequence.request.logprobs is not None else None
        if not change(row, self._changes(sequence, len(row))):
            return None
        heads = heads_of(row)
        highest = heads.max()  # no number, where anything is none
        if not np.isfinite(highest):
            return Drawn(NOTHING) if highest < 0 and len(sequence.barred) else None
        return scored(self._token(row, heads, sequence), raw, sequence.request.logprobs)

    def _token(self, row: Floats, heads: Floats, sequence: Sequence) -> int:
        sampling = sequence.request.sampling
        if sampling.temperature == 0:
            return int(row.argmax())
        return draw(weigh(row, sampling.temperature, heads), sampling, _lot(sequence))

    def _changes(self, sequence: Sequence, vocabulary: int) -> Changes:
        sampling, history = sequence.request.sampling, sequence.history
        return Changes(
            _bias(sequence, vocabulary),
            scaling(history, sampling, self._exempt),
            lowerings(history, sampling, self._exempt, self._breaking),
            self._barred(sequence),
        )

    def _barred(self, sequence: Sequence) -> Ids:
        ending = [self._end_token] if sequence.end_barred(self._blank) else []
        return np.concatenate([self._banned, sequence.barred, np.array(ending, np.intp)])

    def _draw_on_device(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> list[Drawn | None]:
        """The same, with short lists made where the logits are; a row that needs a longer one is fetched.

        What is fetched of every row: the weights and ids of its short list and the weight of all. A row whose
        logprobs are wanted is fetched whole before it is changed.
        """
        finite = logits.amax(dim=-1).isfinite().tolist()
        asked = [sequence.request.logprobs for sequence in sequences]
        raws = [None if n is None else _fetched(row) for n, row in zip(asked, logits, strict=True)]
        for row, sequence in zip(logits, sequences, strict=True):
            change_on_device(row, self._changes(sequence, len(row)))
        listed = _listed_on_device(logits, sequences, self._shortlist)
        drawn: list[Drawn | None] = []
        for i, sequence in enumerate(sequences):
            if not finite[i]:
                drawn.append(None)
                continue
            if not np.isfinite(listed[i][0]):
                drawn.append(Drawn(NOTHING))
                continue
            token = self._token_listed(logits[i], listed[i], sequence)
            drawn.append(scored(token, raws[i], asked[i]))
        return drawn

    def _token_listed(self, row: torch.Tensor, listed: Floats, sequence: Sequence) -> int:
        sampling = sequence.request.sampling
        total, weights, ids = listed[0], *np.split(listed[1:], 2)
        if sampling.temperature == 0:
            return int(ids.view(np.int32)[0])
        lot = _lot(sequence)
        left = _sure(weights, ids.view(np.int32), float(total), sampling)
        if left is None:
            return draw(weigh(_fetched(row), sampling.temperature), sampling, lot)
        chosen = choose_listed(left, sampling, float(total), excluding=lot.excluding)
        return Choice.of(chosen).pick(lot.point)


def change(row: Floats, changes: Changes) -> bool:
    """Change a row of logits in its place. What was finite stays so, unless it is barred.

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
    if not _below_infinity(row[changes.barred]):
        return False
    row[changes.barred] = -np.inf
    return True


def _below_infinity(scores: Floats) -> bool:
    return bool((scores < np.inf).all())


def change_on_device(row: torch.Tensor, changes: Changes) -> None:
    """The same, where the row is."""

    def there(numbers: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(numbers).to(row.device)

    if changes.bias is not None:
        row[there(changes.bias.ids)] += there(changes.bias.amounts)
    if changes.scaling is not None:
        ids, factors = there(changes.scaling.ids), there(changes.scaling.factors)
        scores = row[ids]
        row[ids] = torch.where(scores < 0, scores * factors, scores / factors).clamp(-LARGEST, LARGEST)
    for lowering in changes.lowerings:
        ids = there(lowering.ids)
        row[ids] = (row[ids] - there(lowering.amounts)).clamp(-LARGEST, LARGEST)
    row[there(changes.barred)] = -torch.inf


def _bias(sequence: Sequence, vocabulary: int) -> Lowering | None:
    bias = {token: amount for token, amount in sequence.request.bias if token < vocabulary}
    if not bias:
        return None
    return Lowering(np.fromiter(bias, np.intp), np.fromiter(bias.values(), np.float32))


def _lot(sequence: Sequence) -> Lot:
    """The next random numbers of a sequence's own stream."""
    chance = sequence.request.sampling.xtc_probability
    excluding = chance > 0 and sequence.draw() < chance
    return Lot(sequence.draw(), excluding)


def _sure(weights: Floats, ids: NDArray[np.int32], total: float, sampling: Sampling) -> Left | None:
    """A device's list of the likeliest tokens, as far as its order is sure; None where it is too short."""
    # The device may have left out some that equal the last: none of these is sure.
    sure = int(np.count_nonzero(weights > weights[-1]))
    order = np.lexsort((ids[:sure], -weights[:sure]))
    left = Left(weights[order], ids[order].astype(np.intp))
    return left if sure and _enough(left.weights, total, sampling) else None


def _enough(weights: Floats, total: float, sampling: Sampling) -> bool:
    """Whether no filter would keep a token that is not listed."""
    if sampling.top_k:
        return len(weights) > sampling.top_k
    if sampling.typical_p < 1:
        return False
    if sampling.top_p < 1:
        return bool(weights.sum(dtype=np.float64) >= sampling.top_p * total)
    return bool(weights[-1] < sampling.min_p)


def scored(token: int, raw: Floats | None, count: int | None) -> Drawn:
    """A drawn token, with what the model itself gave it and its `count` likeliest, where that is wanted."""
    if raw is None or count is None:
        return Drawn(token)
    highest = float(raw.max())
    values, ids = best(raw, max(count, 1))
    own = float(raw[token])
    norm = highest + float(np.log(total_of(weigh(raw, 1.0).row)))
    top = tuple((int(i), _logprob(float(v), norm)) for v, i in zip(values[:count], ids[:count], strict=True))
    return Drawn(token, _logprob(own, norm), top)


def _scored_on_device(logits: torch.Tensor, tokens: Rows[int], count: int) -> list[Drawn] | None:
    """The same, with all but a few numbers a row left where they are."""
    norms = logits.logsumexp(dim=-1)
    if not bool(norms.isfinite().all()):
        return None
    own = logits.gather(1, torch.tensor(tokens, device=logits.device)[:, None])
    values, ids = logits.topk(min(max(count, 1), logits.shape[-1]))
    tops = zip(values.tolist(), ids.tolist(), strict=True)
    return [
        Drawn(
            token,
            _logprob(given, norm),
            tuple((i, _logprob(v, norm)) for v, i in zip(values[:count], ids[:count], strict=True)),
        )
        for token, given, norm, (values, ids) in zip(
            tokens, own[:, 0].tolist(), norms.tolist(), tops, strict=True
        )
    ]


def _logprob(logit: float, norm: float) -> float:
    return round(max(logit - norm, LEAST_LOGPROB), LOGPROB_DIGITS)


def _listed_on_device(logits: torch.Tensor, sequences: Rows[Sequence], shortlist: int) -> Floats:
    """A line a row: the weight of all tokens, those of the likeliest, and their ids (int32 by their bits)."""
    lines = []
    for row, sequence in zip(logits, sequences, strict=True):
        temperature = sequence.request.sampling.temperature
        weights = ((row - row.max()) * (1 / max(temperature, COLDEST))).exp()
        values, ids = weights.topk(min(shortlist, len(row)))
        if temperature == 0:
            ids[0] = row.argmax()
        total = weights.sum(dtype=torch.float64).float()
        lines.append(torch.cat([total[None], values, ids.int().view(torch.float32)]))
    table: Floats = torch.stack(lines).cpu().numpy()
    return table


def _fetched(row: torch.Tensor) -> Floats:
    copied: Floats = row.to("cpu", copy=True).numpy()
    return copied
