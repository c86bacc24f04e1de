"""Draws the next token of every row, each by its own settings and its own random numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from collections.abc import Sequence as Rows
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from bot.domain.sampling import Sampling
from bot.worker.engine.sequence import Sequence
from bot.worker.sampling.logit_changes import LogitChanges, change_logits, change_logits_on_device
from bot.worker.sampling.output_index import OutputIndex
from bot.worker.sampling.penalties import Lowering, TokenSet, lowerings, scaling
from bot.worker.sampling.random_draw import CumulativeWeights, RandomDraw, draw
from bot.worker.sampling.softmax import COLDEST, Floats, Ids, heads_of, total_of, weigh
from bot.worker.sampling.truncation import Truncated, best, truncate_shortlist
from bot.worker.text.logprobs import NO_TOKEN, SampledToken

SHORTLIST = 256
"""How many of a row's likeliest tokens are fetched from a device. Where these do not do, all are."""

LEAST_LOGPROB = -9999.0
"""JSON has no infinity."""

LOGPROB_DIGITS = 6
"""Behind the point: what float32 can vouch for."""


class Sampler:
    """Draws tokens. `masked` are never drawn; `penalty_exempt` are never penalised; `end_token` is `</s>`.

    `dry_breakers` end the repetitions that DRY counts. `blank_tokens` are only space: they do not keep two
    `</s>` apart. `outputs`: the tokens that a row of logits to draw by has numbers for; None: all.

    What was written is looked at as tokens, for it holds others, too; what follows from that is a few ids and
    amounts, which are looked up in the row at one place. Everything after it works on the row alone.
    """

    def __init__(
        self,
        *,
        masked: Iterable[int] = (),
        penalty_exempt: Collection[int] = (),
        dry_breakers: Collection[int] = (),
        blank_tokens: Collection[int] = (),
        end_token: int,
        shortlist: int = SHORTLIST,
        outputs: OutputIndex | None = None,
    ) -> None:
        self._outputs = outputs
        self._masked_ids = np.array(sorted(masked), dtype=np.intp)
        if outputs is not None:
            # They have no numbers anyway, mostly.
            self._masked_ids = outputs.ids[outputs.find(self._masked_ids)[0]]
        self._penalty_exempt = TokenSet(penalty_exempt)
        self._dry_breakers = TokenSet(dry_breakers)
        self._blank_tokens = frozenset(blank_tokens)
        self._end_token = end_token
        self._shortlist = shortlist

    @torch.inference_mode()
    def draw(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> list[SampledToken | None]:
        """The next token of each sequence; None where a logit is none, or infinite. Changes `logits`.

        -inf is no trouble as long as anything is left: that token is impossible.

        `logits`: float32, (sequences, outputs), on any device. On the CPU each row is drawn by itself, so
        that it rounds alike in any company and with any number of threads.
        """
        with np.errstate(over="ignore", under="ignore"):
            if logits.device.type != "cpu":
                # A step that only reads a prompt has nobody to draw for, and an empty list makes no tensor.
                drawn = self._draw_on_device(logits, sequences) if sequences else []
            else:
                drawn = [
                    self._draw(row, sequence) for row, sequence in zip(logits.numpy(), sequences, strict=True)
                ]
        return drawn if self._outputs is None else [self._outputs.named(one) for one in drawn]

    @torch.inference_mode()
    def score(self, logits: torch.Tensor, tokens: Rows[int], count: int) -> list[SampledToken] | None:
        """What the model gave each of `tokens`, and its `count` likeliest; None where a row is not finite.

        `logits`: float32, (tokens, vocabulary), on any device; on the CPU they are changed, row by row, so
        that a row's figures depend on nothing else.
        """
        if logits.device.type != "cpu":
            return _scored_on_device(logits, tokens, count)
        rows = logits.numpy()
        if not np.isfinite(rows.max(axis=-1)).all():
            return None
        return [sampled_token(token, row, count) for token, row in zip(tokens, rows, strict=True)]

    def _draw(self, row: Floats, sequence: Sequence) -> SampledToken | None:
        raw = row.copy() if sequence.request.logprobs is not None else None
        if not change_logits(row, self._changes(sequence, len(row))):
            return None
        heads = heads_of(row)
        highest = heads.max()  # no number, where anything is none
        if not np.isfinite(highest):
            return SampledToken(NO_TOKEN) if highest < 0 and len(sequence.masked) else None
        return sampled_token(self._token(row, heads, sequence), raw, sequence.request.logprobs)

    def _token(self, row: Floats, heads: Floats, sequence: Sequence) -> int:
        sampling = sequence.request.sampling
        if sampling.temperature == 0:
            return int(row.argmax())
        return draw(weigh(row, sampling.temperature, heads), sampling, _random_draw(sequence))

    def _changes(self, sequence: Sequence, vocabulary: int) -> LogitChanges:
        sampling, history = sequence.request.sampling, sequence.history
        changes = LogitChanges(
            _bias(sequence, vocabulary if self._outputs is None else self._outputs.vocabulary),
            scaling(history, sampling, self._penalty_exempt),
            lowerings(history, sampling, self._penalty_exempt, self._dry_breakers),
            self._masked(sequence),
        )
        return changes if self._outputs is None else changes.at(self._outputs)

    def _masked(self, sequence: Sequence) -> Ids:
        ending = [self._end_token] if sequence.end_masked(self._blank_tokens) else []
        return np.concatenate([self._masked_ids, sequence.masked, np.array(ending, np.intp)])

    def _draw_on_device(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> list[SampledToken | None]:
        """The same, with short lists made where the logits are; rows that need longer ones are fetched.

        What is fetched of every row: the weights and ids of its short list and the weight of all. A row whose
        logprobs are wanted is fetched whole before it is changed.
        """
        asked = [sequence.request.logprobs for sequence in sequences]
        raws = _fetched(logits, [i for i, count in enumerate(asked) if count is not None])
        finite = logits.amax(dim=-1).isfinite()
        change_logits_on_device(logits, [self._changes(one, logits.shape[-1]) for one in sequences])
        temperatures = [sequence.request.sampling.temperature for sequence in sequences]
        listed = _listed_on_device(logits, finite, temperatures, self._shortlist)
        choices = [_choose(line, one) for line, one in zip(listed, sequences, strict=True)]
        whole = _fetched(logits, [i for i, choice in enumerate(choices) if isinstance(choice, RandomDraw)])
        drawn: list[SampledToken | None] = []
        for i, choice in enumerate(choices):
            if isinstance(choice, RandomDraw):
                sampling = sequences[i].request.sampling
                token = draw(weigh(whole[i], sampling.temperature), sampling, choice)
                drawn.append(sampled_token(token, raws.get(i), asked[i]))
            elif choice is None or choice == NO_TOKEN:
                drawn.append(None if choice is None else SampledToken(NO_TOKEN))
            else:
                drawn.append(sampled_token(choice, raws.get(i), asked[i]))
        return drawn


def _choose(line: ShortlistLine, sequence: Sequence) -> int | RandomDraw | None:
    """The token by a row's short list; None where its logits were not finite, NO_TOKEN where all are masked.

    Where the list is too short, the random draw for which the whole row is needed.
    """
    if not line.finite:
        return None
    if not np.isfinite(line.total):
        return NO_TOKEN
    sampling = sequence.request.sampling
    if sampling.temperature == 0:
        return int(line.ids[0])
    random_draw = _random_draw(sequence)
    truncated = _sure(line.weights, line.ids, line.total, sampling)
    if truncated is None:
        return random_draw
    chosen = truncate_shortlist(truncated, sampling, line.total, excluding=random_draw.excluding)
    return CumulativeWeights.of(chosen).pick(random_draw.point)


def _bias(sequence: Sequence, vocabulary: int) -> Lowering | None:
    bias = {token: amount for token, amount in sequence.request.bias if token < vocabulary}
    if not bias:
        return None
    return Lowering(np.fromiter(bias, np.intp), np.fromiter(bias.values(), np.float32))


def _random_draw(sequence: Sequence) -> RandomDraw:
    """The next random numbers of a sequence's own stream."""
    chance = sequence.request.sampling.xtc_probability
    excluding = chance > 0 and sequence.draw() < chance
    return RandomDraw(sequence.draw(), excluding)


def _sure(weights: Floats, ids: NDArray[np.int32], total: float, sampling: Sampling) -> Truncated | None:
    """A device's list of the likeliest tokens, as far as its order is sure; None where it is too short."""
    # The device may have left out some that equal the last: none of these is sure.
    sure = int(np.count_nonzero(weights > weights[-1]))
    order = np.lexsort((ids[:sure], -weights[:sure]))
    truncated = Truncated(weights[order], ids[order].astype(np.intp))
    return truncated if sure and _enough(truncated.weights, total, sampling) else None


def _enough(weights: Floats, total: float, sampling: Sampling) -> bool:
    """Whether no filter would keep a token that is not listed."""
    if sampling.top_k:
        return len(weights) > sampling.top_k
    if sampling.typical_p < 1:
        return False
    if sampling.top_p < 1:
        return bool(weights.sum(dtype=np.float64) >= sampling.top_p * total)
    return bool(weights[-1] < sampling.min_p)


def sampled_token(token: int, raw: Floats | None, count: int | None) -> SampledToken:
    """A drawn token, with what the model itself gave it and its `count` likeliest, where that is wanted."""
    if raw is None or count is None:
        return SampledToken(token)
    highest = float(raw.max())
    values, ids = best(raw, max(count, 1))
    own = float(raw[token])
    norm = highest + float(np.log(total_of(weigh(raw, 1.0).row)))
    top = tuple((int(i), _logprob(float(v), norm)) for v, i in zip(values[:count], ids[:count], strict=True))
    return SampledToken(token, _logprob(own, norm), top)


def _scored_on_device(logits: torch.Tensor, tokens: Rows[int], count: int) -> list[SampledToken] | None:
    """The same, with all but a few numbers a row left where they are."""
    norms = logits.logsumexp(dim=-1)
    if not bool(norms.isfinite().all()):
        return None
    own = logits.gather(1, torch.tensor(tokens, device=logits.device)[:, None])
    values, ids = logits.topk(min(max(count, 1), logits.shape[-1]))
    tops = zip(values.tolist(), ids.tolist(), strict=True)
    return [
        SampledToken(
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


@dataclass(frozen=True, slots=True)
class ShortlistLine:
    """What is fetched of a row: the weight of all tokens, and weights and ids of the likeliest.

    `finite`: whether the row's logits were, before they were changed.
    """

    finite: bool
    total: float
    weights: Floats
    ids: NDArray[np.int32]


def _listed_on_device(
    logits: torch.Tensor, finite: torch.Tensor, temperatures: Rows[float], shortlist: int
) -> list[ShortlistLine]:
    """A line a row, in one download. `finite`: a flag a row."""
    factors = torch.tensor([1 / max(temperature, COLDEST) for temperature in temperatures])
    weights = ((logits - logits.amax(-1, keepdim=True)) * factors.to(logits.device)[:, None]).exp()
    values, ids = weights.topk(min(shortlist, logits.shape[-1]))
    # The very likeliest by its logit: of a cold row all weights but one may be alike.
    best = logits.argmax(-1, keepdim=True)
    total = weights.sum(-1, keepdim=True, dtype=torch.float64).float()
    numbers = torch.cat([finite.float()[:, None], total, values], 1)
    fetched = torch.cat([numbers.view(torch.int32), best.int(), ids.int()], 1).cpu().numpy()
    width = numbers.shape[1]
    lines = []
    for row, temperature in zip(fetched, temperatures, strict=True):
        floats: Floats = row[:width].view(np.float32)
        chosen = row[width : width + 1] if temperature == 0 else row[width + 1 :]
        lines.append(ShortlistLine(bool(floats[0]), float(floats[1]), floats[2:], chosen))
    return lines


def _fetched(logits: torch.Tensor, rows: Rows[int]) -> dict[int, Floats]:
    """These rows as they are now, by their number, in one download."""
    if not rows:
        return {}
    copied: Floats = logits[list(rows)].to("cpu", copy=True).numpy()
    return dict(zip(rows, copied, strict=True))
