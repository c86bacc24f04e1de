"""Stories take turns, and nobody loses theirs."""

from __future__ import annotations

from bot.worker.engine.waiting_queue import WaitingQueue
from tests.bot.worker.driving import sequence


def test_who_came_back_is_first() -> None:
    """A sequence that had its turn and lost it waits before everybody."""
    turns, new, back = WaitingQueue(), sequence("new"), sequence("back")
    turns.add(new)
    turns.add_first(back)

    assert turns.next([]) is back
    turns.take(back)
    assert turns.next([]) is new
    assert [new] == list(turns)


def test_the_story_with_the_fewest_that_run_is_next() -> None:
    """Who has nobody running comes before who has, though the other waited first."""
    turns, running = WaitingQueue(), sequence("a0", story="a")
    later, first = sequence("a1", story="a"), sequence("b0", story="b")
    turns.add(later)
    turns.add(first)

    assert turns.next([running]) is first
    assert turns.next([]) is later


def test_a_story_goes_behind_the_others_with_its_next_one() -> None:
    """Stories that have as many running take turns."""
    turns = WaitingQueue()
    first, second, other = sequence("a0", story="a"), sequence("a1", story="a"), sequence("b0", story="b")
    for one in (first, second, other):
        turns.add(one)

    turns.take(first)

    assert turns.next([]) is other


def test_nothing_is_kept_of_who_went() -> None:
    """Taken or left, a story without anybody waiting leaves nothing behind."""
    turns, first, second = WaitingQueue(), sequence("first"), sequence("second")
    turns.add(first)
    turns.add(second)
    turns.take(first)
    turns.remove(second)
    turns.remove(second)

    assert len(turns) == 0
    assert turns.next([]) is None
    assert turns._stories == {}
