"""Double clicks, told from two clicks."""

from __future__ import annotations

import pytest

from adapters.shared.double_clicks import DOUBLE_CLICK_S, DoubleClicks
from tests.fakes.clock import FakeClock

WHO = ("room", "aya")


def counts(clicks: DoubleClicks, what: str, who: tuple[str, str] = WHO) -> bool:
    """Somebody clicks something, which goes well; whether it is done."""
    with clicks.first(who, what) as first:
        return first


def test_a_second_click_right_after_is_none() -> None:
    """However often; somebody else's is one, and so is one on another button."""
    clicks = DoubleClicks(FakeClock())
    assert [counts(clicks, "undo p1") for _ in range(3)] == [True, False, False]
    assert counts(clicks, "undo p1", ("room", "bo"))
    assert counts(clicks, "undo p2")


async def test_after_a_while_it_is_one() -> None:
    """Somebody wants it once more."""
    clock = FakeClock()
    clicks = DoubleClicks(clock)
    assert counts(clicks, "more")
    await clock.advance(DOUBLE_CLICK_S)
    assert counts(clicks, "more")


def test_there_and_back_is_no_double_click() -> None:
    """Who compares candidates chooses one, the other, and the first again."""
    clicks = DoubleClicks(FakeClock())
    assert [counts(clicks, each) for each in ("one", "two", "one")] == [True] * 3


def test_what_came_to_nothing_may_be_clicked_again() -> None:
    """The person was told why, and tries once more."""
    clicks = DoubleClicks(FakeClock())
    with pytest.raises(ValueError, match="too long"), clicks.first(WHO, "rename"):
        raise ValueError("too long")
    assert counts(clicks, "rename")
