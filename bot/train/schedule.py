"""What a run reads, and how: its stages, their windows and heads, and the learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.errors import ScheduleError

WARMUP_STEPS = 60
LAST_FACTOR = 0.02
"""Of the learning rate, at the end of a run."""
HEADS = ("full", "sampled")
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a run: its share of the tokens, the window lengths it mixes, and the head it learns with.

    `lengths`: each takes an equal part of the stage's tokens; one that is named twice takes two.
    `sampled`: whether the softmax's denominator is estimated from part of the vocabulary, which is cheaper.
    """

    share: float
    lengths: tuple[int, ...]
    sampled: bool = False

    @classmethod
    def parse(cls, text: str) -> Stage:
        """Read `SHARE:LENGTH[+LENGTH...][:full|:sampled]`, as in `0.7:512+1024:sampled`.

        Raises:
            ScheduleError: it is no such thing.
        """
        share, _, rest = text.partition(":")
        lengths, _, head = rest.partition(":")
        try:
            stage = cls(float(share), tuple(int(length) for length in lengths.split("+")), head == "sampled")
        except ValueError:
            raise ScheduleError(
                f"{text}: a stage is SHARE:LENGTHS:HEAD, as in 0.7:512+1024:sampled"
            ) from None
        if not 0 < stage.share <= 1 or min(stage.lengths) < 1:
            raise ScheduleError(f"{text}: a share lies above 0 and at most at 1, and a window has a token")
        if head and head not in HEADS:
            raise ScheduleError(f"{text}: a head is full or sampled")
        return stage

    def __str__(self) -> str:
        """As `parse` reads it."""
        return f"{self.share:g}:{'+'.join(map(str, self.lengths))}:{HEADS[self.sampled]}"


def stages_from_scratch(context: int) -> tuple[Stage, ...]:
    """Short windows first: attention is a fifth of a step at 512, and what is learnt early is local."""
    quarter, half = max(1, context // 4), max(1, context // 2)
    return (
        Stage(0.45, (quarter,), sampled=True),
        Stage(0.30, (half,), sampled=True),
        Stage(0.10, (half,)),
        Stage(0.15, (context,)),
    )


def stages_from_checkpoint(context: int) -> tuple[Stage, ...]:
    """Long windows all along: a model forgets the positions that it does not see."""
    both = (max(1, context // 2), context)
    return (Stage(0.70, both, sampled=True), Stage(0.30, both))


@dataclass(frozen=True, slots=True)
class Plan:
    """How much a run reads, in which windows, and how often it measures.

    `constant`: the share of the run at the full learning rate, before it falls in a straight line.
    `average_tokens`: how far back the average of the weights reaches: an e-th of the weight lies before it.
    `common` and `rare` size the sampled head. With 512 rare ids a step, words drawn seldom came out thirty
    times too likely: the gradient of a draw is clipped, that of a target is not.

    Raises:
        ScheduleError: the stages' shares are not the whole, or a window is longer than a batch.
    """

    tokens: int
    stages: tuple[Stage, ...]
    batch_tokens: int = 4_096
    constant: float = 0.5
    average_tokens: int = 5_000_000
    measure_every: int = 250
    common: int = 2_048
    rare: int = 4_096
    seed: int = 0

    def __post_init__(self) -> None:
        shares = math.fsum(stage.share for stage in self.stages)
        if abs(shares - 1) > ROUNDING:
            raise ScheduleError(f"the stages' shares sum up to {shares:g}, and 1 is the whole run")
        longest = max(length for stage in self.stages for length in stage.lengths)
        if longest > self.batch_tokens:
            raise ScheduleError(f"a window of {longest} is longer than a batch of {self.batch_tokens} tokens")

    @property
    def steps(self) -> int:
        """Updates in the whole run."""
        return math.ceil(self.tokens / self.batch_tokens)

    @property
    def average_decay(self) -> float:
        """What the average keeps of itself at each step."""
        return math.exp(-self.batch_tokens / self.average_tokens)

    def stage_at(self, step: int) -> Stage:
        """What the step after `step` others belongs to."""
        until = 0.0
        for stage in self.stages:
            until += stage.share
            if step < (until - ROUNDING) * self.steps:
                return stage
        return self.stages[-1]

    def learning_rate_factor(self, step: int) -> float:
        """Linear warm-up, then constant, then linear down to `LAST_FACTOR` at the run's end."""
        if step < WARMUP_STEPS:
            return (step + 1) / WARMUP_STEPS
        start = self.constant * self.steps
        if step <= start:
            return 1.0
        return max(LAST_FACTOR, 1.0 - (1.0 - LAST_FACTOR) * (step - start) / max(1.0, self.steps - start))


def parse_stages(texts: Sequence[str], context: int) -> tuple[Stage, ...]:
    """The stages of a run whose model sees `context` tokens.

    Raises:
        ScheduleError: one cannot be read, or its windows are longer than the context.
    """
    stages = tuple(Stage.parse(text) for text in texts)
    for stage in stages:
        if max(stage.lengths) > context:
            raise ScheduleError(f"{stage}: the model sees {context} tokens at once")
    return stages
