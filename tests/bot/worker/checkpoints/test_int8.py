"""Rounding weights to eight bits."""

from __future__ import annotations

import torch
from torch.nn import functional

from bot.worker.checkpoints.int8 import LARGEST, ROWS, ZERO, quantize

GENERATOR = torch.Generator().manual_seed(0)


def random(*shape: int) -> torch.Tensor:
    """Numbers like those of weights."""
    return torch.randn(shape, generator=GENERATOR)


def test_every_weight_is_rounded_to_the_nearest_step() -> None:
    """No weight is further from the truth than half a step of its own output channel."""
    weight = random(24, 64) * torch.logspace(-3, 3, 24)[:, None]

    made = quantize(weight, None)

    assert made.weight.dtype == torch.uint8
    assert made.scale.shape == (24, 1)
    assert bool(((made.dequantized() - weight).abs() <= made.scale * 0.5001).all())
    largest = (made.weight.int() - ZERO).abs().amax(1)
    assert largest.tolist() == [LARGEST] * 24
    assert made.bias is None


def test_zeros_stay_zero() -> None:
    """A channel of zeros divides nothing by nothing."""
    made = quantize(torch.zeros(3, 8), torch.arange(3.0))

    assert torch.equal(made.dequantized(), torch.zeros(3, 8))
    assert made.bias is not None
    assert torch.equal(made.bias, torch.arange(3.0))


def test_a_norms_affine_part_is_folded_in() -> None:
    """The product behind a plain norm gives what the product behind the whole norm gave."""
    weight, bias, gamma, beta = random(40, 64), random(40), random(64), random(64)
    x = random(5, 64)

    made = quantize(weight, bias, gamma, beta)

    folded = functional.linear(functional.layer_norm(x, (64,)), made.dequantized(), made.bias)
    whole = functional.linear(functional.layer_norm(x, (64,), gamma, beta), weight, bias)
    assert float((folded - whole).norm() / whole.norm()) < 0.01
    assert made.bias is not None
    torch.testing.assert_close(made.bias, bias + weight @ beta)


def test_a_large_weight_is_rounded_in_pieces_alike() -> None:
    """The pieces that keep memory small do not show in what comes out."""
    weight, beta = random(ROWS + 100, 8).half(), random(8).half()

    made = quantize(weight, None, torch.ones(8), beta)
    last = quantize(weight[ROWS:], None, torch.ones(8), beta)

    assert torch.equal(made.weight[ROWS:], last.weight)
    assert torch.equal(made.scale[ROWS:], last.scale)
    assert made.bias is not None
    assert last.bias is not None
    torch.testing.assert_close(made.bias[ROWS:], last.bias)
