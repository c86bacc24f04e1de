"""Weights in eight bits, as the CPU backend computes with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

ZERO = 128
"""What stands for 0: unsigned bytes, so that the processor's signed-by-unsigned dot products fit."""

LARGEST = 127

ROWS = 8_192
"""Output channels quantized at a time: a head of 256,000 rows would take its float32 copy beside it."""


@dataclass(frozen=True, slots=True)
class Int8Linear:
    """`x -> x @ ((weight - 128) * scale).T + bias`.

    Shapes: `weight` uint8 (outputs, inputs), `scale` float32 (outputs, 1), `bias` float32 (outputs,) or None.
    """

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def dequantized(self) -> Tensor:
        """The weight in float32."""
        return (self.weight.float() - ZERO) * self.scale

    def only(self, outputs: Sequence[int]) -> Int8Linear:
        """A copy with some of the outputs, in the order in which they are named."""
        chosen = torch.tensor(outputs, dtype=torch.long)
        bias = None if self.bias is None else self.bias[chosen]
        return Int8Linear(self.weight[chosen], self.scale[chosen], bias)


@dataclass(frozen=True, slots=True)
class Int8Layer:
    """A decoder layer's four products; its norms' affine parts are folded into `project` and `widen`."""

    project: Int8Linear
    output: Int8Linear
    widen: Int8Linear
    narrow: Int8Linear

    @property
    def products(self) -> tuple[Int8Linear, ...]:
        """All four."""
        return (self.project, self.output, self.widen, self.narrow)


class Int8Model(Protocol):
    """A checkpoint in eight bits, read part by part: drop a part before the next, and one is in memory.

    `config` is the checkpoint's XGLMConfig. `table` holds the input embedding (vocabulary, width) as stored.
    """

    config: Any
    table: Tensor

    def layer(self, number: int) -> Int8Layer:
        """One decoder layer."""
        ...

    def head(self) -> Int8Linear:
        """The tied head, with the last norm's affine part folded in."""
        ...


def quantize(
    weight: Tensor, bias: Tensor | None, gamma: Tensor | None = None, beta: Tensor | None = None
) -> Int8Linear:
    """Round to the nearest of 255 steps, a scale for each output channel.

    `gamma` and `beta` (inputs,) are the affine part of a layer norm in front, folded in.
    """
    parts = [_quantize(part, gamma) for part in torch.split(weight, ROWS)]
    shift = (
        None
        if beta is None
        else torch.cat([part.float() @ beta.float() for part in torch.split(weight, ROWS)])
    )
    offsets = [term.float() for term in (bias, shift) if term is not None]
    return Int8Linear(
        torch.cat([bytes_ for bytes_, _ in parts]),
        torch.cat([scale for _, scale in parts]),
        torch.stack(offsets).sum(0) if offsets else None,
    )


def _quantize(weight: Tensor, gamma: Tensor | None) -> tuple[Tensor, Tensor]:
    exact = weight.float() if gamma is None else weight.float() * gamma.float()
    scale = exact.abs().amax(1, keepdim=True).clamp(min=1e-8) / LARGEST
    return (exact / scale).round_().clamp_(-LARGEST, LARGEST).add_(ZERO).to(torch.uint8), scale
