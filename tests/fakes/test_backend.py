"""The fake backend keeps what real ones promise."""

from __future__ import annotations

import torch

from bot.worker.backends.base import Backend, Row
from tests.fakes.backend import FakeBackend


def test_it_answers_for_sampling_rows_from_its_slot() -> None:
    """Logits come for sampling rows only, from the tokens of the row's own slot."""
    backend: Backend = FakeBackend()

    logits = backend.forward([Row(0, 0, (2, 9), samples=False), Row(1, 0, (2, 20), samples=True)])
    backend.copy(0, 1, 2)
    copied = backend.forward([Row(1, 1, (9,), samples=True)])

    assert logits.argmax(-1).tolist() == [21]
    assert copied.argmax(-1).tolist() == [10]
    assert torch.float32 == logits.dtype
