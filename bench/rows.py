"""What a head with fewer rows gains: one worker for each choice of languages, all at once, in turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.figures import Figure, figure
from bench.memory import read_memory
from bench.parts import AFTER_STORY, EIGHT, Bench, Plan
from bench.process import Running, Settings, started
from bench.prompts import Prompts
from bench.shapes import GIB
from bench.starts import REST_S
from bench.streams import connected, total_rate

CHOICES = ("el", "ja,en", "ja,en,ru,ko", "all")
"""Languages that have about 16,000, 64,000, 128,000 and all 256,008 pieces of the bench's vocabulary."""

DEFAULT, WHOLE = "ja,en", "all"


@dataclass(slots=True)
class Measured:
    """What was measured of one choice, a value a round; `rest` in bytes."""

    rows: int
    rest: int
    one: list[float] = field(default_factory=list)
    eight: list[float] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)


def measure(settings: Settings, scratch: Path, plan: Plan) -> list[Figure]:
    """Start the workers one after another, then let them take turns; an idle one costs nothing."""
    with ExitStack() as stack:
        found: dict[str, Measured] = {}
        workers: dict[str, Running] = {}
        for languages in CHOICES:
            folder = scratch / f"rows-{languages.replace(',', '-')}"
            folder.mkdir(exist_ok=True)
            worker = stack.enter_context(started(replace(settings, languages=languages), folder))
            rows = int(worker.wait_until_ready()["output"]["rows"])
            time.sleep(REST_S)
            found[languages] = Measured(rows, read_memory(worker.pid).anonymous)
            workers[languages] = worker
        for number in range(plan.rounds):
            for languages, worker in workers.items():
                # Prompts of their own numbers: the same for all workers, none twice for one.
                asyncio.run(_turn(worker.url, plan, 1 + 100 * number, found[languages]))
    return figures(found)


async def _turn(url: str, plan: Plan, first: int, found: Measured) -> None:
    async with connected(url) as worker:
        bench = Bench(worker, Prompts(worker.count, plan.passage, first), plan)
        await bench.crowd(2, AFTER_STORY)
        found.one.append((await worker.stream(await bench.ask(plan.tokens))).rate)
        told = await bench.crowd(EIGHT, plan.tokens)
        found.eight.append(total_rate(told))
        found.first_s.append(sorted(one.first_s for one in told)[EIGHT // 2])


def figures(found: Mapping[str, Measured]) -> list[Figure]:
    """A row of the table for each choice, and the default beside the whole vocabulary."""
    every = []
    for languages, one in found.items():
        key, what = f"rows.{one.rows:,} ({languages})", f"{one.rows:,} rows"
        every += [
            figure(f"{key}.one", f"{what}, one writer", "tokens/s", one.one),
            figure(f"{key}.eight", f"{what}, eight at once", "tokens/s", one.eight),
            figure(f"{key}.first", f"{what}, first token of eight", "ms", [1e3 * s for s in one.first_s]),
            figure(f"{key}.rest", f"{what}, at rest", "GiB", [one.rest / GIB]),
        ]
    few, whole = found[DEFAULT], found[WHOLE]
    pair = f"{DEFAULT} to {WHOLE}"
    return [
        *every,
        figure("rows.ratio_one", f"one writer, {pair}", "×", _ratios(few.one, whole.one)),
        figure("rows.ratio_eight", f"eight at once, {pair}", "×", _ratios(few.eight, whole.eight)),
        figure("rows.ratio_first", f"first token of eight, {pair}", "×", _ratios(few.first_s, whole.first_s)),
    ]


def _ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Round by round: what else a machine does is then alike for both."""
    return [one / other for one, other in zip(above, below, strict=True)]
