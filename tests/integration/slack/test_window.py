"""How often a method is called, and how those who share it take turns."""

from __future__ import annotations

import asyncio

import pytest

from adapters.slack.web_api.rate_limits import (
    CALLS_A_MINUTE,
    LOW_PRIORITY_DELAY_S,
    MINUTE_S,
    MethodRateLimits,
    SlidingWindow,
)
from tests.fakes.clock import FakeClock
from tests.integration.slack.running import StillClock
from tests.servers.slack_faults import TIERS


async def waited(
    window: SlidingWindow, clock: FakeClock, name: str, log: list[str], *, patient: bool = False
) -> None:
    """Take a call and write down when."""
    await window.acquire(low_priority=patient)
    log.append(f"{name} {clock.now():g}")


async def test_so_many_in_any_period() -> None:
    """The first few at once, then each when an earlier one is old enough, in the order of coming."""
    clock, log = FakeClock(), list[str]()
    window = SlidingWindow(2, 6.0, clock)
    calls = [asyncio.create_task(waited(window, clock, "a", log))]
    await clock.advance(4)
    calls += [asyncio.create_task(waited(window, clock, name, log)) for name in "bcde"]
    await clock.advance(20)
    await asyncio.gather(*calls)
    assert log == ["a 0", "b 4", "c 6", "d 10", "e 12"]


async def test_patient_calls_let_others_go_first() -> None:
    """As long as little is left, but not for ever."""
    clock, log = FakeClock(), list[str]()
    window = SlidingWindow(10, 60.0, clock)
    for _ in range(9):
        await window.acquire()
    patient = asyncio.create_task(waited(window, clock, "patient", log, patient=True))
    await clock.advance(1)
    await waited(window, clock, "other", log)
    last = asyncio.create_task(waited(window, clock, "last", log))
    await clock.advance(60)
    await asyncio.gather(patient, last)
    assert log == ["other 1", "last 60", "patient 60"]
    again = asyncio.create_task(waited(window, clock, "again", log, patient=True))
    await clock.advance(1)
    for _ in range(8 - window.made):
        await window.acquire()
    held = asyncio.create_task(waited(window, clock, "held", log, patient=True))
    await clock.advance(LOW_PRIORITY_DELAY_S)
    await asyncio.gather(again, held)
    assert log[3:] == ["again 61", "held 62"]


async def test_who_goes_away_lets_the_next_one_in() -> None:
    """A call that is given up keeps nobody waiting."""
    clock, log = FakeClock(), list[str]()
    window = SlidingWindow(1, 6.0, clock)
    await window.acquire()
    first, second = (asyncio.create_task(waited(window, clock, name, log)) for name in "ab")
    await clock.advance(1)
    first.cancel()
    await clock.advance(10)
    await second
    assert log == ["b 6"]


async def test_free() -> None:
    """Whether a call would go through at once."""
    clock = FakeClock()
    window = SlidingWindow(1, 2.0, clock)
    assert window.has_capacity
    await window.acquire()
    assert not window.has_capacity
    await clock.advance(2.0)
    assert window.has_capacity


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
    assert MethodRateLimits(StillClock()).edit_interval_s(method, messages) == pytest.approx(pace_s, abs=0.01)


async def test_when_the_minute_is_used_up_the_share_is_even() -> None:
    """Five streams for minutes on end are a little more than Slack takes; four are not."""
    budget = MethodRateLimits(StillClock())
    for _ in range(97):
        await budget.acquire("chat.appendStream")
    assert budget.edit_interval_s("chat.appendStream", 4) == pytest.approx(2.95)
    assert budget.edit_interval_s("chat.appendStream", 5) == pytest.approx(3.15, abs=0.01)


async def test_reading_once_a_minute_is_learned() -> None:
    """A long rest after few calls: from then on one call a minute, until it is worth another try."""
    clock = StillClock()
    budget = MethodRateLimits(clock)
    await budget.acquire("conversations.replies")
    await budget.acquire("conversations.replies")
    budget.block("conversations.replies", 55.0)
    assert budget.calls_a_minute("conversations.replies") == 1
    assert budget.calls_a_minute("conversations.history") == CALLS_A_MINUTE["conversations.history"]
    clock.time += 61.0
    began = clock.now()
    for _ in range(5):
        await budget.acquire("conversations.replies")
    assert clock.now() - began == pytest.approx(4 * MINUTE_S, abs=1.0)
    clock.time += 1_800.0
    assert budget.calls_a_minute("conversations.replies") == CALLS_A_MINUTE["conversations.replies"]


@pytest.mark.parametrize(("calls", "rest_s"), [(40, 55.0), (2, 5.0), (2, None)])
async def test_other_rests_teach_nothing(calls: int, rest_s: float | None) -> None:
    """A rest after many calls, and a short one."""
    budget = MethodRateLimits(StillClock())
    for _ in range(calls):
        await budget.acquire("conversations.replies")
    budget.block("conversations.replies", rest_s)
    assert budget.calls_a_minute("conversations.replies") == CALLS_A_MINUTE["conversations.replies"]


async def test_reading_after_an_absence_leaves_calls_to_others() -> None:
    """However much there is to be read: who calls the bot into a thread does not wait for a minute's end."""
    clock = StillClock()
    budget = MethodRateLimits(clock)
    for _ in range(CALLS_A_MINUTE["conversations.replies"]):
        await budget.acquire("conversations.replies", low_priority=True)
    began = clock.now()
    for _ in range(4):
        await budget.acquire("conversations.replies")
    assert clock.now() == began
