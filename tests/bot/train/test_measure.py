"""Held-out loss, by character and by position."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import XGLMForCausalLM

from bot.train import network
from bot.train.data import HeldOut
from bot.train.measure import UNKNOWN_NATS, held_out_loss
from bot.train.tokenizer import EOS, UNK

VOCABULARY = 50
LENGTH = 15


@pytest.fixture
def model() -> XGLMForCausalLM:
    """A small network with whatever weights it gets."""
    torch.manual_seed(0)
    return XGLMForCausalLM(network.config(VOCABULARY, 16, 1, 2, LENGTH + 1))


def windows(*, late: int | None = None) -> HeldOut:
    """Five windows of random tokens; `late` stands at each position from 8 on."""
    ids = np.random.default_rng(0).integers(4, VOCABULARY, (5, LENGTH + 1))
    ids[:, 0] = EOS
    if late is not None:
        ids[:, 8:] = late
    return HeldOut(ids, characters=200)


def test_halves_are_measured_apart(model: XGLMForCausalLM) -> None:
    """In windows of 16 with their `</s>`, early is positions 1 to 7 and late 8 to 15."""
    loss = held_out_loss(model, windows(late=UNK))

    assert loss.late == UNKNOWN_NATS
    assert loss.early == pytest.approx(held_out_loss(model, windows()).early)
    assert loss.early < UNKNOWN_NATS


def test_halves_make_up_the_whole(model: XGLMForCausalLM) -> None:
    """Per character is the sum over all tokens by the characters that they spell, and transformers agrees."""
    held_out = windows()
    ids = torch.from_numpy(held_out.windows)
    with torch.no_grad():
        theirs = float(model(ids, labels=ids).loss)
    loss = held_out_loss(model, held_out)

    assert loss.per_character == pytest.approx(theirs * 5 * LENGTH / 200, rel=1e-4)
    assert (7 * loss.early + 8 * loss.late) / LENGTH == pytest.approx(theirs, rel=1e-4)
