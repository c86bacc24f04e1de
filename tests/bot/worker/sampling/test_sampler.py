"""The sampler draws from transformers' own distribution, each row by its own settings and seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from bot.domain.sampling import Sampling
from bot.worker.engine.sequence import Sequence
from bot.worker.sampling.logit_changes import change_logits
from bot.worker.sampling.output_index import OutputIndex
from bot.worker.sampling.penalty_exempt import blank_tokens, is_exempt, penalty_exempt_tokens
from bot.worker.sampling.random_draw import CumulativeWeights, RandomDraw, draw
from bot.worker.sampling.sampler import Sampler
from bot.worker.sampling.softmax import weigh
from bot.worker.sampling.truncation import is_untruncated, truncate
from bot.worker.text.logprobs import SampledToken
from tests.bot.worker.driving import EOS, PLAIN, sequence

VOCABULARY = 200
POINTS = 20_000
"""Draws at so many points, evenly spread, show a distribution."""

SHARED = st.builds(
    Sampling,
    repetition_penalty=st.sampled_from([0.8, 1.0, 1.08, 1.5]),
    repetition_window=st.sampled_from([0, 3, 8]),
    no_repeat_ngram=st.sampled_from([0, 1, 2, 3]),
    dry_multiplier=st.just(0.0),
    temperature=st.sampled_from([0.3, 0.75, 1.0, 1.7]),
    top_k=st.sampled_from([0, 0, 1, 5, 50, 190, 500]),
    typical_p=st.sampled_from([1.0, 1.0, 0.2, 0.9]),
    top_p=st.sampled_from([0.05, 0.5, 0.9, 0.99, 1.0]),
    min_p=st.sampled_from([0.0, 0.0, 0.02, 0.3, 1.0]),
)
"""Settings whose meaning transformers shares."""

SAMPLINGS = st.builds(
    replace,
    SHARED,
    repetition_slope=st.sampled_from([0.0, 0.7, 3.0]),
    frequency_penalty=st.sampled_from([0.0, 0.4, -0.3]),
    presence_penalty=st.sampled_from([0.0, 1.5]),
    dry_multiplier=st.sampled_from([0.0, 0.8]),
    dry_allowed_length=st.sampled_from([1, 2, 4]),
    dry_window=st.sampled_from([0, 5]),
    xtc_threshold=st.sampled_from([0.01, 0.1]),
    xtc_probability=st.sampled_from([0.0, 0.5, 1.0]),
)


def logits(seed: int, rows: int = 1, spread: float = 3.0) -> torch.Tensor:
    """Made-up logits."""
    return torch.randn(rows, VOCABULARY, generator=torch.Generator().manual_seed(seed)) * spread


def dense(choice: CumulativeWeights) -> torch.Tensor:
    """A choice as one probability a token."""
    steps = np.diff(choice.cumulative, prepend=0.0)
    return torch.zeros(VOCABULARY, dtype=torch.float64).index_add(
        0, torch.from_numpy(choice.ids), torch.from_numpy(steps)
    )


def by_transformers(row: torch.Tensor, tokens: list[int], sampling: Sampling) -> torch.Tensor:
    """The same by transformers' processors, in the order `generate` applies them."""
    processors = LogitsProcessorList([RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty)])
    if sampling.no_repeat_ngram:
        processors.append(NoRepeatNGramLogitsProcessor(sampling.no_repeat_ngram))
    processors.append(TemperatureLogitsWarper(sampling.temperature))
    if sampling.top_k:
        processors.append(TopKLogitsWarper(sampling.top_k))
    if sampling.typical_p < 1:
        processors.append(TypicalLogitsWarper(sampling.typical_p))
    if sampling.top_p < 1:
        processors.append(TopPLogitsWarper(sampling.top_p))
    if sampling.min_p:
        processors.append(MinPLogitsWarper(sampling.min_p))
    window = tokens[-sampling.repetition_window :] if sampling.repetition_window else tokens
    scores: torch.Tensor = processors(torch.tensor([window]), row[None].clone())  # type: ignore[arg-type]
    return scores.softmax(-1)[0]


def changed(row: torch.Tensor, one: Sequence, exempt: frozenset[int] = frozenset()) -> NDArray[np.float32]:
    """A row as a sequence's penalties leave it."""
    logits = row.numpy().copy()
    sampler = Sampler(penalty_exempt=exempt, end_token=EOS)
    with np.errstate(over="ignore"):
        change_logits(logits, sampler._changes(one, len(row)))
    return logits


def by_ours(row: torch.Tensor, tokens: list[int], sampling: Sampling) -> torch.Tensor:
    """The same by the sampler."""
    weights = weigh(changed(row, sequence(prompt=tokens, sampling=sampling)), sampling.temperature)
    if not is_untruncated(sampling):
        return dense(CumulativeWeights.of(truncate(weights, sampling)))
    points = np.arange(POINTS) / POINTS
    drawn = [draw(weights, sampling, RandomDraw(point)) for point in points]
    return torch.from_numpy(np.bincount(drawn, minlength=VOCABULARY) / POINTS)


@settings(max_examples=150, deadline=None)
@given(
    sampling=SHARED,
    seed=st.integers(0, 10_000),
    tokens=st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=20),
    spread=st.sampled_from([0.01, 1.0, 3.0, 30.0]),
)
def test_probabilities_equal_transformers(
    sampling: Sampling, seed: int, tokens: list[int], spread: float
) -> None:
    """All that it shares, together, for flat rows and peaked ones, whatever is sorted."""
    # In a flat row the last bit of the mean surprisal decides which tokens are the typical ones.
    assume(sampling.typical_p == 1 or spread >= 1)
    row = logits(seed, spread=spread)[0]
    exact = not is_untruncated(sampling)

    expected = by_transformers(row, tokens, sampling)

    ours = by_ours(row, tokens, sampling)
    torch.testing.assert_close(
        ours, expected, atol=1e-5 if exact else 1.5 / POINTS, rtol=0, check_dtype=False
    )


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    top_p=st.sampled_from([0.3, 0.9, 0.999]),
    spread=st.sampled_from([0.01, 0.5, 2.0]),
    ties=st.booleans(),
)
def test_a_nucleus_too_large_to_sort_is_the_sorted_one(
    seed: int, top_p: float, spread: float, ties: bool
) -> None:
    """Of flat rows only the end of the nucleus is sorted: the same tokens, as likely as if all were."""
    row = np.random.default_rng(seed).standard_normal(40_000, dtype=np.float32) * spread
    weights = weigh(np.round(row, 1) if ties else row, 1.0)
    order = np.argsort(-weights.row, kind="stable")
    before = weights.row[order].cumsum(dtype=np.float64) - weights.row[order]
    count = int((before < top_p * weights.row.sum(dtype=np.float64)).sum())

    choice = CumulativeWeights.of(truncate(weights, Sampling(top_p=top_p)))

    assert abs(len(choice.ids) - count) <= 1
    assert set(order[: count - 1].tolist()) <= set(choice.ids.tolist()) <= set(order[: count + 1].tolist())
    shares = weights.row[choice.ids] / weights.row[choice.ids].sum(dtype=np.float64)
    np.testing.assert_allclose(np.diff(choice.cumulative, prepend=0), shares, rtol=1e-3, atol=1e-12)


def test_ties_with_the_last_of_top_k_stay() -> None:
    """Equal logits are treated equally, however many."""
    row = np.zeros(VOCABULARY, np.float32)

    kept = dense(CumulativeWeights.of(truncate(weigh(row, 1.0), replace(PLAIN, top_k=3))))

    torch.testing.assert_close(kept, torch.full((VOCABULARY,), 1 / VOCABULARY, dtype=torch.float64))


@settings(deadline=None)
@given(
    seed=st.integers(0, 1000), point=st.floats(0, 1, exclude_max=True), spread=st.sampled_from([1.0, 90.0])
)
def test_only_what_may_be_drawn_is_drawn(seed: int, point: float, spread: float) -> None:
    """Every point from 0 to below 1 is some token's, and never one without probability."""
    row = logits(seed, spread=spread)[0].numpy()
    row[::3] = -np.inf
    weights = weigh(row, 0.75)

    kinds = [PLAIN, Sampling(), Sampling(top_k=9), Sampling(typical_p=0.5), replace(PLAIN, min_p=0.1)]
    tokens = [
        draw(weights, kind, RandomDraw(point, excluding)) for kind in kinds for excluding in (False, True)
    ]

    assert all(weights.row[token] > 0 for token in tokens)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 32),
    length=st.sampled_from([5003, 8192]),
    threads=st.sampled_from([1, 2]),
    sampling=SAMPLINGS,
)
def test_the_company_changes_no_bit(
    seed: int, rows: int, length: int, threads: int, sampling: Sampling
) -> None:
    """In any batch, at any place in it, with any number of threads: the token and scores it has alone."""
    made = torch.randn(rows, length, generator=torch.Generator().manual_seed(seed)) * 3
    sampler = Sampler(masked=[3, length - 1], end_token=EOS)
    alone = [
        sampler.draw(made[i : i + 1].clone(), [sequence(seed=i, sampling=sampling, logprobs=2)])[0]
        for i in range(rows)
    ]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        crowd = [sequence(seed=i, sampling=sampling, logprobs=2) for i in range(rows)]
        together = sampler.draw(made.clone(), crowd)
    finally:
        torch.set_num_threads(before)

    assert alone == together


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), sampling=SAMPLINGS, spread=st.sampled_from([1.0, 3.0, 30.0]))
@example(seed=0, sampling=Sampling(temperature=1.0, top_p=1.0, min_p=0.3), spread=1.0)
def test_lists_made_on_a_device_draw_the_same(seed: int, sampling: Sampling, spread: float) -> None:
    """Where the logits are elsewhere only the likeliest come over: the same tokens and scores."""
    kinds = [sampling, Sampling(temperature=0), sampling, Sampling(top_k=3)]
    made = logits(seed, rows=4, spread=spread)
    sampler = Sampler(masked=[3, 9], penalty_exempt=[11], end_token=EOS, shortlist=16)

    def crowd() -> list[Sequence]:
        return [sequence(prompt=[5, 11, i], seed=seed, sampling=k, logprobs=i) for i, k in enumerate(kinds)]

    made[2, seed % 50] = torch.nan
    here = sampler.draw(made.clone(), crowd())
    there = sampler._draw_on_device(made.clone(), crowd())

    assert here == there
    assert [one is None for one in here] == [False, False, True, False]


def test_a_step_that_draws_nothing_on_a_device_is_none_to_fail() -> None:
    """Reading a long prompt comes to no logits at all, wherever these would be."""
    assert Sampler(end_token=EOS).draw(torch.empty(0, 50, device="meta"), []) == []


def test_scores_are_the_models_own() -> None:
    """They are of the softmax before penalties, bans and temperature; the likeliest come first."""
    row = logits(4, rows=1)
    expected = row[0].log_softmax(-1)
    best = expected.argsort(descending=True)
    one = sequence(
        prompt=[int(best[0])], sampling=Sampling(temperature=0.3, repetition_penalty=2.0), logprobs=3
    )

    [drawn] = Sampler(masked=[int(best[1])], end_token=EOS).draw(row, [one])

    assert drawn is not None
    assert drawn.logprob == pytest.approx(float(expected[drawn.token]), abs=1e-5)
    assert [token for token, _ in drawn.top] == best[:3].tolist()
    assert [score for _, score in drawn.top] == pytest.approx(expected[best[:3]].tolist(), abs=1e-5)


def test_scores_are_finite() -> None:
    """What is all but impossible has a very low log probability, not an infinite one."""
    row = torch.full((1, VOCABULARY), -3e38)
    row[0, 7] = 3e38

    [drawn] = Sampler(masked=[7], end_token=EOS).draw(row, [sequence(logprobs=1)])

    assert drawn == SampledToken(0, -9999.0, ((7, 0.0),))


def test_no_scores_unless_asked() -> None:
    """None at all by default; with none of the likeliest, the drawn token's alone."""
    drawn = Sampler(end_token=EOS).draw(logits(1, rows=2), [sequence(), sequence(logprobs=0)])

    assert [(d.logprob is None, d.top) for d in drawn if d] == [(True, ()), (False, ())]


def sample(sampler: Sampler, rows: torch.Tensor, sequences: list[Sequence]) -> list[int | None]:
    """The drawn tokens alone."""
    return [None if drawn is None else drawn.token for drawn in sampler.draw(rows, sequences)]


def draws(sampler: Sampler, one: Sequence, seed: int, count: int) -> Counter[int | None]:
    """How often each token is drawn."""
    return Counter(sample(sampler, logits(seed), [one])[0] for _ in range(count))


def test_draws_follow_the_probabilities() -> None:
    """Over many draws, tokens come as often as they should."""
    sampling = replace(PLAIN, top_p=0.9)
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

    assert best == sample(
        Sampler(end_token=EOS), rows, [sequence(str(seed), seed=seed, sampling=sampling) for seed in range(4)]
    )


@settings(deadline=None)
@given(seed=st.integers(0, 500), banned=st.sets(st.integers(3, VOCABULARY - 1), max_size=150))
def test_banned_tokens_never_come(seed: int, banned: set[int]) -> None:
    """Not even when they are the likeliest of all, greedy or drawn."""
    rows = logits(seed, rows=2)
    rows[:, sorted(banned)] += 50
    sequences = [sequence(sampling=Sampling(temperature=0)), sequence(sampling=Sampling(), seed=seed)]

    drawn = sample(Sampler(masked=banned, end_token=EOS), rows, sequences)

    assert not banned & set(drawn)


def test_rows_have_their_own_settings_and_numbers() -> None:
    """A row's draws in a batch of mixed settings are those it has alone."""
    kinds = [
        Sampling(),
        Sampling(temperature=0),
        Sampling(top_k=3),
        Sampling(typical_p=0.2, frequency_penalty=1.0, repetition_slope=0.7),
        replace(PLAIN, xtc_probability=0.5, min_p=0.01, no_repeat_ngram=1),
    ]
    sampler = Sampler(end_token=EOS)
    alone = []
    for place, kind in enumerate(kinds):
        one = sequence(sampling=kind, seed=place)
        alone.append([sample(sampler, logits(step, 5)[place : place + 1], [one])[0] for step in range(20)])

    crowd = [sequence(sampling=kind, seed=place) for place, kind in enumerate(kinds)]
    together = [sample(sampler, logits(step, 5), crowd) for step in range(20)]

    assert alone == [[step[place] for step in together] for place in range(5)]


def test_seeds_repeat_and_differ() -> None:
    """The same seed draws the same tokens; another seed, and another candidate of one seed, draw others."""
    sampler = Sampler(end_token=EOS)

    def drawn(seed: int, index: int = 0) -> list[int | None]:
        one = sequence(seed=seed, index=index, sampling=Sampling(temperature=1.5, top_p=1.0))
        return [sample(sampler, logits(step), [one])[0] for step in range(20)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert drawn(1) != drawn(1, index=1)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("place", [7, 9, 11], ids=["free", "barred", "penalised"])
def test_not_finite_concerns_one_row(bad: float, place: int) -> None:
    """A row with a number that is none gets no token, wherever that stands; the others get theirs."""
    rows = logits(1, rows=3)
    rows[1, place] = bad
    sampler = Sampler(masked=[9], end_token=EOS)

    drawn = sample(sampler, rows, [sequence(str(i), prompt=[5, 11]) for i in range(3)])

    assert [token is None for token in drawn] == [False, True, False]


def test_what_the_model_holds_impossible_is_not_drawn() -> None:
    """One logit without bounds downwards spoils no row; nothing but such is no row."""
    rows = torch.full((2, VOCABULARY), -torch.inf)
    rows[0, 7] = 1.0

    assert sample(Sampler(end_token=EOS), rows, [sequence(str(i)) for i in range(2)]) == [7, None]


def test_large_but_finite_is_fine() -> None:
    """Logits whose sum overflows are still logits."""
    rows = torch.full((1, VOCABULARY), 3e38)

    assert sample(Sampler(end_token=EOS), rows, [sequence()]) == [0]


@pytest.mark.parametrize(
    ("tokens", "barred"),
    [([EOS, 9, EOS], True), ([EOS, 9, EOS, 5], True), ([EOS, 9], False), ([EOS], True), ([EOS, 5, 9], False)],
)
def test_min_tokens_bars_what_would_end_the_document(tokens: list[int], barred: bool) -> None:
    """Only the second `</s>` is barred, also behind a blank: one alone is a paragraph break."""
    rows = torch.zeros(1, VOCABULARY)
    rows[0, EOS] = 50

    drawn = sample(Sampler(end_token=EOS, blank_tokens=[5]), rows, [sequence(prompt=tokens, min_tokens=3)])

    assert barred == (drawn[0] != EOS)


def test_min_tokens_bars_no_longer_than_that() -> None:
    """Once there are enough tokens the document may end."""
    rows = torch.zeros(1, VOCABULARY)
    rows[0, EOS] = 50
    one = sequence(min_tokens=1)
    one.append(EOS)

    assert sample(Sampler(end_token=EOS), rows, [one]) == [EOS]


def test_exempt_tokens_are_not_penalised() -> None:
    """Punctuation that was just written may come again as if it had not."""
    one = sequence(prompt=[10, 11], sampling=Sampling(temperature=0, repetition_penalty=2.0))
    rows = torch.zeros(1, VOCABULARY)
    rows[0, 10], rows[0, 11], rows[0, 12] = 5.0, 4.0, 3.0

    assert sample(Sampler(penalty_exempt=[10], end_token=EOS), rows.clone(), [one]) == [10]
    assert sample(Sampler(end_token=EOS), rows.clone(), [one]) == [12]


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

    assert {2, 4, 5, 7} == penalty_exempt_tokens(vocabulary, EOS)
    assert {5, 7} == blank_tokens(vocabulary)


@pytest.mark.parametrize("penalty", [1e-300, 1e-39, 1e-30, 1e30])
@pytest.mark.parametrize(
    "sampling", [Sampling(), Sampling(top_k=5), Sampling(top_p=1.0), Sampling(temperature=0)]
)
def test_no_penalty_is_too_strong(penalty: float, sampling: Sampling) -> None:
    """However a penalty blows a finite logit up, a token is drawn: nobody else's text hangs on it."""
    one = sequence(prompt=range(10, 60), sampling=replace(sampling, repetition_penalty=penalty))
    rows = logits(4)
    rows[0, 10] = 0.0

    [token] = sample(Sampler(end_token=EOS), rows, [one])

    assert token is not None


KEPT = [2, *range(5, VOCABULARY, 3)]
"""Tokens that have an output where not all have."""


def of_all(sequences: list[Sequence], rows: torch.Tensor, **settings: object) -> list[SampledToken | None]:
    """What a sampler draws by the head of all tokens where the others are barred."""
    others = set(range(VOCABULARY)) - set(KEPT)
    return Sampler(masked=others, end_token=EOS, **settings).draw(rows.clone(), sequences)  # type: ignore[arg-type]


def of_few(sequences: list[Sequence], rows: torch.Tensor, **settings: object) -> list[SampledToken | None]:
    """What a sampler draws by a head that has no others."""
    sampler = Sampler(end_token=EOS, outputs=OutputIndex(KEPT, VOCABULARY), **settings)  # type: ignore[arg-type]
    return sampler.draw(rows[:, KEPT].clone(), sequences)


@settings(max_examples=200, deadline=None)
@given(
    sampling=SAMPLINGS,
    seed=st.integers(0, 5_000),
    tokens=st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=20),
    bias=st.dictionaries(st.integers(0, 2 * VOCABULARY), st.floats(-20, 20), max_size=8),
    masked=st.lists(st.integers(0, VOCABULARY - 1), max_size=5),
)
def test_a_head_of_fewer_tokens_draws_as_if_the_others_were_barred(
    sampling: Sampling, seed: int, tokens: list[int], bias: dict[int, float], masked: list[int]
) -> None:
    """Bias, penalties, DRY, filters and bans mean tokens, whether these have an output or not."""
    # Sums over rows of different lengths round differently: what is left has to be the same few tokens.
    sampling = replace(sampling, top_k=sampling.top_k or 20, typical_p=1.0)
    rows = logits(seed, rows=2)

    def asked() -> list[Sequence]:
        return [
            sequence(
                f"{number}",
                tokens,
                seed=seed + number,
                sampling=sampling,
                bias=tuple(bias.items()),
                barred=tuple(masked),
            )
            for number in range(2)
        ]

    exempt = {"penalty_exempt": [5, 6, 8], "dry_breakers": [2, 11, 12], "blank_tokens": [7]}

    assert of_few(asked(), rows, **exempt) == of_all(asked(), rows, **exempt)


def test_ties_fall_to_the_lower_token() -> None:
    """As they do among all tokens."""
    rows = torch.zeros(1, VOCABULARY)
    assert of_few([sequence(sampling=Sampling(temperature=0))], rows) == [SampledToken(KEPT[0])]


def test_log_probabilities_are_over_what_may_be_drawn() -> None:
    """They are told of tokens, and come to 1 over those that have an output."""
    rows = logits(4)

    [drawn] = of_few([sequence(sampling=Sampling(temperature=0), logprobs=5)], rows)

    logs = rows[0, KEPT].log_softmax(-1)
    best = logs.topk(5)
    assert drawn is not None
    assert drawn.token == KEPT[int(best.indices[0])]
    assert [token for token, _ in drawn.top] == [KEPT[int(place)] for place in best.indices]
    assert [logprob for _, logprob in drawn.top] == pytest.approx(best.values.tolist(), abs=1e-5)
    assert drawn.logprob == drawn.top[0][1]


def test_a_bias_on_a_token_without_an_output_has_no_effect() -> None:
    """However strong it is; one on a token that has one does what it always does."""
    rows = logits(6)
    greedy = Sampling(temperature=0)
    missing = next(token for token in range(3, VOCABULARY) if token not in KEPT)

    [plain], [biased], [wanted] = (
        of_few([sequence(sampling=greedy, bias=((token, 100.0),))], rows) for token in (0, missing, KEPT[9])
    )

    assert plain == biased != wanted == SampledToken(KEPT[9])


def test_where_all_that_has_an_output_is_barred_nothing_is_drawn() -> None:
    """As where every token is."""
    assert of_few([sequence(barred=tuple(KEPT))], logits(1)) == [SampledToken(-1)]
