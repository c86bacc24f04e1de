"""The sampler draws from transformers' own distribution, each row by its own settings and seed."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.generation.logits_process import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from bot.messages import Sampling
from bot.worker.exempt import blank_tokens, exempt_tokens, is_exempt
from bot.worker.sampler import Choice, Sampler, choose
from bot.worker.sequence import Sequence
from tests.worker.driving import EOS, sequence

VOCABULARY = 200

SAMPLINGS = st.builds(
    Sampling,
    temperature=st.sampled_from([0.3, 0.75, 1.0, 1.7]),
    top_p=st.sampled_from([0.05, 0.5, 0.9, 0.99, 1.0]),
    top_k=st.sampled_from([0, 1, 5, 50, 190, 500]),
    repetition_penalty=st.sampled_from([0.8, 1.0, 1.08, 1.5]),
    repetition_window=st.sampled_from([0, 3, 8]),
)


def logits(seed: int, rows: int = 1, spread: float = 3.0) -> torch.Tensor:
    """Made-up logits."""
    return torch.randn(rows, VOCABULARY, generator=torch.Generator().manual_seed(seed)) * spread


def dense(choice: Choice) -> torch.Tensor:
    """A choice as one probability a token."""
    steps = torch.diff(choice.cumulative, prepend=torch.zeros(1))
    return torch.zeros(VOCABULARY).index_add(0, choice.ids, steps)


def by_transformers(row: torch.Tensor, tokens: list[int], sampling: Sampling) -> torch.Tensor:
    """The same by transformers' processors, in the order `generate` applies them."""
    processors = LogitsProcessorList(
        [
            RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty),
            TemperatureLogitsWarper(sampling.temperature),
        ]
    )
    if sampling.top_k:
        processors.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        processors.append(TopPLogitsWarper(sampling.top_p))
    window = tokens[-sampling.repetition_window :] if sampling.repetition_window else tokens
    scores: torch.Tensor = processors(torch.tensor([window]), row[None].clone())  # type: ignore[arg-type]
    return scores.softmax(-1)[0]


def by_ours(row: torch.Tensor, tokens: list[int], sampling: Sampling, shortlist: int) -> torch.Tensor:
    """The same by the sampler."""
    changed = row.clone()
    Sampler(end_token=EOS)._penalise(changed, sequence(prompt=tokens, sampling=sampling))
    choice = choose(changed, sampling, shortlist)
    if choice.total < 1:
        choice = choose(changed, sampling, VOCABULARY)
    return dense(choice)


@settings(max_examples=150, deadline=None)
@given(
    sampling=SAMPLINGS,
    seed=st.integers(0, 10_000),
    tokens=st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=20),
    shortlist=st.sampled_from([1, 8, 64, VOCABULARY]),
)
def test_probabilities_equal_transformers(
    sampling: Sampling, seed: int, tokens: list[int], shortlist: int
) -> None:
    """Penalty, temperature, top_k and top_p together, by the short list or by all."""
    row = logits(seed)[0]

    expected = by_transformers(row, tokens, sampling)

    torch.testing.assert_close(
        by_ours(row, tokens, sampling, shortlist), expected, atol=1e-5, rtol=0, check_dtype=False
    )


def test_ties_with_the_last_of_top_k_stay() -> None:
    """Equal logits are treated equally, also past the short list."""
    row = torch.zeros(VOCABULARY)

    kept = dense(choose(row, Sampling(temperature=1.0, top_p=1.0, top_k=3), 8))

    torch.testing.assert_close(kept, torch.full((VOCABULARY,), 1 / VOCABULARY))


@settings(deadline=None)
@given(seed=st.integers(0, 1000), point=st.floats(0, 1, exclude_max=True), shortlist=st.integers(1, 300))
def test_the_short_list_changes_no_draw(seed: int, point: float, shortlist: int) -> None:
    """The same number picks the same token, whether few or all tokens were sorted."""
    row, sampling = logits(seed)[0], Sampling(top_p=1.0)
    full = choose(row, sampling, VOCABULARY)
    edges = (full.cumulative - point).abs().min()

    short = choose(row, sampling, shortlist).pick(point)

    assert short is None or short == full.pick(point) or edges < 1e-6


def draws(sampler: Sampler, one: Sequence, seed: int, count: int) -> Counter[int | None]:
    """How often each token is drawn."""
    return Counter(sampler.sample(logits(seed), [one])[0] for _ in range(count))


def test_draws_follow_the_probabilities() -> None:
    """Over many draws, tokens come as often as they should."""
    sampling = Sampling(temperature=1.0, top_p=0.9, repetition_penalty=1.0)
    expected = by_transformers(logits(5)[0], [1], sampling)

    drawn = draws(Sampler(end_token=EOS), sequence(sampling=sampling), 5, 3000)

    for token, probability in enumerate(expected.tolist()):
        assert drawn[token] / 3000 == pytest.approx(probability, abs=0.04)
        assert probability > 0 or drawn[token] == 0


def test_temperature_zero_takes_the_best() -> None:
    """Greedy is the likeliest token, whatever the seed."""
    sampling = Sampling(temperature=0, repetition_penalty=1.0)
    rows = logits(3, rows=4)
    best = rows.argmax(-1).tolist()

    assert best == Sampler(end_token=EOS).sample(
        rows, [sequence(str(seed), seed=seed, sampling=sampling) for seed in range(4)]
    )


@settings(deadline=None)
@given(seed=st.integers(0, 500), banned=st.sets(st.integers(3, VOCABULARY - 1), max_size=150))
def test_banned_tokens_never_come(seed: int, banned: set[int]) -> None:
    """Not even when they are the likeliest of all, greedy or drawn."""
    rows = logits(seed, rows=2)
    rows[:, sorted(banned)] += 50
    sequences = [sequence(sampling=Sampling(temperature=0)), sequence(sampling=Sampling(), seed=seed)]

    drawn = Sampler(banned=banned, end_token=EOS).sample(rows, sequences)

    assert not banned & set(drawn)


def test_rows_have_their_own_settings_and_numbers() -> None:
    """A row's draws in a batch of mixed settings are those it has alone."""
    kinds = [Sampling(), Sampling(temperature=0), Sampling(top_k=3), Sampling(top_p=0.2), Sampling(1.5, 1.0)]
    sampler = Sampler(end_token=EOS)
    alone = []
    for place, kind in enumerate(kinds):
        one = sequence(sampling=kind, seed=place)
        alone.append([sampler.sample(logits(step, 5)[place : place + 1], [one])[0] for step in range(20)])

    crowd = [sequence(sampling=kind, seed=place) for place, kind in enumerate(kinds)]
    together = [sampler.sample(logits(step, 5), crowd) for step in range(20)]

    assert alone == [[step[place] for step in together] for place in range(5)]


def test_seeds_repeat_and_differ() -> None:
    """The same seed draws the same tokens; another seed, and another candidate of one seed, draw others."""
    sampler = Sampler(end_token=EOS)

    def drawn(seed: int, index: int = 0) -> list[int | None]:
        one = sequence(seed=seed, index=index, sampling=Sampling(temperature=1.5, top_p=1.0))
        return [sampler.sample(logits(step), [one])[0] for step in range(20)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert drawn(1) != drawn(1, index=1)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_not_finite_concerns_one_row(bad: float) -> None:
    """A row with a number that is none gets no token; the others get theirs."""
    rows = logits(1, rows=3)
    rows[1, 7] = bad

    drawn = Sampler(end_token=EOS).sample(rows, [sequence(str(i)) for i in range(3)])

    assert [token is None for token in drawn] == [False, True, False]


def test_large_but_finite_is_fine() -> None:
    """Logits whose sum overflows are still logits."""
    rows = torch.full((1, VOCABULARY), 3e38)

    assert Sampler(end_token=EOS).sample(rows, [sequence()]) == [0]


@pytest.mark.parametrize(
    ("tokens", "barred"),
    [([EOS, 9, EOS], True), ([EOS, 9, EOS, 5], True), ([EOS, 9], False), ([EOS], True), ([EOS, 5, 9], False)],
)
def test_min_tokens_bars_what_would_end_the_document(tokens: list[int], barred: bool) -> None:
    """Only the second `</s>` is barred, also behind a blank: one alone is a paragraph break."""
    rows = torch.zeros(1, VOCABULARY)
    rows[0, EOS] = 50

    drawn = Sampler(end_token=EOS, blank=[5]).sample(rows, [sequence(prompt=tokens, min_tokens=3)])

    assert barred == (drawn[0] != EOS)


def test_min_tokens_bars_no_longer_than_that() -> None:
    """Once there are enough tokens the document may end."""
    rows = torch.zeros(1, VOCABULARY)
    rows[0, EOS] = 50
    one = sequence(min_tokens=1)
    one.append(EOS)

    assert Sampler(end_token=EOS).sample(rows, [one]) == [EOS]


def test_exempt_tokens_are_not_penalised() -> None:
    """Punctuation that was just written may come again as if it had not."""
    one = sequence(prompt=[10, 11], sampling=Sampling(temperature=0, repetition_penalty=2.0))
    rows = torch.zeros(1, VOCABULARY)
    rows[0, 10], rows[0, 11], rows[0, 12] = 5.0, 4.0, 3.0

    assert Sampler(exempt=[10], end_token=EOS).sample(rows.clone(), [one]) == [10]
    assert Sampler(end_token=EOS).sample(rows.clone(), [one]) == [12]


@pytest.mark.parametrize("piece", ["。", "、", "」", "「", "……", "▁", "▁「", "は", "▁が", "から", "！？"])
def test_grammar_is_exempt(piece: str) -> None:
    """Punctuation, spaces and particles."""
    assert is_exempt(piece)


@pytest.mark.parametrize("piece", ["晩", "今度", "▁the", "はな", "A", "。あ", "１"])
def test_words_are_not_exempt(piece: str) -> None:
    """What says something."""
    assert not is_exempt(piece)


def test_ids_from_a_vocabulary() -> None:
    """The paragraph break is exempt, too; blanks are those with nothing visible."""
    vocabulary = {"</s>": 2, "。": 4, "▁": 5, "猫": 6, "▁▁": 7}

    assert {2, 4, 5, 7} == exempt_tokens(vocabulary, EOS)
    assert {5, 7} == blank_tokens(vocabulary)
