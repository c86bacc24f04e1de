"""A worker on the device, over HTTP: a long prompt, the same seed twice, and how fast it writes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.children import answer
from bench.figures import Figure, figure
from bench.gpu.stepping import answered
from bench.parts import Bench, Plan
from bench.process import Settings, started
from bench.prompts import PASSAGE, Prompts
from bench.streams import Worker, connected, total_rate

CROWDS = (1, 8, 64)
LONG = 1_500
SLOTS = 64
TOKENS = 150


def measure(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Start a worker and ask it.

    Args:
        spec: `folder`, `device`, `scratch`; `crowds` and `tokens` where a small trial wants fewer.
    """
    scratch = Path(spec["scratch"])
    graphs = "on" if spec["device"].startswith("cuda") else "off"
    told = {
        "TSUZUKI_ENGINE__DEVICE": spec["device"],
        "TSUZUKI_ENGINE__CUDA_GRAPHS": graphs,
    }
    settings = Settings(Path(spec["folder"]), scratch / "cache", backend="torch", slots=SLOTS)
    with started(settings, scratch, {**os.environ, **told}) as running:
        context = int(running.wait_until_ready()["max_model_len"])
        return answered(asyncio.run(_asked(running.url, spec, context)))


async def _asked(url: str, spec: Mapping[str, Any], context: int) -> list[Figure]:
    tokens = spec.get("tokens", TOKENS)
    async with connected(url) as worker:
        prompts = Prompts(worker.count, PASSAGE.read_text(encoding="utf-8"))
        bench = Bench(worker, prompts, Plan(1, tokens, context, ""))
        long = await worker.stream(await bench.ask(tokens, prompt=min(LONG, context - tokens - 1)))
        figures = [
            figure("serving.long", f"tokens behind a prompt of {LONG:,}", "", [long.tokens], at_least=tokens),
            figure("serving.long_first", f"first token behind {LONG:,}", "ms", [long.first_s * 1e3]),
            figure("serving.seeds", "one seed, different texts", "", [await _differences(bench)], at_most=0),
        ]
        for count in spec.get("crowds", CROWDS):
            await bench.crowd(count, tokens)  # records the steps of this size
            rate = total_rate(await bench.crowd(count, tokens))
            figures.append(figure(f"serving.rate_{count}", f"{count} writers", "tokens/s", [rate]))
        return figures


async def _differences(bench: Bench) -> int:
    asked = await bench.ask(bench.plan.tokens)
    body = asked.body | {"stream": False}
    body.pop("stream_options")
    worker: Worker = bench.worker
    first, second = await worker.write(body), await worker.write(body)
    return int(first != second)


if __name__ == "__main__":
    answer(measure)
