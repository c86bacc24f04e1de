"""Penalties and XTC equal their published definitions, written here as plainly as they can be."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bot.domain.sampling import Sampling
from bot.worker.sampling.logit_changes import change_logits
from bot.worker.sampling.penalties import LONGEST_REPEAT, TokenSet
from bot.worker.sampling.random_draw import CumulativeWeights
from bot.worker.sampling.sampler import Sampler
from bot.worker.sampling.softmax import weigh
from bot.worker.sampling.truncation import Truncated, is_untruncated, truncate, without_top_choices
from tests.bot.worker.driving import EOS, PLAIN, sequence

VOCABULARY = 40
FEW = st.lists(st.integers(0, 5), min_size=1, max_size=30)
"""Histories full of repetitions."""
EXEMPT = st.frozensets(st.integers(0, 5), max_size=2)


def logits(seed: int) -> NDArray[np.float32]:
    """Made-up ones, of both signs."""
    return np.random.default_rng(seed).standard_normal(VOCABULARY).astype(np.float32) * 3


def penalised(
    row: NDArray[np.float32],
    tokens: list[int],
    sampling: Sampling,
    exempt: frozenset[int] = frozenset(),
    breaking: frozenset[int] = frozenset(),
) -> NDArray[np.float32]:
    """What the sampler makes of a row."""
    ours = row.copy()
    one = sequence(prompt=tokens, sampling=sampling)
    sampler = Sampler(penalty_exempt=exempt, dry_breakers=breaking, end_token=VOCABULARY - 1)
    change_logits(ours, sampler._changes(one, VOCABULARY))
    return ours


def recent(tokens: list[int], window: int) -> list[int]:
    """The window: the last tokens, or all."""
    return tokens[-window:] if window else tokens


@settings(deadline=None)
@given(
    tokens=FEW,
    exempt=EXEMPT,
    seed=st.integers(0, 99),
    window=st.sampled_from([0, 1, 2, 7]),
    frequency=st.sampled_from([0.0, 0.5, -1.0]),
    presence=st.sampled_from([0.0, 1.5]),
)
def test_frequency_and_presence_are_openais(
    tokens: list[int], exempt: frozenset[int], seed: int, window: int, frequency: float, presence: float
) -> None:
    """mu[j] - c[j] * frequency - (c[j] > 0) * presence."""
    row = logits(seed)
    sampling = replace(
        PLAIN, repetition_window=window, frequency_penalty=frequency, presence_penalty=presence
    )
    counts = Counter(recent(tokens, window))

    ours = penalised(row, tokens, sampling, exempt)

    for token in range(VOCABULARY):
        count = 0 if token in exempt else counts[token]
        assert ours[token] == pytest.approx(row[token] - count * frequency - (count > 0) * presence, abs=1e-5)


@settings(deadline=None)
@given(
    tokens=FEW,
    exempt=EXEMPT,
    seed=st.integers(0, 99),
    window=st.sampled_from([0, 1, 2, 7, 50]),
    slope=st.sampled_from([0.0, 0.7, 1.0, 3.33]),
    penalty=st.sampled_from([1.1, 1.5, 0.8]),
)
def test_the_slope_is_koboldais(
    tokens: list[int], exempt: frozenset[int], seed: int, window: int, slope: float, penalty: float
) -> None:
    """Each place of the window has its penalty, and a token that of its last place."""
    row = logits(seed)
    sampling = replace(PLAIN, repetition_penalty=penalty, repetition_window=window, repetition_slope=slope)
    expected = row.copy()
    for place, token in enumerate(recent(tokens, window)):
        far = len(recent(tokens, window)) - 1 - place
        strength = 1.0
        if slope and window > 1:
            x = (window - 1 - far) / (window - 1) * 2 - 1
            strength = ((slope * x) / (1 + abs(x) * (slope - 1)) + 1) / 2
        factor = 1 + strength * (penalty - 1)
        if token not in exempt:
            expected[token] = row[token] * factor if row[token] <= 0 else row[token] / factor

    np.testing.assert_allclose(penalised(row, tokens, sampling, exempt), expected, rtol=1e-5)


def dry_penalties(
    tokens: list[int], sampling: Sampling, exempt: frozenset[int], breaking: frozenset[int]
) -> dict[int, float]:
    """DRYLogitsProcessor of text-generation-webui, its author's own, token by token."""
    longest: dict[int, int] = {}
    if tokens[-1] in breaking:
        return {}
    for end in range(len(tokens) - 1):
        following = tokens[end + 1]
        if tokens[end] != tokens[-1] or following in exempt:
            continue
        length = 1
        while length < LONGEST_REPEAT and end - length >= 0:
            previous = tokens[-(length + 1)]
            if tokens[end - length] != previous or previous in breaking:
                break
            length += 1
        longest[following] = max(length, longest.get(following, 0))
    return {
        token: sampling.dry_multiplier * sampling.dry_base ** (length - sampling.dry_allowed_length)
        for token, length in longest.items()
        if length >= sampling.dry_allowed_length
    }


@settings(max_examples=300, deadline=None)
@given(
    tokens=st.one_of(
        FEW, st.builds(lambda once, times: once * times, st.lists(st.integers(0, 5), min_size=1), st.just(9))
    ),
    exempt=EXEMPT,
    breaking=EXEMPT,
    seed=st.integers(0, 99),
    window=st.sampled_from([0, 1, 2, 9]),
    allowed=st.sampled_from([1, 2, 4]),
)
def test_dry_is_its_authors(
    tokens: list[int],
    exempt: frozenset[int],
    breaking: frozenset[int],
    seed: int,
    window: int,
    allowed: int,
) -> None:
    """What goes on the longest repetition is lowered exponentially, but for exempt tokens."""
    row = logits(seed)
    sampling = replace(PLAIN, dry_multiplier=0.8, dry_allowed_length=allowed, dry_window=window)
    penalties = dry_penalties(recent(tokens, window), sampling, exempt, breaking)

    ours = penalised(row, tokens, sampling, exempt, breaking)

    expected = [row[token] - penalties.get(token, 0.0) for token in range(VOCABULARY)]
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=200, deadline=None)
@given(
    weights=st.lists(st.sampled_from([1.0, 0.9, 0.5, 0.5, 0.2, 0.01, 0.001]), min_size=1, max_size=20),
    threshold=st.sampled_from([0.0, 0.05, 0.1, 0.3, 0.6, 1.0]),
)
def test_xtc_is_its_authors(weights: list[float], threshold: float) -> None:
    """Sorted, a token goes if the next one has at least the threshold, too: one that has it always stays."""
    left = Truncated(np.array(weights, np.float32), np.arange(len(weights)))
    probabilities = left.weights / left.weights.sum(dtype=np.float64)
    order = np.argsort(-probabilities, kind="stable")
    removed = [int(one) for one, after in pairwise(order) if probabilities[after] >= threshold]

    kept = without_top_choices(left, threshold)

    assert sorted(set(range(len(weights))) - set(removed)) == kept.ids.tolist()
    assert kept.weights.tolist() == left.weights[kept.ids].tolist()


def test_xtc_comes_as_often_as_it_should() -> None:
    """With its probability, by the sequence's own random numbers; a seed repeats."""
    row = torch.full((1, VOCABULARY), -20.0)
    row[0, 5], row[0, 6] = 2.0, 1.0

    def drawn(seed: int) -> list[int]:
        one = sequence(sampling=replace(PLAIN, xtc_probability=0.3, top_k=1), seed=seed)
        sampler = Sampler(end_token=EOS)
        return [token.token for _ in range(500) for token in sampler.draw(row.clone(), [one]) if token]

    assert set(drawn(1)) == {5}  # top_k leaves one, and XTC never takes the last away
    one = sequence(sampling=replace(PLAIN, xtc_probability=0.3, xtc_threshold=0.1), seed=3)
    sampler = Sampler(end_token=EOS)
    tokens = [token.token for _ in range(2000) for token in sampler.draw(row.clone(), [one]) if token]
    share = 1 / (1 + np.e)
    assert tokens.count(6) / 2000 == pytest.approx(0.3 + 0.7 * share, abs=0.04)


@settings(deadline=None)
@given(tokens=FEW, seed=st.integers(0, 99))
def test_neutral_values_change_nothing(tokens: list[int], seed: int) -> None:
    """Every penalty and filter is off at its neutral value."""
    row = logits(seed)

    assert (penalised(row, tokens, PLAIN) == row).all()
    assert is_untruncated(PLAIN)
    assert len(truncate(weigh(row.copy(), 1.0), PLAIN).ids) == VOCABULARY


@settings(deadline=None)
@given(tokens=FEW, seed=st.integers(0, 99), exempt=EXEMPT)
def test_exempt_tokens_are_untouched(tokens: list[int], seed: int, exempt: frozenset[int]) -> None:
    """By all penalties together, also those that forbid."""
    row = logits(seed)
    strong = replace(
        PLAIN,
        repetition_penalty=2.0,
        frequency_penalty=1.0,
        presence_penalty=1.0,
        no_repeat_ngram=1,
        dry_multiplier=5.0,
        dry_allowed_length=1,
    )

    ours = penalised(row, tokens, strong, exempt)

    touched = set(np.flatnonzero(ours != row).tolist())
    assert touched == set(tokens) - exempt


@settings(deadline=None)
@given(ids=st.frozensets(st.integers(0, 30)), asked=st.lists(st.integers(0, 300)))
def test_marks(ids: frozenset[int], asked: list[int]) -> None:
    """Membership, of any ids at once, larger ones than it ever saw among them."""
    assert TokenSet(ids)(np.array(asked, np.intp)).tolist() == [token in ids for token in asked]


@settings(deadline=None)
@given(
    seed=st.integers(0, 999),
    min_p=st.sampled_from([0.01, 0.1, 1.0]),
    top_p=st.sampled_from([0.5, 1.0]),
    typical_p=st.sampled_from([0.3, 1.0]),
)
def test_filters_leave_something(seed: int, min_p: float, top_p: float, typical_p: float) -> None:
    """However strict they are together, and with XTC at work, one token stays."""
    sampling = replace(PLAIN, min_p=min_p, top_p=top_p, typical_p=typical_p, xtc_probability=1.0)

    choice = CumulativeWeights.of(truncate(weigh(logits(seed), 0.7), sampling, excluding=True))

    assert len(choice.ids) >= 1
    assert choice.cumulative[-1] == 1


@pytest.mark.parametrize("last", [0, 3])
def test_greedy_heeds_every_penalty(last: int) -> None:
    """Temperature 0 takes the best of what penalties leave, whatever filters are on."""
    row = torch.zeros(1, VOCABULARY)
    row[0, 4], row[0, 9] = 3.0, 2.5
    sampling = Sampling(temperature=0, no_repeat_ngram=2, typical_p=0.2, min_p=0.9, xtc_probability=1.0)
    one = sequence(prompt=[3, 4, 8, last], sampling=sampling)

    [drawn] = Sampler(end_token=EOS).draw(row, [one])

    assert drawn is not None
    assert drawn.token == (4 if last == 0 else 9)
