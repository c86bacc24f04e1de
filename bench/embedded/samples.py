"""Samples for the card, good and bad, chosen by a rule from what the model really wrote."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import children
from bench.craft import continued, kept
from bench.judges import FAULTS, distinct_2

BEGINNINGS = (
    "雨の降る夜、駅の待合室には私のほかに誰もいなかった。",
    "「もう帰ろう」と彼女は言った。",
    "それは九月初旬のある蒸し暑い晩のことであった。",
    "老人は縁側に坐って、庭の柿の木を眺めていた。",
    "港に船が着いたのは、夜明け前のことだった。",
)
ENGLISH = "It was a dark night, and the old man sat by the fire."
SEEDS = 6
EACH = 2
"""Good and bad samples in the card."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A continuation as people get it. `nats`: what a character costs the model that wrote it."""

    beginning: str
    text: str
    seed: int
    nats: float

    @property
    def quoted(self) -> str:
        """As a Markdown quotation."""
        gap = "\n" if self.text.startswith("\n") else " "
        story = f"**{self.beginning}**{gap}{self.text.strip()}（seed {self.seed}）"
        return "\n".join(f"> {line}  " if line else ">" for line in story.split("\n"))


def write(url: str, folder: Path, threads: int, seeds: int = SEEDS) -> list[Sample]:
    """Continuations of all beginnings with all seeds, with the preset that is the default.

    Args:
        url: a worker with the model and its presets.
        folder: of the same model.
        threads: for measuring.
        seeds: how many.
    """
    beginnings = [*BEGINNINGS, ENGLISH]
    texts: dict[str, list[str]] = {}
    for seed in range(1, seeds + 1):
        for number, beginning in enumerate(beginnings):
            raw = asyncio.run(continued(url, [beginning], {"preset": "standard"}, seed))
            # One text a name, since surprisal is summed up by name.
            alone = ["" for _ in beginnings]
            alone[number] = kept([beginning], raw)[0]
            texts[f"{number} {seed}"] = alone
    spec = {"folder": str(folder), "threads": threads, "prompts": beginnings, "texts": texts}
    nats = children.ask("bench.surprisal", spec)
    found = []
    for name, alone in texts.items():
        number, seed = map(int, name.split())
        found.append(Sample(beginnings[number], alone[number], seed, nats[name]))
    return found


def choose(samples: Sequence[Sample]) -> tuple[list[Sample], list[Sample], Sample]:
    """Good ones, bad ones, and one in English.

    Good are those that surprise the model least, of the more varied half and without a fault: cheap text is
    often a loop. Bad are those that surprise it most. The English one is the median.
    """
    english = sorted((one for one in samples if one.beginning == ENGLISH), key=lambda one: one.nats)
    japanese = sorted((one for one in samples if one.beginning != ENGLISH), key=lambda one: one.nats)
    varied = median(distinct_2([one.text]) for one in japanese)
    good = [one for one in japanese if distinct_2([one.text]) >= varied and not _faulty(one)]
    return good[:EACH], japanese[-EACH:], english[len(english) // 2]


def _faulty(sample: Sample) -> bool:
    return any(has(sample.text, sample.beginning) for has in FAULTS.values())
