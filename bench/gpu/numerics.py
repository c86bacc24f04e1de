"""How far the device's probabilities are from those of float32 on the processor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from bench.children import answer
from bench.figures import Figure, figure
from bench.gpu.stepping import answered, blocks_for, drawn_prompt, load_backend
from bench.shapes import SHAPES
from bot.worker.backends.base import Row

LENGTH = 60
LIMITS = {"float32": (1e-6, 0.999), "bfloat16": (1e-3, 0.97)}
"""By dtype: the largest mean Kullback-Leibler divergence in nats, and the least share of likeliest tokens
that are the same."""


def measure(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same prompt on the processor in float32 and on the device in each dtype.

    Args:
        spec: `folder`, `shape`, `device`.
    """
    tokens = drawn_prompt(1, LENGTH, SHAPES[spec["shape"]].vocabulary)
    expected = logits(spec["folder"], "cpu", "float32", tokens)
    figures: list[Figure] = []
    for dtype, (divergence, agreement) in LIMITS.items():
        found = logits(spec["folder"], spec["device"], dtype, tokens)
        away, same = compared(found, expected)
        figures += [
            figure(f"numerics.{dtype}.kl", f"{dtype}: divergence", "nats", [away], at_most=divergence),
            figure(f"numerics.{dtype}.same", f"{dtype}: likeliest token", "", [same], at_least=agreement),
        ]
    return answered(figures)


def logits(folder: str, device: str, dtype: str, tokens: list[int]) -> torch.Tensor:
    """Those behind each token of a prompt that is read at once, (tokens, vocabulary)."""
    backend = load_backend(folder, device, dtype, blocks=blocks_for(device, 1, len(tokens)) + 1)
    row = Row(tuple(range(-(-len(tokens) // backend.block))), 0, tuple(tokens), logits=len(tokens))
    return backend.forward([row]).drawn.cpu()


def compared(found: torch.Tensor, expected: torch.Tensor) -> tuple[float, float]:
    """The mean divergence in nats, and the share of rows whose likeliest token is the same."""
    away = torch.nn.functional.kl_div(
        found.double().log_softmax(-1), expected.double().log_softmax(-1), log_target=True, reduction="none"
    ).sum(-1)
    same = (found.argmax(-1) == expected.argmax(-1)).double().mean()
    return max(0.0, float(away.mean())), float(same)


if __name__ == "__main__":
    answer(measure)
