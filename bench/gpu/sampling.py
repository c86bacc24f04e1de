"""Whether drawing on the device draws what the processor draws, and how often a step waits for it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch

from bench.children import answer
from bench.figures import Figure, figure
from bench.gpu.stepping import FIRST_PIECE, answered
from bench.shapes import SHAPES
from bot.domain.sampling import Sampling
from bot.worker.engine.sequence import Sequence, SequenceRequest
from bot.worker.sampling.sampler import Sampler

ROWS = 64
SAME = 63
"""So many of 64 tokens must be the same: at the edge of a filter a rounding may decide."""
SPREAD = 4.3
SYNCS = 8
HISTORY = 200
KINDS = (
    Sampling(),
    Sampling(top_k=50, top_p=0.95),
    Sampling(temperature=0),
    Sampling(min_p=0.05, xtc_probability=0.5),
    Sampling(top_p=0.9, dry_multiplier=0.8, frequency_penalty=0.3),
)


def measure(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """An empty step, a crowd on both devices, and the waits of steps of 1, 8 and 64 rows.

    Args:
        spec: `shape`, `device`.
    """
    vocabulary, device = SHAPES[spec["shape"]].vocabulary, torch.device(spec["device"])
    sampler = Sampler(end_token=2)
    logits = torch.randn(ROWS, vocabulary, generator=torch.Generator().manual_seed(3)) * SPREAD
    empty = sampler.draw(torch.empty(0, vocabulary, device=device), [])
    here = sampler.draw(logits.clone(), sequences(ROWS, vocabulary))
    there = sampler._draw_on_device(logits.clone().to(device), sequences(ROWS, vocabulary))  # noqa: SLF001
    same = sum(
        a is not None and b is not None and a.token == b.token for a, b in zip(here, there, strict=True)
    )
    figures: list[Figure] = [
        figure("sampling.empty", "a step that draws nothing", "tokens", [len(empty)], at_most=0),
        figure("sampling.same", f"tokens as on the processor, of {ROWS}", "tokens", [same], at_least=SAME),
    ]
    if device.type == "cuda":
        figures += [_waits(sampler, logits, rows, device) for rows in (1, 8, ROWS)]
    return answered(figures)


def sequences(count: int, vocabulary: int) -> list[Sequence]:
    """Writers with a history, each with settings of another kind."""
    made = []
    for n in range(count):
        tokens = torch.randint(
            FIRST_PIECE, min(vocabulary, 4_000), (HISTORY,), generator=torch.Generator().manual_seed(n)
        )
        made.append(
            Sequence(
                SequenceRequest(
                    id=str(n),
                    group=str(n),
                    index=0,
                    prompt=(2, *tokens.tolist()),
                    sampling=KINDS[n % len(KINDS)],
                    max_tokens=10,
                    min_tokens=0,
                    seed=n,
                    end_token=2,
                    story=str(n),
                )
            )
        )
    return made


def _waits(sampler: Sampler, logits: torch.Tensor, rows: int, device: torch.device) -> Figure:
    there = logits[:rows].to(device)
    crowd = sequences(rows, logits.shape[1])
    sampler.draw(there.clone(), sequences(rows, logits.shape[1]))
    torch.cuda.synchronize(device)
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            sampler.draw(there.clone(), crowd)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    count = sum("synchroniz" in str(one.message) for one in caught)
    return figure(f"sampling.waits_{rows}", f"waits for the device, {rows} rows", "", [count], at_most=SYNCS)


if __name__ == "__main__":
    answer(measure)
