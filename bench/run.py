"""One run: part after part, the others going on where one fails."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench import children, craft, derived, parts, rows, starts
from bench.checkpoint import SPARE_BYTES, need_room, random_checkpoint
from bench.figures import Figure
from bench.options import PEERS, Options
from bench.peers import contenders, rounds
from bench.process import Settings, started
from bench.prompts import PASSAGE
from bench.results import Results
from bench.shapes import EMBEDDED, GIB, LARGE, LOADED, PEAK_GIB, SHAPES, STANDARD, TINY
from bot.worker.memory import available_memory

NUMBERS = 1000
"""Prompts of one part have numbers of their own: none comes twice while a worker lives."""


class Run:
    """Measures what the options ask for.

    Args:
        options: what to measure.
        scratch: a folder for checkpoints, caches and logs.
        machine: what it is measured on.
    """

    def __init__(self, options: Options, scratch: Path, machine: dict[str, str]) -> None:
        self._options = options
        self._scratch = scratch
        told = {
            "shape": options.shape,
            "rounds": str(options.rounds),
            "new tokens a stream": str(options.tokens),
        }
        self._results = Results(machine, told)
        self._outputs: int | None = None
        """Rows of the worker's head, once it told them."""

    def all(self) -> Results:
        """Measure everything that was asked for."""
        asked = set(self._options.only)
        if asked & {"one", "eight"}:
            for dtype, name in derived.DTYPES.items():
                self._try(f"transformers {name}", partial(self._baseline, dtype, name))
        if chosen := [name for name in parts.PARTS if name in asked]:
            self._try("worker", partial(self._worker, chosen))
        if "one" in asked:
            self._try("roofline", self._roofline)
        if "load" in asked:
            for name in self._loaded():
                self._try(f"load {name}", partial(self._load, name))
        apart = {"rows": self._rows, PEERS: self._peers, "embedded": self._embedded}
        apart |= {"quality": self._quality, "craft": self._craft}
        for name in [name for name in apart if name in asked]:
            self._try(name, apart[name])
        self._results.figures += derived.ratios(self._results.figures)
        self._results.figures = [one for one in self._results.figures if one.part in asked]
        if self._options.shape != STANDARD:
            self._results.figures = [_unjudged(one) for one in self._results.figures]
        return self._results

    def _try(self, name: str, work: Callable[[], Sequence[Figure]]) -> None:
        """Keep what a part found, or why it found nothing."""
        print(f"{name} …", file=sys.stderr)
        began_s = time.perf_counter()
        try:
            found = work()
        except Exception as error:  # noqa: BLE001 - one part's failure is told, and the others go on
            self._results.failures[name] = _said(error)
            print(f"{name} failed: {_said(error)}", file=sys.stderr)
        else:
            self._results.figures += found
            print(f"{name}: {time.perf_counter() - began_s:.0f} s", file=sys.stderr)

    def _roofline(self) -> list[Figure]:
        spec = {"threads": self._options.all_threads, "rounds": 3 + 2 * self._options.rounds}
        # The embedded and the tiny model are read from the processor's cache: memory does not limit them.
        small = self._options.shape in {EMBEDDED, TINY}
        weights = None if small else SHAPES[self._options.shape].weights_read(self._outputs)
        return derived.bandwidth_figures(children.ask("bench.roofline", spec), weights)

    def _baseline(self, dtype: str, name: str) -> list[Figure]:
        spec = {
            "folder": str(self._checkpoint(self._options.shape)),
            "dtype": dtype,
            "threads": self._options.all_threads,
            "prompt": parts.PROMPT,
            "tokens": self._options.tokens,
            "rounds": self._options.rounds,
            "batch": derived.BATCH,
            "batches": min(2, self._options.rounds) if "eight" in self._options.only else 0,
        }
        return derived.baseline_figures(name, spec, children.ask("bench.baseline", spec))

    def _worker(self, chosen: Sequence[str]) -> list[Figure]:
        """All parts of one worker. They keep their figures themselves, each when it has them."""
        folder = self._checkpoint(self._options.shape)
        with started(self._settings(folder), self._scratch) as worker:
            health = worker.wait_until_ready()
            self._results.run["worker"] = f"{health.get('backend', '?')} {health.get('quantization', '')}"
            self._outputs = int(health["output"]["rows"])
            self._results.run["rows of the head"] = f"{self._outputs:,} of {health['output']['of']:,}"
            context = int(health["max_model_len"])
            for place, name in enumerate(chosen):
                part, first = parts.PARTS[name], NUMBERS * place + 1
                self._try(name, partial(self._measured, worker.url, part, context, first))
        return []

    def _measured(self, url: str, part: parts.Part, context: int, first: int) -> list[Figure]:
        passage = PASSAGE.read_text(encoding="utf-8")
        plan = parts.Plan(self._options.rounds, self._options.tokens, context, passage)
        return asyncio.run(parts.measure(url, part, plan, first))

    def _rows(self) -> list[Figure]:
        if self._options.shape in {EMBEDDED, TINY}:
            raise ValueError("skipped: of a small vocabulary nothing is left out")
        folder = self._checkpoint(self._options.shape)
        passage = PASSAGE.read_text(encoding="utf-8")
        plan = parts.Plan(
            self._options.rounds, self._options.tokens, SHAPES[self._options.shape].context, passage
        )
        return rows.measure(self._settings(folder), self._scratch, plan)

    def _embedded(self) -> list[Figure]:
        settings = self._settings(None)
        figures = starts.embedded(settings, self._scratch, self._options.rounds)
        with started(settings, self._scratch) as worker:
            context = int(worker.wait_until_ready()["max_model_len"])
            return [*self._measured(worker.url, parts.small, context, 1), *figures]

    def _peers(self) -> list[Figure]:
        """Everybody loaded at once, and asked in turns: what is idle waits without the processor."""
        folder, threads = self._checkpoint(self._options.shape), self._options.all_threads
        with ExitStack() as stack:
            taking_part: list[contenders.Contender] = []
            for name, languages in ((contenders.WORKER, None), (contenders.WHOLE, "all")):
                settings = replace(self._settings(folder), languages=languages)
                (logs := self._scratch / name).mkdir(exist_ok=True)
                worker = stack.enter_context(started(settings, logs))
                worker.wait_until_ready()
                taking_part.append(contenders.WorkerContender(worker.url, name))
            made = contenders.transformers(folder, "float32", threads, self._scratch)
            taking_part.append(stack.enter_context(made))
            try:
                made = contenders.genai(folder, threads, self._scratch)
                taking_part.append(stack.enter_context(made))
            except Exception as error:  # noqa: BLE001 - the others are measured all the same
                self._results.failures[contenders.GENAI] = _said(error)
            told = partial(print, file=sys.stderr)
            return rounds.in_turns(taking_part, self._options.rounds, self._options.tokens, told)

    def _loaded(self) -> list[str]:
        if self._options.shape == TINY:
            return [TINY]
        return [*LOADED, *([LARGE] if self._options.large else [])]

    def _load(self, name: str) -> list[Figure]:
        shape = SHAPES[name]
        needed, free = PEAK_GIB.get(name, 0) * GIB, available_memory()
        if free is not None and free < needed:
            raise MemoryError(
                f"skipped: {free / GIB:.1f} GiB are free, and {needed / GIB:.0f} GiB are needed"
            )
        made = (self._scratch / name).is_dir()
        # The converted checkpoint takes up to two bytes a weight, as the checkpoint does.
        need_room(self._scratch, shape.checkpoint_bytes * (1 if made else 2) + SPARE_BYTES)
        return starts.load(name, self._settings(self._checkpoint(name)), self._scratch)

    def _quality(self) -> list[Figure]:
        spec = {
            "folder": str(_embedded_model()),
            "held_out": str(self._options.held_out.resolve()),
            "windows": self._options.windows,
            "cache": str(self._scratch / "cache"),
            "threads": self._options.all_threads,
        }
        return derived.quality_figures(children.ask("bench.quality", spec))

    def _craft(self) -> list[Figure]:
        given = craft.held_out_prompts(self._options.held_out, self._options.prompts)
        with started(self._settings(None), self._scratch) as worker:
            worker.wait_until_ready()
            texts = asyncio.run(craft.written(worker.url, given))
        texts[craft.REAL] = [one.after for one in given]
        spec = {
            "folder": str(_embedded_model()),
            "threads": self._options.all_threads,
            "prompts": [one.prompt for one in given],
            "texts": texts,
        }
        return craft.figures(given, texts, children.ask("bench.surprisal", spec))

    def _settings(self, model: Path | None) -> Settings:
        told = self._options
        return Settings(
            model, self._scratch / "cache", told.backend, told.quantization, told.threads, parts.SLOTS
        )

    def _checkpoint(self, name: str) -> Path:
        if name == EMBEDDED:
            return _embedded_model()
        return random_checkpoint(SHAPES[name], self._scratch, _embedded_model() / "tokenizer.json")


def _unjudged(one: Figure) -> Figure:
    """Without what is wanted of it, where that is said of the standard shape only."""
    return replace(one, at_least=None, at_most=None) if one.part in parts.PARTS else one


def _embedded_model() -> Path:
    return Path(__file__).parents[1] / "bot" / "models" / "tsuzuki-ja"


def _said(error: BaseException) -> str:
    """An error's words; of several at once, those of the first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
