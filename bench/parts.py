"""What is measured through a running worker."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from bench.figures import Figure, figure, percentile
from bench.prompts import Prompts
from bench.streams import GenerationOptions, Told, Worker, connected, total_rate

PROMPT = 60
"""Tokens of a prompt, where nothing else is said."""

EIGHT = 8
CROWDS = (1, 2, 4, 8, 16, 32)
SLOTS = max(CROWDS)

STORY, EXTRA = 1_000, 40
"""Tokens of a long story and of its next turn."""

ROOM = 150
"""Positions kept free behind a story where the model has few."""

CANDIDATES, CANDIDATES_PROMPT = 4, 200
AFTER_STORY = 8
"""New tokens where only the first one counts."""

APART_S = 1.0
SHORTEST, LONGEST = 100, 200
"""New tokens of those who arrive one after another."""

READINGS_S = (3.5, 6.5)
"""When another's long story comes in between."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. `tokens`: new ones a stream; `context`: the model's positions."""

    rounds: int
    tokens: int
    context: int
    passage: str

    @property
    def story(self) -> int:
        """Tokens of the long story, less where the model has no room for it."""
        return min(STORY, self.context - EXTRA - ROOM)


@dataclass(frozen=True, slots=True)
class Bench:
    """A worker to measure, what to ask it, and how much."""

    worker: Worker
    prompts: Prompts
    plan: Plan

    async def ask(
        self, tokens: int, *, prompt: int = PROMPT, n: int = 1, at_s: float = 0.0
    ) -> GenerationOptions:
        """A request with a prompt that nobody had before."""
        text = await self.prompts.fresh(prompt)
        return GenerationOptions(text, tokens, seed=seed_of(text), n=n, at_s=at_s)

    async def crowd(self, writers: int, tokens: int) -> list[Told]:
        """So many streams that begin together."""
        return await self.worker.together([await self.ask(tokens) for _ in range(writers)])


Part = Callable[[Bench], Awaitable[list[Figure]]]


async def one(bench: Bench) -> list[Figure]:
    """One writer."""
    told = [await bench.worker.stream(await bench.ask(bench.plan.tokens)) for _ in range(bench.plan.rounds)]
    return [
        figure("one.rate", "worker", "tokens/s", [one.rate for one in told]),
        figure("one.first", "worker, first token", "ms", [one.first_s * 1e3 for one in told]),
    ]


async def eight(bench: Bench) -> list[Figure]:
    """Eight who begin together."""
    told = [await bench.crowd(EIGHT, bench.plan.tokens) for _ in range(bench.plan.rounds)]
    return [figure("eight.rate", "worker", "tokens/s", [total_rate(one) for one in told])]


async def arrivals(bench: Bench) -> list[Figure]:
    """Eight who come a second apart; then the same while another's long story is read."""
    alone, beside, gaps = [], [], []
    for number in range(bench.plan.rounds):
        asks = await _arriving(bench, number)
        alone.append(await bench.worker.together(asks))
        readers = [await bench.ask(AFTER_STORY, prompt=bench.plan.story, at_s=at_s) for at_s in READINGS_S]
        told = await bench.worker.together([*await _arriving(bench, number), *readers])
        beside.append(told[:EIGHT])
        gaps += _gaps_beside(told[:EIGHT], told[EIGHT:])
    figures = [
        *_first_tokens("arrivals.first", alone, p95_at_most=0.6),
        figure("arrivals.gap", "longest gap of a stream", "s", [_longest(told) for told in alone]),
        *_first_tokens("arrivals.read_first", beside, suffix=", beside a reader"),
    ]
    if gaps:
        what = f"longest gap of the others while {bench.plan.story:,} tokens are read"
        figures.append(figure("arrivals.read_gap", what, "s", gaps, middle=max(gaps), at_most=0.3))
    return figures


async def story(bench: Bench) -> list[Figure]:
    """A long story, and its next turn."""
    cold, warm = [], []
    for _ in range(bench.plan.rounds):
        first = await bench.ask(AFTER_STORY, prompt=bench.plan.story)
        extra = await bench.prompts.fresh(EXTRA - 1)
        cold.append((await bench.worker.stream(first)).first_s)
        turn = replace(first, prompt=f"{first.prompt}\n{extra}", seed=first.seed + 1)
        warm.append((await bench.worker.stream(turn)).first_s)
    shares = [100 * after / before for before, after in zip(cold, warm, strict=True)]
    length = f"{bench.plan.story:,} tokens"
    return [
        figure("story.cold", f"first token, {length}, never seen", "s", cold),
        figure("story.warm", f"first token, the same and {EXTRA} more", "s", warm),
        figure("story.share", "share of the first", "%", shares, at_most=8),
    ]


async def candidates(bench: Bench) -> list[Figure]:
    """Four candidates beside one; prompts of one length, none seen before."""
    single: list[float] = []
    several: list[float] = []
    for _ in range(bench.plan.rounds):
        for n, seconds in ((1, single), (CANDIDATES, several)):
            ask = await bench.ask(bench.plan.tokens, prompt=CANDIDATES_PROMPT, n=n)
            seconds.append((await bench.worker.stream(ask)).whole_s)
    ratios = [more / less for less, more in zip(single, several, strict=True)]
    return [
        figure("candidates.one", "n=1, from request to end", "s", single),
        figure("candidates.four", f"n={CANDIDATES}", "s", several),
        figure("candidates.ratio", f"n={CANDIDATES} to n=1", "×", ratios, at_most=1.5),
    ]


async def crowds(bench: Bench) -> list[Figure]:
    """One to thirty-two who begin together."""
    figures = []
    for writers in CROWDS:
        told = [await bench.crowd(writers, bench.plan.tokens) for _ in range(bench.plan.rounds)]
        who = f"{writers} writer" + "s" * (writers > 1)
        figures.append(
            figure(f"crowds.{writers}.rate", who, "tokens/s", [total_rate(streams) for streams in told])
        )
        figures += _first_tokens(f"crowds.{writers}.first", told, suffix=f", {who}", shares=(0.5, 0.95))
    return figures


async def small(bench: Bench) -> list[Figure]:
    """One and eight writers with the embedded model."""
    alone = await one(bench)
    rate = replace(alone[0], key="embedded.one", what="one writer")
    first = replace(alone[1], key="embedded.first", what="first token of one writer")
    together = replace((await eight(bench))[0], key="embedded.eight", what="eight at once")
    return [rate, first, together]


PARTS: dict[str, Part] = {
    "one": one,
    "eight": eight,
    "arrivals": arrivals,
    "story": story,
    "candidates": candidates,
    "crowds": crowds,
}
"""In the order in which they are measured."""


async def measure(url: str, part: Part, plan: Plan, first: int) -> list[Figure]:
    """Measure one part of a worker that is ready; its first words are not counted.

    Args:
        url: where it listens.
        part: what to measure.
        plan: how much of it.
        first: the number of the first prompt; no number may come twice while a worker lives.
    """
    async with connected(url) as worker:
        bench = Bench(worker, Prompts(worker.count, plan.passage, first), plan)
        await bench.crowd(2, AFTER_STORY)
        return await part(bench)


def schedule(number: int) -> list[tuple[float, int]]:
    """When each of the eight comes, and how many tokens they want; the same for one number of a round."""
    drawn = random.Random(number)  # noqa: S311 - the same every time
    return [(APART_S * place, drawn.randint(SHORTEST, LONGEST)) for place in range(EIGHT)]


def seed_of(text: str) -> int:
    """A seed for a prompt, the same in every run."""
    return int.from_bytes(text.encode()[:7])


async def _arriving(bench: Bench, number: int) -> list[GenerationOptions]:
    return [await bench.ask(tokens, at_s=at_s) for at_s, tokens in schedule(number)]


def _first_tokens(
    key: str,
    rounds: Sequence[Sequence[Told]],
    *,
    suffix: str = "",
    shares: Sequence[float] = (0.5, 0.95, 1.0),
    p95_at_most: float | None = None,
) -> list[Figure]:
    """Percentiles over all streams of all rounds; low and high are those of single rounds."""
    waits = [[one.first_s for one in told] for told in rounds]
    every = [wait for each in waits for wait in each]
    figures = []
    for share in shares:
        name = "max" if share == 1 else f"p{share * 100:.0f}"
        figures.append(
            figure(
                f"{key}_{name}",
                f"first token{suffix}, {name}",
                "s",
                [percentile(each, share) for each in waits],
                middle=percentile(every, share),
                at_most=p95_at_most if name == "p95" else None,
            )
        )
    return figures


def _gaps_beside(others: Sequence[Told], readers: Sequence[Told]) -> list[float]:
    """The longest silence of anybody while each of the readers' stories was read."""
    longest = []
    for reader in readers:
        gaps = [one.longest_gap(reader.asked_s, reader.stamps[0]) for one in others]
        longest += [max(found)] if (found := [gap for gap in gaps if gap is not None]) else []
    return longest


def _longest(told: Sequence[Told]) -> float:
    return max(gap for one in told if (gap := one.longest_gap()) is not None)
