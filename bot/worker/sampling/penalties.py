"""What the tokens so far do to the logits of the next one. No torch: it comes to a few ids and numbers.

All of it is small arrays over the history of one sequence. Exempt tokens are never penalised; the
repetitions that DRY counts end at breaking ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.domain.sampling import Sampling

Floats = NDArray[np.float32]
Ids = NDArray[np.intp]
Flags = NDArray[np.bool_]

LEAST_PENALTY = float(np.finfo(np.float32).tiny)
LARGEST = float(np.finfo(np.float32).max)
"""However strong a penalty is, what it makes of a finite logit is finite."""

LONGEST_REPEAT = 50
"""DRY counts no further, as in text-generation-webui: the penalty is beyond all logits long before."""

NO_IDS = np.empty(0, np.intp)


class TokenSet:
    """A set of token ids in which a whole array is looked up at once."""

    def __init__(self, ids: Iterable[int] = ()) -> None:
        marked = np.fromiter(ids, np.intp)
        self._table = np.zeros(int(marked.max(initial=-1)) + 2, np.bool_)
        self._table[marked] = True

    def __call__(self, ids: Ids) -> Flags:
        """For each id, whether it is in the set."""
        return self._table[np.minimum(ids, len(self._table) - 1)]


@dataclass(frozen=True, slots=True)
class Scaling:
    """Logits of `ids` are divided by `factors` where they are positive, and multiplied where negative.

    An id may be there twice, with the same factor: it counts once.
    """

    ids: Ids
    factors: Floats


@dataclass(frozen=True, slots=True)
class Lowering:
    """`amounts` are taken from the logits of `ids`, each of which is there once."""

    ids: Ids
    amounts: Floats


NO_LOWERING = Lowering(NO_IDS, np.empty(0, np.float32))


def scaling(history: Ids, sampling: Sampling, penalty_exempt: TokenSet) -> Scaling | None:
    """The repetition penalty (Keskar et al. 2019), over the window, with KoboldAI's slope."""
    if sampling.repetition_penalty == 1:
        return None
    recent = _recent(history, sampling.repetition_window)
    sloped = sampling.repetition_slope > 0 and sampling.repetition_window > 0
    # Backwards, so that of a token that stands there twice the last one counts.
    ids, ages = np.unique(recent[::-1], return_index=True) if sloped else (recent, None)
    penalised = ~penalty_exempt(ids)
    strength = _slope(ages[penalised], sampling) if ages is not None else np.ones(int(penalised.sum()))
    factors = 1 + strength * (sampling.repetition_penalty - 1)
    return Scaling(ids[penalised], np.maximum(factors, LEAST_PENALTY).astype(np.float32))


def _slope(ages: Ids, sampling: Sampling) -> NDArray[np.float64]:
    """How much of the penalty a token gets that stands `ages` tokens before the last: 1 for none, to 0.

    After `AdvancedRepetitionPenaltyLogitsProcessor` of KoboldAI-Client's warpers.py: a straight line for a
    slope of 1, steeper in the middle of the window above, and flatter below.
    """
    far = max(sampling.repetition_window - 1, 1)
    place = 1 - 2 * ages / far
    bent = sampling.repetition_slope * place / (1 + np.abs(place) * (sampling.repetition_slope - 1))
    strength: NDArray[np.float64] = (bent + 1) / 2
    return strength


def lowerings(
    history: Ids, sampling: Sampling, penalty_exempt: TokenSet, breakers: TokenSet
) -> list[Lowering]:
    """All that is taken from logits because of what was written before."""
    found = []
    if sampling.frequency_penalty or sampling.presence_penalty:
        found.append(count_penalties(history, sampling, penalty_exempt))
    if sampling.no_repeat_ngram:
        found.append(ngrams(history, sampling, penalty_exempt))
    if sampling.dry_multiplier:
        found.append(dry(history, sampling, penalty_exempt, breakers))
    return found


def count_penalties(history: Ids, sampling: Sampling, penalty_exempt: TokenSet) -> Lowering:
    """OpenAI's frequency penalty for every time a token stands there, and presence penalty for the first."""
    ids, counts = np.unique(_recent(history, sampling.repetition_window), return_counts=True)
    penalised = ~penalty_exempt(ids)
    amounts = counts[penalised] * sampling.frequency_penalty + sampling.presence_penalty
    return Lowering(ids[penalised], amounts.astype(np.float32))


def ngrams(history: Ids, sampling: Sampling, penalty_exempt: TokenSet) -> Lowering:
    """Tokens that would complete an n-gram once more; still possible, where nothing else is."""
    recent, size = _recent(history, sampling.repetition_window), sampling.no_repeat_ngram
    starts = np.arange(max(0, len(recent) - size + 1))
    for place in range(size - 1):
        starts = starts[recent[starts + place] == recent[len(recent) - size + 1 + place]]
    ids = np.unique(recent[starts + size - 1])
    ids = ids[~penalty_exempt(ids)]
    return Lowering(ids, np.full(len(ids), np.inf, np.float32))


def dry(history: Ids, sampling: Sampling, penalty_exempt: TokenSet, breakers: TokenSet) -> Lowering:
    """DRY (p-e-w's, in text-generation-webui): what would go on a repetition, the more the longer it is."""
    following, lengths = _repeats(_recent(history, sampling.dry_window), penalty_exempt, breakers)
    long = lengths >= sampling.dry_allowed_length
    if not long.any():
        return NO_LOWERING
    ids, places = np.unique(following[long], return_inverse=True)
    longest = np.zeros(len(ids))
    np.maximum.at(longest, places, lengths[long])
    amounts = sampling.dry_multiplier * sampling.dry_base ** (longest - sampling.dry_allowed_length)
    return Lowering(ids, np.minimum(amounts, LARGEST).astype(np.float32))


def _repeats(tokens: Ids, penalty_exempt: TokenSet, breakers: TokenSet) -> tuple[Ids, Ids]:
    """Wherever the last token stood before: what followed, and how many tokens up to there are the same."""
    if len(tokens) < 2 or breakers(tokens[-1:])[0]:
        return NO_IDS, NO_IDS
    ends = np.flatnonzero(tokens[:-1] == tokens[-1])
    ends = ends[~penalty_exempt(tokens[ends + 1])]
    lengths = np.ones(len(ends), np.intp)
    same = np.arange(len(ends))
    breaks = breakers(tokens[-LONGEST_REPEAT:])[::-1]
    for back in range(1, len(breaks)):
        same = same[ends[same] >= back]
        same = same[tokens[ends[same] - back] == tokens[-1 - back]]
        if breaks[back] or not len(same):
            break
        lengths[same] = back + 1
    return tokens[ends + 1], lengths


def _recent(history: Ids, window: int) -> Ids:
    return history[-window:] if window else history
