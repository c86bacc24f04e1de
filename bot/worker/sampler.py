"""Draws the next token of every row, each by its own settings and its own random numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from collections.abc import Sequence as Rows

import numpy as np
import torch
from numpy.typing import NDArray

from bot.messages import Sampling
from bot.worker.drawing import (
    COLDEST,
    Choice,
    Floats,
    Ids,
    best,
    choose_listed,
    draw,
    total_of,
    weigh,
)
from bot.worker.scores import Drawn
from bot.worker.sequence import Sequence

SHORTLIST = 256
"""How many of a row's likeliest tokens are fetched from a device. Where these do not do, all are."""

LEAST_PENALTY = float(np.finfo(np.float32).tiny)
LARGEST = float(np.finfo(np.float32).max)
"""However strong a penalty is, what it makes of a finite logit is finite."""

LEAST_LOGPROB = -9999.0
"""JSON has no infinity."""

LOGPROB_DIGITS = 6
"""Behind the point: what float32 can vouch for."""


class Sampler:
    """Draws tokens. `banned` are never drawn; `exempt` are never penalised; `end_token` is `</s>`.

    `blank` tokens are only space: they do not keep two `</s>` apart.
    """

    def __init__(
        self,
        *,
        banned: Iterable[int] = (),
        exempt: Collection[int] = (),
        blank: Collection[int] = (),
        end_token: int,
        shortlist: int = SHORTLIST,
    ) -> None:
        self._banned = np.array(sorted(banned), dtype=np.intp)
        self._exempt = frozenset(exempt)
        self._blank = frozenset(blank)
        self._end_token = end_token
        self._shortlist = shortlist

    @torch.inference_mode()
    def draw(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> list[Drawn | None]:
        """The next token of each sequence; None where its logits are not finite. Changes `logits`.

        `logits`: float32, (sequences, vocabulary), on any device. On the CPU each row is drawn by itself, so
        that it rounds alike in any company and with any number of threads.
        """
        finite = self._finite(logits)
        with np.errstate(over="ignore", under="ignore"):
            if logits.device.type != "cpu":
                return self._draw_on_device(logits, sequences, finite)
            return [
                self._draw(row, sequence) if good else None
                for row, sequence, good in zip(logits.numpy(), sequences, finite, strict=True)
            ]

    def _finite(self, logits: torch.Tensor) -> list[bool]:
        sums: list[bool] = logits.sum(-1).isfinite().tolist()
        # A sum can overflow where no number did: look closely before giving a story up.
        return [good or bool(row.isfinite().all()) for good, row in zip(sums, logits, strict=True)]

    def _draw(self, row: Floats, sequence: Sequence) -> Drawn:
        raw = row.copy() if sequence.request.logprobs is not None else None
        self._penalise(row, sequence)
        row[self._barred(sequence)] = -np.inf
        return scored(self._token(row, sequence), raw, sequence.request.logprobs)

    def _token(self, row: Floats, sequence: Sequence) -> int:
        sampling = sequence.request.sampling
        if sampling.temperature == 0:
            return int(row.argmax())
        return draw(weigh(row, sampling.temperature), sampling, sequence.draw())

    def _penalise(self, row: Floats, sequence: Sequence) -> None:
        """Divide the logits of recent tokens (multiply negative ones), after Keskar et al. 2019."""
        ids = self._penalised(sequence)
        penalty = np.float32(max(sequence.request.sampling.repetition_penalty, LEAST_PENALTY))
        scores = row[ids]
        row[ids] = np.where(scores < 0, scores * penalty, scores / penalty).clip(-LARGEST, LARGEST)

    def _penalised(self, sequence: Sequence) -> Ids:
        sampling = sequence.request.sampling
        if sampling.repetition_penalty == 1:
            return np.empty(0, np.intp)
        recent = set(sequence.recent(sampling.repetition_window)) - self._exempt
        return np.fromiter(recent, np.intp, len(recent))

    def _barred(self, sequence: Sequence) -> Ids:
        if sequence.end_barred(self._blank):
            return np.append(self._banned, self._end_token)
        return self._banned

    def _draw_on_device(
        self, logits: torch.Tensor, sequences: Rows[Sequence], finite: list[bool]
    ) -> list[Drawn | None]:
        """The same, with short lists made where the logits are; a row that needs a longer one is fetched.

        What is fetched of every row: the weights and ids of its short list and the weight of all. A row whose
        logprobs are wanted is fetched whole before it is changed.
        """
        asked = [sequence.request.logprobs for sequence in sequences]
        raws = [None if n is None else _fetched(row) for n, row in zip(asked, logits, strict=True)]
        for row, sequence in zip(logits, sequences, strict=True):
            self._change_on_device(row, sequence)
        listed = _listed_on_device(logits, sequences, self._shortlist)
        drawn: list[Drawn | None] = []
        for i, sequence in enumerate(sequences):
            if not finite[i]:
                drawn.append(None)
                continue
            token = self._token_listed(logits[i], listed[i], sequence)
            drawn.append(scored(token, raws[i], asked[i]))
        return drawn

    def _change_on_device(self, row: torch.Tensor, sequence: Sequence) -> None:
        ids = torch.from_numpy(self._penalised(sequence)).to(row.device)
        penalty, scores = max(sequence.request.sampling.repetition_penalty, LEAST_PENALTY), row[ids]
        penalised = torch.where(scores < 0, scores * penalty, scores / penalty)
        row[ids] = penalised.clamp(-LARGEST, LARGEST)
        row[torch.from_numpy(self._barred(sequence)).to(row.device)] = -torch.inf

    def _token_listed(self, row: torch.Tensor, listed: Floats, sequence: Sequence) -> int:
        sampling = sequence.request.sampling
        total, weights, ids = listed[0], *np.split(listed[1:], 2)
        if sampling.temperature == 0:
            return int(ids.view(np.int32)[0])
        point = sequence.draw()
        choice = _choose_sure(weights, ids.view(np.int32), float(total), sampling)
        if choice is None:
            return draw(weigh(_fetched(row), sampling.temperature), sampling, point)
        return choice.pick(point)


def _choose_sure(weights: Floats, ids: NDArray[np.int32], total: float, sampling: Sampling) -> Choice | None:
    """What may be drawn, by a device's list of the likeliest tokens; None where it is too short."""
    # The device may have left out some that equal the last: none of these is sure.
    sure = int(np.count_nonzero(weights > weights[-1]))
    if sure <= sampling.top_k or not (sampling.top_k or sampling.top_p < 1):
        return None
    order = np.lexsort((ids[:sure], -weights[:sure]))
    values = weights[order]
    if not sampling.top_k and values.sum(dtype=np.float64) < sampling.top_p * total:
        return None
    return choose_listed(values, ids[order].astype(np.intp), sampling, total)


def scored(token: int, raw: Floats | None, count: int | None) -> Drawn:
    """A drawn token, with what the model itself gave it and its `count` likeliest, where that is wanted."""
    if raw is None or count is None:
        return Drawn(token)
    highest = float(raw.max())
    values, ids = best(raw, max(count, 1))
    own = float(raw[token])
    norm = highest + float(np.log(total_of(weigh(raw, 1.0))))
    top = tuple((int(i), _logprob(float(v), norm)) for v, i in zip(values[:count], ids[:count], strict=True))
    return Drawn(token, _logprob(own, norm), top)


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
