"""The embedded model's card, filled with what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from bench.embedded.presets import Judged
from bench.embedded.samples import Sample, choose
from bot.train import log
from bot.train.measure import Loss

TEMPLATE = Path(__file__).with_name("card.md")
EARLIER_TOKENS = 26_300_000
"""Read in the first two parts, whose logs are not kept."""


@dataclass(frozen=True, slots=True)
class Released:
    """What the run's best weights are: after how many of its tokens, and whether they are an average."""

    tokens: int
    averaged: bool

    @classmethod
    def read(cls, run_log: Path) -> Released:
        """Find it in a run's log.

        Raises:
            ValueError: nothing was measured yet.
        """
        measured = [row for row in log.read(run_log) if row.get("average") is not None]
        if not measured:
            raise ValueError(f"{run_log} holds no measuring of weights and average")
        best = min(measured, key=lambda row: min(row["held_out"], row["average"]))
        return cls(int(best["tokens"]), best["average"] < best["held_out"])


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything the card tells."""

    released: Released
    japanese: Loss
    works: int
    english: Loss | None
    english_works: int
    judged: Mapping[str, Judged]
    nats: Mapping[str, float]
    places: int
    samples: Sequence[Sample]


def render(found: Findings) -> str:
    """The card as Markdown."""
    good, bad, english = choose(found.samples)
    values: dict[str, Any] = {
        "tokens": _millions(EARLIER_TOKENS + found.released.tokens),
        "third": _millions(found.released.tokens),
        "kind": "the moving average of the weights" if found.released.averaged else "the weights themselves",
        "japanese": f"{found.japanese.per_character:.2f}",
        "works": found.works,
        "english": _english(found),
        "early": f"{found.japanese.early:.2f}",
        "late": f"{found.japanese.late:.2f}",
        "count": len(found.samples),
        "good": "\n\n".join(one.quoted for one in good),
        "bad": "\n\n".join(one.quoted for one in bad),
        "english_sample": english.quoted,
        "places": found.places,
        "presets": "\n".join(_row(name, judged, found.nats[name]) for name, judged in found.judged.items()),
    }
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(values)


def _english(found: Findings) -> str:
    if found.english is None:
        return ""
    return f"; {found.english.per_character:.2f} nats per English character ({found.english_works} works)"


def _row(name: str, judged: Judged, nats: float) -> str:
    shares = f"{judged.dialogue:.0%} | {judged.distinct_2:.2f} | {judged.faulty:.0%}"
    return f"| {name} | {shares} | {nats:.2f} |"


def _millions(tokens: int) -> str:
    return f"{tokens / 1e6:.1f}"
