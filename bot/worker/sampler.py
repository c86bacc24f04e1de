"""Draws the next token of every row, each by its own settings and its own random numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from collections.abc import Sequence as Rows
from dataclasses import dataclass

import torch

from bot.messages import Sampling
from bot.worker.sequence import Sequence

SHORTLIST = 1024
"""How many of the best tokens are looked at first. More only where these do not cover `top_p`."""

GROWTH = 4
"""How many times as many are looked at next: sorting all of a quarter of a million numbers takes 10 ms."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What may be drawn: token ids, likeliest first, and the running sum of their probabilities.

    `total` is the probability that all of them have together: below 1, more tokens are possible than listed.
    """

    ids: torch.Tensor
    cumulative: torch.Tensor
    total: float

    def pick(self, point: float) -> int | None:
        """The token at `point` (0 to below 1) of all the probability; None: past the listed ones."""
        place = int(torch.searchsorted(self.cumulative, torch.tensor(point), right=True))
        if place < len(self.ids):
            return int(self.ids[place])
        return None if self.total < 1 else int(self.ids[-1])


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
        self._banned = torch.tensor(sorted(banned), dtype=torch.long)
        self._exempt = frozenset(exempt)
        self._blank = frozenset(blank)
        self._end_token = end_token
        self._shortlist = shortlist

    @torch.inference_mode()
    def sample(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> list[int | None]:
        """The next token of each sequence; None where its logits are not finite. Changes `logits`.

        Rows are drawn one by one with operations of the same shape, so that each rounds alike in any company.
        """
        finite = self._finite(logits)
        return [
            self._draw(row, sequence) if good else None
            for row, sequence, good in zip(logits, sequences, finite, strict=True)
        ]

    def _finite(self, logits: torch.Tensor) -> list[bool]:
        sums: list[bool] = logits.sum(-1).isfinite().tolist()
        # A sum can overflow where no number did: look closely before giving a story up.
        return [good or bool(row.isfinite().all()) for good, row in zip(sums, logits, strict=True)]

    def _draw(self, row: torch.Tensor, sequence: Sequence) -> int:
        sampling = sequence.request.sampling
        self._penalise(row, sequence)
        row[self._banned.to(row.device)] = -torch.inf
        if sequence.end_barred(self._blank):
            row[self._end_token] = -torch.inf
        if sampling.temperature == 0:
            return int(row.argmax())
        point, shortlist = sequence.draw(), self._shortlist
        while (token := choose(row, sampling, shortlist).pick(point)) is None:
            shortlist *= GROWTH
        return token

    def _penalise(self, row: torch.Tensor, sequence: Sequence) -> None:
        """Divide the logits of recent tokens (multiply negative ones), after Keskar et al. 2019."""
        sampling = sequence.request.sampling
        if sampling.repetition_penalty == 1:
            return
        recent = set(sequence.recent(sampling.repetition_window)) - self._exempt
        if not recent:
            return
        ids = torch.tensor(sorted(recent), device=row.device)
        scores = row[ids]
        penalty = sampling.repetition_penalty
        row[ids] = torch.where(scores < 0, scores * penalty, scores / penalty)


def choose(row: torch.Tensor, sampling: Sampling, shortlist: int) -> Choice:
    """What may be drawn from a row of logits: temperature, top_k, top_p, in transformers' order.

    Only the `shortlist` likeliest tokens are sorted. Where a filter reaches past them, more are.
    """
    scores = row / sampling.temperature
    listed_all = shortlist >= len(row)
    values, ids = scores.sort(descending=True) if listed_all else scores.topk(shortlist)
    if sampling.top_k:
        kept = _top_k(values, sampling.top_k)
        if kept is None and not listed_all:
            return choose(row, sampling, shortlist * GROWTH)
        values = values[:kept]
        probabilities, total = values.softmax(-1), 1.0
    else:
        probabilities = (values - scores.logsumexp(-1)).exp()
        total = 1.0 if listed_all else float(probabilities.sum())
    if sampling.top_p < 1:
        if total < sampling.top_p:
            return choose(row, sampling, shortlist * GROWTH)
        probabilities, total = _top_p(probabilities, sampling.top_p), 1.0
    return Choice(ids[: len(probabilities)], probabilities.cumsum(-1), total)


def _top_k(values: torch.Tensor, top_k: int) -> int | None:
    """How many of the sorted values stay, ties with the last included; None where more may follow."""
    if top_k >= len(values):
        return None
    kept = int((values >= values[top_k - 1]).sum())
    return None if kept == len(values) else kept


def _top_p(probabilities: torch.Tensor, top_p: float) -> torch.Tensor:
    """The likeliest tokens whose predecessors have less than `top_p` together, at least one, summing to 1."""
    before = probabilities.cumsum(-1) - probabilities
    kept = probabilities[: max(1, int((before < top_p).sum()))]
    return kept / kept.sum()
