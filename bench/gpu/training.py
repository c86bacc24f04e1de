"""Whether training computes the right gradient on the device when compiled, learns, and how fast it reads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import XGLMForCausalLM

from bench.children import answer
from bench.figures import figure
from bench.gpu.stepping import answered, synchronise
from bot.train.device import can_compile
from bot.train.network import TrainingNetwork, config, initialise
from bot.train.optimizer import build_optimizers

VOCABULARY, WIDTH, LAYERS, HEADS, CONTEXT = 16_000, 256, 6, 4, 1_024
ROWS, LENGTH = 32, 512
STEPS = 30
AWAY = 0.01
FALLS = 0.2
"""Nats by which the loss of one batch must fall in so many steps."""


def measure(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Compare the gradients of one batch, then learn it by heart.

    Args:
        spec: `device`; `rows`, `length` and `steps` where a small trial wants fewer; `compiled`: whether
            torch.compile is tried, otherwise where it can be.
    """
    device = torch.device(spec["device"])
    rows, length, steps = spec.get("rows", ROWS), spec.get("length", LENGTH), spec.get("steps", STEPS)
    torch.manual_seed(1)
    model = XGLMForCausalLM(config(VOCABULARY, WIDTH, LAYERS, HEADS, CONTEXT))
    model.to(device)  # type: ignore[arg-type]
    network = TrainingNetwork(model)
    ids = torch.randint(4, VOCABULARY, (rows, length + 1), device=device)
    figures = []
    if spec.get("compiled", can_compile(device)):
        wrong = away(_gradient(network.loss, model, ids), _gradient(torch.compile(network.loss), model, ids))
        figures.append(figure("training.gradient", "compiled gradient to eager", "", [wrong], at_most=AWAY))
    initialise(model)
    bfloat16 = device.type == "cuda"
    optimizers = build_optimizers(model, bfloat16=bfloat16)
    losses, taken = [], []
    for _ in range(steps):
        began_s = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            loss = network.loss(ids)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        losses.append(float(loss.detach()))
        synchronise(spec["device"])
        taken.append(rows * length / (time.perf_counter() - began_s))
    return answered(
        [
            *figures,
            figure("training.falls", "loss falls by", "nats", [losses[0] - losses[-1]], at_least=FALLS),
            figure("training.rate", "training", "tokens/s", taken[len(taken) // 2 :]),
        ]
    )


def _gradient(loss: Callable[[Tensor], Tensor], model: nn.Module, ids: Tensor) -> Tensor:
    model.zero_grad()
    loss(ids).backward()  # type: ignore[no-untyped-call]
    return torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None])


def away(found: Tensor, expected: Tensor) -> float:
    """How far a gradient is from another, as a part of its length."""
    return float((found - expected).norm() / expected.norm())


if __name__ == "__main__":
    answer(measure)
