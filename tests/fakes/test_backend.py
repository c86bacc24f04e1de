"""The fake backend keeps what real ones promise, and notices what they could not keep."""

from __future__ import annotations

import pytest
import torch

from bot.worker.backends.base import Backend, Copy, Row
from tests.fakes.backend import FakeBackend, scattering


def test_it_answers_from_the_rows_blocks() -> None:
    """Logits come where they are wanted, from the tokens of the row's own blocks."""
    backend: Backend = FakeBackend()

    logits = backend.forward([Row((0,), 0, (2, 9), alone=2), Row((1,), 0, (2, 20), alone=2, logits=2)]).drawn
    backend.copy([Copy(0, 3)])
    copied = backend.forward([Row((3,), 1, (9,), alone=1, logits=1)]).drawn

    assert logits.argmax(-1).tolist() == [511, 21]
    assert copied.argmax(-1).tolist() == [10]
    assert torch.float32 == logits.dtype


def test_scattered_logits_notice_everything() -> None:
    """Another token, order or way of computing gives other logits; the same gives the same."""
    kept = [(2, False), (9, True)]

    assert torch.equal(scattering(kept), scattering(list(kept)))
    for other in ([(2, False), (8, True)], [(9, True), (2, False)], [(2, True), (9, True)], kept[:1]):
        assert not torch.equal(scattering(kept), scattering(other))


@pytest.mark.parametrize(
    "row",
    [
        Row((0, 1), 2, (5, 6)),
        Row((0,), 0, (5,)),
        Row((0, 1), 4, (5, 6), alone=1, logits=1),
        Row((9_999,), 0, (5, 6)),
        Row(tuple(range(17)), 64, (5,), alone=1),
    ],
)
def test_it_refuses_what_would_round_differently(row: Row) -> None:
    """Bodies that begin inside a block, single body tokens, foreign blocks and positions past the context."""
    with pytest.raises(ValueError, match="Row"):
        FakeBackend(grain=4).forward([row])
