"""Presets for a small model: of some candidates each, the one that writes most like the books.

A small model's likeliest words are nearly always somebody speaking. Judged is what people get to read, and
what decides is how far share of dialogue and variety are from those of the passages that really came next,
and how many texts have a fault.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.craft import continued, kept
from bench.judges import FAULTS, dialogue, distinct_2

QUOTES = ("「", "『")
END = "</s>"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Settings of a preset, and what is added to the logits of tokens, by their spelling."""

    settings: Mapping[str, float]
    bias: Mapping[str, float]

    def row(self) -> dict[str, Any]:
        """As it stands in presets.json."""
        return {**self.settings, "bias": dict(self.bias)}

    def request(self, ids: Mapping[str, int]) -> dict[str, Any]:
        """As the worker takes it; `ids` of the spellings."""
        return {**self.settings, "logit_bias": {str(ids[piece]): value for piece, value in self.bias.items()}}


def _grid(
    fixed: Mapping[str, float], end: float, temperatures: Sequence[float], quotes: Sequence[float]
) -> tuple[Candidate, ...]:
    """All temperatures with all biases against quotations; `end` is the bias against a paragraph's end."""
    return tuple(
        Candidate(
            {"temperature": temperature, **fixed},
            {**dict.fromkeys(QUOTES, quote), **({END: end} if end else {})},
        )
        for temperature, quote in itertools.product(temperatures, quotes)
    )


CANDIDATES: Mapping[str, Sequence[Candidate]] = {
    "steady": _grid({"top_p": 0.85}, -0.2, (0.7, 0.75, 0.8), (-0.8, -1.2, -1.6, -2.0)),
    "standard": _grid({}, -0.2, (0.85, 0.9, 0.95), (-0.6, -1.0, -1.4, -1.8)),
    "bold": _grid({"min_p": 0.01}, 0.0, (0.95, 1.0, 1.05), (-0.4, -0.8, -1.2, -1.6)),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """Shares (0 to 1): lines of dialogue, different pairs of characters, texts with any fault."""

    dialogue: float
    distinct_2: float
    faulty: float

    def distance(self, books: Judged) -> float:
        """How far it is from the books, whose own faults do not excuse any."""
        return abs(self.dialogue - books.dialogue) + abs(self.distinct_2 - books.distinct_2) + self.faulty


def judge(prompts: Sequence[str], texts: Sequence[str]) -> Judged:
    """What continuations are like."""
    pairs = list(zip(prompts, texts, strict=True))
    faulty = sum(any(has(text, prompt) for has in FAULTS.values()) for prompt, text in pairs)
    return Judged(dialogue(texts), distinct_2(texts), faulty / len(pairs))


def tune(
    url: str,
    candidates: Mapping[str, Sequence[Candidate]],
    prompts: Sequence[str],
    books: Judged,
    ids: Mapping[str, int],
    report: Callable[[str], None],
) -> dict[str, Candidate]:
    """By preset, the candidate nearest to the books, all with the same seeds.

    Args:
        url: a worker with the model, without presets of its own.
        candidates: of each preset.
        prompts: places of held-out works.
        books: what the passages are like that really came next.
        ids: of the tokens that candidates are biased for.
        report: gets a line for each candidate.
    """
    chosen: dict[str, Candidate] = {}
    for preset, each in candidates.items():
        judged: list[tuple[float, Candidate]] = []
        for candidate in each:
            asked = {"preset": preset, **candidate.request(ids)}
            found = judge(prompts, kept(prompts, asyncio.run(continued(url, prompts, asked))))
            judged.append((found.distance(books), candidate))
            report(f"{preset} {candidate.row()}: {found}, {judged[-1][0]:.3f} from the books")
        chosen[preset] = min(judged, key=lambda pair: pair[0])[1]
    return chosen
