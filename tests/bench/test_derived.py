"""Ratios follow from the medians of one run, and are told only where both sides were measured."""

from __future__ import annotations

import pytest

from bench.derived import bandwidth_figures, baseline_figures, quality_figures, ratios
from bench.figures import Figure, figure
from bench.shapes import SHAPES

SPEC = {"tokens": 11, "batch": 8}
ANSWER = {"first_s": [1.0, 1.0, 1.0], "whole_s": [3.0, 2.0, 6.0], "batch_s": [8.0]}


def by_key(figures: list[Figure]) -> dict[str, Figure]:
    """Each under its key."""
    return {one.key: one for one in figures}


def test_transformers_rate_is_that_of_decoding() -> None:
    """Ten tokens behind the first one; one after another the first one counts."""
    found = by_key(baseline_figures("fp32", SPEC, ANSWER))
    assert found["one.fp32_rate"].middle == 5.0
    assert found["eight.fp32_turns"].middle == pytest.approx(11 / 3)
    assert found["eight.fp32_batch"].middle == 11.0


def test_the_roofline_is_the_best_that_memory_did() -> None:
    """Two bytes are read a token here, of 40 to 50 GB a second."""
    found = by_key(bandwidth_figures({"bytes_per_s": [40e9, 50e9]}, 2_000_000_000))
    assert found["one.bandwidth"].middle == 50.0
    assert found["one.roofline"].middle == 25.0


def test_a_model_in_the_processors_cache_has_no_roofline() -> None:
    """Memory does not limit it."""
    assert list(by_key(bandwidth_figures({"bytes_per_s": [1e9]}, None))) == ["one.bandwidth"]


def test_ratios_compare_medians_and_the_rounds_furthest_apart() -> None:
    """Low is the worst round over the other's best."""
    ours = figure("one.rate", "", "tokens/s", [40.0, 50.0, 60.0])
    theirs = figure("one.fp32_rate", "", "tokens/s", [4.0, 5.0, 6.0])
    (ratio,) = ratios([ours, theirs])
    assert (ratio.key, ratio.middle, ratio.met) == ("one.ratio_fp32", 10.0, True)
    assert [ratio.low, ratio.high] == pytest.approx([40 / 6, 15.0])


def test_no_ratio_without_both_sides() -> None:
    """A part that failed takes its ratios with it, and no others."""
    figures = [figure(f"crowds.{each}.rate", "", "tokens/s", [float(each)]) for each in (8, 16)]
    assert list(by_key(ratios(figures))) == ["crowds.16.ratio"]


def test_int8_is_worse_by_its_nats() -> None:
    """In per cent of the reference's."""
    answer = {
        "backend": "openvino",
        "tokens": 10,
        "kl": 0.1,
        "agreement": 0.9,
        "nats": 2.0,
        "other_nats": 2.02,
    }
    found = by_key(quality_figures(answer))
    assert found["quality.worse"].middle == pytest.approx(1.0)
    assert found["quality.worse"].met is False


def test_the_shapes_have_their_published_sizes() -> None:
    """In billions of weights, the tied table once."""
    sizes = {name: round(SHAPES[name].weights / 1e9, 2) for name in ("564m", "1.7b", "7.5b")}
    assert sizes == {"564m": 0.56, "1.7b": 1.73, "7.5b": 7.49}
