"""Where a run computes."""

from __future__ import annotations

import pytest
import torch

from bot.domain.errors import ConfigurationError
from bot.train.device import Compute


def test_what_is_asked_for_wins() -> None:
    """A device and two choices, each of which can be left open."""
    compute = Compute.choose("cpu", compiled=False, bfloat16=True)

    assert compute == Compute(torch.device("cpu"), compiled=False, bfloat16=True)


def test_auto_takes_cuda_where_there_is_one() -> None:
    """Nobody has to name it."""
    assert Compute.choose().device.type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("device", ["cuda:99", "tpu", "meta", ""])
def test_a_device_that_is_not_there_is_named(device: str) -> None:
    """The message says which, and no run begins."""
    with pytest.raises(ConfigurationError, match=f"no device {device}"):
        Compute.choose(device)
