"""How many tokens are computed at once is found by what a processor does, and steps are cut to it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.worker.backends.openvino_passes import FEWEST_AT_ONCE, Floats, Subsequence, most_at_once, passes

BLOCK = 32
WIDTH = 8


def piece(past: int, tokens: int) -> Subsequence:
    """Tokens behind others, in blocks that are counted up."""
    return Subsequence(past, tokens, tuple(range(-(-(past + tokens) // BLOCK))))


@pytest.mark.parametrize(
    ("switches", "found"),
    [(None, None), (600, None), (500, 64), (81, 64), (66, 64), (64, 32), (33, 32), (32, FEWEST_AT_ONCE)],
)
def test_what_rounds_otherwise_from_a_size_on_is_found(switches: int | None, found: int | None) -> None:
    """A processor that sums in another order from `switches` rows on."""

    def compute(hidden: Floats, past: int) -> Floats:
        turned = switches is not None and len(hidden) >= switches
        return np.nextafter(hidden, np.inf, dtype=np.float32) if turned else hidden.copy()

    assert most_at_once(WIDTH, compute) == found


def test_what_rounds_otherwise_where_it_is_cut_gets_the_fewest() -> None:
    """Nothing agrees where each size has its own rounding."""

    def compute(hidden: Floats, past: int) -> Floats:
        return hidden + np.float32(len(hidden))

    assert most_at_once(WIDTH, compute) == FEWEST_AT_ONCE


def test_each_token_is_read_behind_those_before_it() -> None:
    """Every reading is whole, in order, and has no part of a single token."""
    read: list[tuple[int, int]] = []

    def compute(hidden: Floats, past: int) -> Floats:
        read.append((past, past + len(hidden)))
        return hidden

    most_at_once(WIDTH, compute)

    assert all(after[0] in {0, before[1]} for before, after in itertools.pairwise(read))
    assert min(end - start for start, end in read) == 2


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    step=st.lists(st.tuples(st.integers(0, 90), st.integers(1, 200)), min_size=1, max_size=6),
    most=st.integers(4, 90),
)
def test_a_step_is_cut_into_passes(step: list[tuple[int, int]], most: int) -> None:
    """Every token once and in its order, no pass too large, and none by itself that was among others."""
    pieces = [piece(past, tokens) for past, tokens in step]

    found = list(passes(pieces, most, BLOCK))

    parts = [part for one in found for part in one]
    assert all(0 < sum(part.tokens for part in one) <= most for one in found)
    assert all(part == piece(part.past, part.tokens) for part in parts)
    left = iter(parts)
    for whole in pieces:
        end = whole.past
        while end < whole.past + whole.tokens:
            part = next(left)
            assert part.past == end
            assert part.tokens > 1 or whole.tokens == 1
            end += part.tokens
        assert end == whole.past + whole.tokens
    assert next(left, None) is None


def test_without_a_limit_a_step_is_one_pass() -> None:
    """As on a processor where every size agrees."""
    pieces = [piece(0, 1), piece(7, 700), piece(3, 1)]

    assert list(passes(pieces, None, BLOCK)) == [pieces]
