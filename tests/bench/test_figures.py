"""Figures have a median, a spread and what is wanted of them; percentiles lie between the values."""

from __future__ import annotations

import json

import pytest

from bench.figures import figure, from_json, percentile, to_json


def test_a_figure_has_the_median_and_the_extremes_of_its_rounds() -> None:
    """The order of the rounds does not matter."""
    found = figure("one.rate", "worker", "tokens/s", [30.0, 10.0, 20.0])
    assert (found.middle, found.low, found.high, found.rounds) == (20.0, 10.0, 30.0, 3)


def test_a_figure_belongs_to_the_part_in_its_key() -> None:
    """What comes behind the first dot is its own name."""
    assert figure("crowds.8.rate", "", "", [1.0]).part == "crowds"


def test_no_rounds_no_figure() -> None:
    """It says what was not measured."""
    with pytest.raises(ValueError, match="first token"):
        figure("one.first", "first token", "s", [])


@pytest.mark.parametrize(
    ("limits", "met"),
    [({}, None), ({"at_least": 7.0}, True), ({"at_least": 9.0}, False), ({"at_most": 7.9}, False)],
)
def test_what_is_wanted_is_compared_with_the_middle(limits: dict[str, float], met: bool | None) -> None:
    """Not with the best round."""
    assert figure("one.ratio", "", "×", [1.0, 8.0, 20.0], **limits).met is met


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 2.5), (0.95, 3.85), (1.0, 4.0)])
def test_percentiles_lie_between_values_in_proportion(share: float, expected: float) -> None:
    """Of four values 95 % lies 0.85 of the way from the third to the fourth."""
    assert percentile([4.0, 1.0, 3.0, 2.0], share) == pytest.approx(expected)


def test_a_single_value_is_every_percentile() -> None:
    """One round has no spread."""
    assert percentile([3.0], 0.95) == 3.0


def test_figures_survive_json() -> None:
    """Limits that are not there stay away."""
    found = figure("eight.rate", "eight", "tokens/s", [1.0, 2.0], at_least=3.0)
    assert from_json(json.loads(json.dumps(to_json(found)))) == found
