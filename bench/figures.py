"""Measured figures: a median, its spread, and what it should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """What one quantity came to.

    `key`: the part of the run it belongs to, a dot, and its own name. `middle`: the median over the rounds,
    or a percentile over all of them. `low`, `high`: the smallest and the largest round. `at_least`,
    `at_most`: what is wanted of it, where something is.
    """

    key: str
    what: str
    unit: str
    middle: float
    low: float
    high: float
    rounds: int
    at_least: float | None = None
    at_most: float | None = None

    @property
    def part(self) -> str:
        """The part of the run it belongs to."""
        return self.key.split(".")[0]

    @property
    def met(self) -> bool | None:
        """Whether it is what is wanted; None where nothing is."""
        if self.at_least is None and self.at_most is None:
            return None
        enough = self.at_least is None or self.middle >= self.at_least
        return enough and (self.at_most is None or self.middle <= self.at_most)


def figure(
    key: str,
    what: str,
    unit: str,
    values: Sequence[float],
    *,
    middle: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Figure:
    """A figure of one value a round; `middle` where it is not their median.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError(f"nothing was measured for {what}")
    found = median(values) if middle is None else middle
    return Figure(key, what, unit, found, min(values), max(values), len(values), at_least, at_most)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share (0 to 1) of all lies, between two of them in proportion.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values, no percentile")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def to_json(found: Figure) -> dict[str, Any]:
    """A figure as JSON has it."""
    return asdict(found)


def from_json(row: Mapping[str, Any]) -> Figure:
    """A figure from JSON."""
    return Figure(**row)
