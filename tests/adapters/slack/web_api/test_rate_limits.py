"""How often a method is called, and how those who share it take turns."""

from __future__ import annotations

import pytest

from adapters.slack.web_api.rate_limits import (
    CALLS_A_MINUTE,
    MINUTE_S,
    MethodRateLimits,
)
from tests.fakes.clock import InstantClock
from tests.servers.slack_faults import TIERS


def test_no_minute_holds_more_than_slack_allows() -> None:
    """What we count with are the published limits, for a little longer than they hold."""
    assert MINUTE_S > 60.0
    assert {TIERS[method].calls >= calls for method, calls in CALLS_A_MINUTE.items()} == {True}


@pytest.mark.parametrize(
    ("method", "messages", "pace_s"),
    [
        ("chat.appendStream", 1, 0.63),
        ("chat.appendStream", 4, 2.95),
        ("chat.appendStream", 5, 2.95),
        ("chat.appendStream", 10, 6.3),
        ("chat.update", 1, 1.44),
        ("chat.update", 2, 2.95),
        ("chat.update", 5, 7.2),
    ],
)
def test_an_even_share_or_what_people_wait_gladly(method: str, messages: int, pace_s: float) -> None:
    """Little less than three seconds for as many messages as possible."""
    assert MethodRateLimits(InstantClock()).edit_interval_s(method, messages) == pytest.approx(
        pace_s, abs=0.01
    )


async def test_when_the_minute_is_used_up_the_share_is_even() -> None:
    """Five streams for minutes on end are a little more than Slack takes; four are not."""
    budget = MethodRateLimits(InstantClock())
    for _ in range(97):
        await budget.acquire("chat.appendStream")
    assert budget.edit_interval_s("chat.appendStream", 4) == pytest.approx(2.95)
    assert budget.edit_interval_s("chat.appendStream", 5) == pytest.approx(3.15, abs=0.01)


async def test_reading_once_a_minute_is_learned() -> None:
    """A long rest after few calls: from then on one call a minute, until it is worth another try."""
    clock = InstantClock()
    budget = MethodRateLimits(clock)
    await budget.acquire("conversations.replies")
    await budget.acquire("conversations.replies")
    budget.block("conversations.replies", 55.0)
    assert budget.calls_a_minute("conversations.replies") == 1
    assert budget.calls_a_minute("conversations.history") == CALLS_A_MINUTE["conversations.history"]
    clock.advance(61.0)
    began = clock.now()
    for _ in range(5):
        await budget.acquire("conversations.replies")
    assert clock.now() - began == pytest.approx(4 * MINUTE_S, abs=1.0)
    clock.advance(1_800.0)
    assert budget.calls_a_minute("conversations.replies") == CALLS_A_MINUTE["conversations.replies"]


@pytest.mark.parametrize(("calls", "rest_s"), [(40, 55.0), (2, 5.0), (2, None)])
async def test_other_rests_teach_nothing(calls: int, rest_s: float | None) -> None:
    """A rest after many calls, and a short one."""
    budget = MethodRateLimits(InstantClock())
    for _ in range(calls):
        await budget.acquire("conversations.replies")
    budget.block("conversations.replies", rest_s)
    assert budget.calls_a_minute("conversations.replies") == CALLS_A_MINUTE["conversations.replies"]


async def test_reading_after_an_absence_leaves_calls_to_others() -> None:
    """However much there is to be read: who calls the bot into a thread does not wait for a minute's end."""
    clock = InstantClock()
    budget = MethodRateLimits(clock)
    for _ in range(CALLS_A_MINUTE["conversations.replies"]):
        await budget.acquire("conversations.replies", low_priority=True)
    began = clock.now()
    for _ in range(4):
        await budget.acquire("conversations.replies")
    assert clock.now() == began
