"""Who takes part: the worker over HTTP, transformers, and peers in environments of their own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.peers.environment import environment
from bench.peers.lines import LineProcess, line_process
from bench.streams import Told, connected

SAMPLING: Mapping[str, float] = {"temperature": 1.0, "top_k": 50, "top_p": 0.95}
"""The quick-start's, which all can do; the worker's penalties are off."""

PLAIN: Mapping[str, float] = {
    "repetition_penalty": 1.0,
    "frequency_penalty": 0.0,
    "presence_penalty": 0.0,
    "dry_multiplier": 0.0,
    "min_p": 0.0,
}

GENAI = "openvino-genai"
WORKER = "worker"
WHOLE = "worker, all languages"
GENAI_REQUIREMENTS = (
    "openvino==2026.4.1",
    "openvino-genai==2026.4.1",
    "optimum-intel==2.2",
    "transformers==4.57.6",
    "torch==2.13.0",
    "sentencepiece",
)
"""optimum-intel's exporter takes transformers below 5.6, and only 4.57 exports XGLM rightly."""

KV_GIB = 3
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Timing:
    """What prompts that were asked for at once came to; seconds from the request, by prompt."""

    first_s: tuple[float, ...]
    last_s: tuple[float, ...]
    tokens: tuple[int, ...]

    @property
    def rate(self) -> float:
        """Tokens a second, from the request to the last token of all."""
        return sum(self.tokens) / max(self.last_s)

    @property
    def flow(self) -> float:
        """Tokens a second of the first prompt, once its first token was there."""
        return (self.tokens[0] - 1) / (self.last_s[0] - self.first_s[0])


class Contender(Protocol):
    """Continues prompts of token ids, all at once."""

    @property
    def name(self) -> str:
        """Who it is, in the tables."""
        ...

    def write(self, prompts: Sequence[Sequence[int]], tokens: int) -> Timing:
        """`tokens` new tokens behind each."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerContender:
    """Our worker, over HTTP."""

    url: str
    name: str = WORKER

    def write(self, prompts: Sequence[Sequence[int]], tokens: int) -> Timing:
        """As streams, one connection each."""
        told = asyncio.run(self._streams(prompts, tokens))
        return Timing(
            tuple(one.first_s for one in told),
            tuple(one.stamps[-1] - one.asked_s for one in told),
            tuple(one.tokens for one in told),
        )

    async def _streams(self, prompts: Sequence[Sequence[int]], tokens: int) -> list[Told]:
        async with connected(self.url) as worker, asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(worker.stream_body(body(ids, tokens, seed)))
                for seed, ids in enumerate(prompts)
            ]
        return [task.result() for task in tasks]


@dataclass(frozen=True, slots=True)
class LineContender:
    """A process that is asked by lines."""

    name: str
    process: LineProcess

    def write(self, prompts: Sequence[Sequence[int]], tokens: int) -> Timing:
        """Ask it."""
        answer = self.process.ask({"prompts": [list(ids) for ids in prompts], "tokens": tokens})
        return Timing(*(tuple(answer[name]) for name in ("first_s", "last_s", "tokens")))


def body(ids: Sequence[int], tokens: int, seed: int) -> dict[str, Any]:
    """A request of the worker's for exactly so many new tokens."""
    return {
        "prompt": list(ids),
        "max_tokens": tokens,
        "min_tokens": tokens,
        "seed": seed,
        "user": f"writer {seed}",
        "stream": True,
        "stream_options": {"include_usage": True},
        **SAMPLING,
        **PLAIN,
    }


@contextmanager
def transformers(folder: Path, dtype: str, threads: int, scratch: Path) -> Iterator[Contender]:
    """Transformers' `generate`."""
    settings = {"model": str(folder), "dtype": dtype, "threads": threads, **SAMPLING}
    script = HERE / "transformers_lines.py"
    with line_process(Path(sys.executable), script, settings, scratch) as process:
        yield LineContender(f"transformers {dtype}", process)


@contextmanager
def genai(folder: Path, threads: int, scratch: Path) -> Iterator[Contender]:
    """openvino-genai's ContinuousBatchingPipeline, on the same checkpoint in eight bits.

    Raises:
        subprocess.CalledProcessError: it cannot be installed here, or does not export the checkpoint.
    """
    python = environment(scratch / "openvino-genai", GENAI_REQUIREMENTS, without=("torchvision",))
    model = scratch / f"{folder.name}-openvino"
    if not model.is_dir():
        partial = model.with_suffix(".partial")
        command = [str(python), str(HERE / "genai_export.py"), str(folder), str(partial)]
        subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603 - our own script
        partial.rename(model)
    settings = {"model": str(model), "threads": threads, "kv_gib": KV_GIB, **SAMPLING}
    with line_process(python, HERE / "genai.py", settings, scratch) as process:
        yield LineContender(GENAI, process)
