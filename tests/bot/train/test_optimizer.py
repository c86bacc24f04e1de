"""Muon and the learning rate."""

from __future__ import annotations

import pytest
import torch
from transformers import XGLMForCausalLM

from bot.train.network import config
from bot.train.optimizer import Muon, build_optimizers, orthogonalise


@pytest.mark.parametrize("shape", [(16, 16), (16, 64), (64, 16)])
def test_singular_values_come_near_one(shape: tuple[int, int]) -> None:
    """The update keeps a gradient's directions and evens out their sizes (0.5 to 1.5, as published)."""
    gradients = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))

    values = torch.linalg.svdvals(orthogonalise(gradients))

    assert 0.3 < values.min() < values.max() < 1.6


def test_muon_equals_torch_muon_in_direction() -> None:
    """It is the update of torch.optim.Muon, which computes it in bfloat16."""
    start = torch.randn(24, 48, generator=torch.Generator().manual_seed(1))
    ours, theirs = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    mine = Muon([ours], lr=0.1, momentum=0.9)
    reference = torch.optim.Muon([theirs], lr=0.1, momentum=0.9, weight_decay=0.0)
    for seed in range(3):
        gradient = torch.randn(24, 48, generator=torch.Generator().manual_seed(seed))
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        mine.step()
        reference.step()

    cosine = torch.nn.functional.cosine_similarity((ours - start).ravel(), (theirs - start).ravel(), dim=0)
    assert cosine > 0.98


def test_bfloat16_keeps_the_direction() -> None:
    """The fast dtype rounds the update, and turns it nowhere else; it comes back in the parameters' dtype."""
    gradients = torch.randn(2, 32, 64, generator=torch.Generator().manual_seed(2))

    exact, fast = orthogonalise(gradients), orthogonalise(gradients, torch.bfloat16)

    assert fast.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(exact.ravel(), fast.ravel(), dim=0) > 0.999


def test_every_parameter_has_one_optimizer() -> None:
    """Matrices of the layers go to Muon, the rest to AdamW."""
    model = XGLMForCausalLM(config(100, 16, 2, 2, 32))
    muon, adam = ([p for group in o.param_groups for p in group["params"]] for o in build_optimizers(model))

    assert len(muon) == 2 * 6
    assert len(muon) + len(adam) == len(list(model.parameters()))
    assert any(p is model.model.embed_tokens.weight for p in adam)
