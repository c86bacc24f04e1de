"""Decode steps: recorded ones against eager ones, how long they take, and how much memory."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from bench.children import answer
from bench.figures import Figure, figure
from bench.gpu.sampling import sequences
from bench.gpu.stepping import Writer, answered, blocks_for, crowd, load_backend, synchronise
from bench.shapes import GIB, SHAPES
from bot.worker.backends.pytorch import TorchBackend
from bot.worker.backends.self_check import deviations
from bot.worker.engine.scheduler import MAX_SCORED_TOKENS, PREFILL_ALONE
from bot.worker.memory import ModelSize, gpu_work_memory
from bot.worker.sampling.sampler import Sampler

LENGTH, ROOM = 500, 60
WITHIN_MS = {1: 3.0, 8: 4.0, 64: 8.0}
"""How long a step of the standard shape with drawing may take on an H200, by rows."""
AWAY = 0.03
WARM_UP, STEPS = 5, 20


def measure(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Steps of 1, 8 and 64 rows in bfloat16 (float32 on the processor).

    Args:
        spec: `folder`, `shape`, `device`; `rows` and `length` where a small trial wants fewer.
    """
    device, shape = spec["device"], SHAPES[spec["shape"]]
    rows = spec.get("rows", tuple(WITHIN_MS))
    length = spec.get("length", min(LENGTH, shape.context - ROOM))
    dtype = "bfloat16" if torch.device(device).type == "cuda" else "float32"
    blocks = blocks_for(device, max(rows), length + ROOM)
    eager = load_backend(spec["folder"], device, dtype, blocks=blocks)
    recorded = load_backend(spec["folder"], device, dtype, blocks=blocks, graphs=True)
    figures: list[Figure] = []
    for count in rows:
        plain = crowd(eager, count, length, shape.vocabulary, ROOM)
        writers = crowd(recorded, count, length, shape.vocabulary, ROOM)
        figures += _agreement(count, (eager, plain), (recorded, writers))
        figures.append(_timed(count, recorded, writers, device))
    if torch.device(device).type == "cuda":
        figures.append(_memory(spec, max(rows)))
    return answered(figures)


def _agreement(
    count: int, plain: tuple[TorchBackend, list[Writer]], recorded: tuple[TorchBackend, list[Writer]]
) -> list[Figure]:
    eager, graphs = _step(*plain), _step(*recorded)
    again = _step(*recorded)
    away = float(deviations(graphs, eager).max())
    return [
        figure(f"steps.away_{count}", f"recorded to eager, {count} rows", "of spread", [away], at_most=AWAY),
        figure(
            f"steps.replay_{count}",
            f"numbers that a replay changes, {count} rows",
            "",
            [float((graphs != again).sum())],
            at_most=0,
        ),
    ]


def _step(backend: TorchBackend, writers: Sequence[Writer]) -> torch.Tensor:
    return backend.forward([writer.last(backend) for writer in writers]).drawn.cpu().clone()


def _timed(count: int, backend: TorchBackend, writers: list[Writer], device: str) -> Figure:
    sampler, drawing = Sampler(end_token=2), sequences(count, 4_000)
    taken = []
    for turn in range(WARM_UP + STEPS):
        synchronise(device)
        began_s = time.perf_counter()
        drawn = sampler.draw(backend.forward([writer.last(backend) for writer in writers]).drawn, drawing)
        if turn >= WARM_UP:
            taken.append((time.perf_counter() - began_s) * 1e3)
        for writer, one in zip(writers, drawn, strict=True):
            writer.tokens.append(one.token if one is not None and one.token > 0 else 10)
    most = WITHIN_MS.get(count)
    return figure(f"steps.time_{count}", f"a step with drawing, {count} rows", "ms", taken, at_most=most)


def _memory(spec: Mapping[str, Any], rows: int) -> Figure:
    """What steps took at most beside what stays, against what is set aside for it."""
    found = SHAPES[spec["shape"]]
    size = ModelSize(found.vocabulary, found.width, found.inner, found.layers, found.context)
    aside = gpu_work_memory(
        size, 2, rows=rows, tokens=PREFILL_ALONE, logits=max(rows, MAX_SCORED_TOKENS), graphs=True
    )
    device = torch.device(spec["device"])
    taken = torch.cuda.max_memory_allocated(device) - torch.cuda.memory_allocated(device)
    what = "memory of a step's work"
    return figure("steps.memory", what, "GiB", [taken / GIB], at_most=aside / GIB)


if __name__ == "__main__":
    answer(measure)
