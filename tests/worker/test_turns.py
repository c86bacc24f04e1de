"""Stories take turns, and nobody loses theirs."""

from __future__ import annotations

from bot.worker.turns import Turns
from tests.worker.driving import sequence


def test_who_came_back_is_first() -> None:
    """A sequence that had its turn and lost it waits before everybody."""
    turns, new, back = Turns(), sequence("new"), sequence("back")
    turns.add(new)
    turns.add_first(back)

    assert turns.next([]) is back
    turns.take(back)
    assert turns.next([]) is new
    assert [new] == list(turns)


def test_nothing_is_kept_of_who_went() -> None:
    """Taken or left, a story without anybody waiting leaves nothing behind."""
    turns, first, second = Turns(), sequence("first"), sequence("second")
    turns.add(first)
    turns.add(second)
    turns.take(first)
    turns.remove(second)
    turns.remove(second)

    assert len(turns) == 0
    assert turns.next([]) is None
    assert turns._stories == {}
