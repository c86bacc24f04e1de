"""The training pass against transformers' own."""

from __future__ import annotations

import pytest
import torch
from transformers import XGLMForCausalLM

from bot.train.device import can_compile
from bot.train.network import TrainingNetwork, config, initialise

VOCABULARY = 300
COMMON = 50


@pytest.fixture
def model() -> XGLMForCausalLM:
    """A small model whose weights are far from their start."""
    torch.manual_seed(0)
    model = XGLMForCausalLM(config(VOCABULARY, 32, 2, 2, 64))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.fixture
def ids() -> torch.Tensor:
    """Two windows."""
    return torch.randint(4, VOCABULARY, (2, 33), generator=torch.Generator().manual_seed(1))


def test_logits_equal_transformers(model: XGLMForCausalLM, ids: torch.Tensor) -> None:
    """What is trained is what will be loaded."""
    ours = TrainingNetwork(model).logits(ids)
    theirs = model(ids).logits

    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "compiled",
    [False, pytest.param(True, marks=pytest.mark.skipif(not can_compile(), reason="no C++ compiler"))],
)
def test_sampled_loss_over_everything_is_the_loss(
    model: XGLMForCausalLM, ids: torch.Tensor, *, compiled: bool
) -> None:
    """With every rare id drawn, the estimate is exact, and so is its gradient, compiled or not."""
    network = TrainingNetwork(model)
    sampled = torch.compile(network.sampled_loss) if compiled else network.sampled_loss
    exact = network.loss(ids)
    exact.backward()
    expected = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()

    estimate = sampled(ids, COMMON, torch.arange(COMMON, VOCABULARY))
    estimate.backward()

    torch.testing.assert_close(estimate, exact, atol=1e-5, rtol=1e-5)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], atol=1e-4, rtol=1e-3)


def test_sampled_loss_is_near_the_loss(model: XGLMForCausalLM, ids: torch.Tensor) -> None:
    """Few drawn ids estimate it without much bias."""
    network = TrainingNetwork(model)
    random = torch.Generator().manual_seed(2)
    draws = [torch.randint(COMMON, VOCABULARY, (100,), generator=random) for _ in range(50)]
    with torch.no_grad():
        estimate = torch.stack([network.sampled_loss(ids, COMMON, rare) for rare in draws]).mean()

        torch.testing.assert_close(estimate, network.loss(ids), atol=0.1, rtol=0.0)


def test_layers_start_as_the_identity(ids: torch.Tensor) -> None:
    """At first no layer changes what goes through it."""
    model = XGLMForCausalLM(config(VOCABULARY, 32, 2, 2, 64))
    initialise(model)
    shallow = XGLMForCausalLM(config(VOCABULARY, 32, 0, 2, 64))
    shallow.model.embed_tokens.load_state_dict(model.model.embed_tokens.state_dict())

    torch.testing.assert_close(TrainingNetwork(model).logits(ids), TrainingNetwork(shallow).logits(ids))
