"""One budget of requests for all rooms: who goes first, what waits, and what a refusal changes."""

from __future__ import annotations

import asyncio
import logging

import pytest

from adapters.discord.api.rate_limits import (
    BAN_AT,
    LONGEST_WAIT_S,
    PARTS,
    QUIET_AT,
    WITHIN_S,
    InvalidRequests,
    Priority,
    RequestBudget,
    RouteLimits,
)
from adapters.discord.delivery.edit_pacing import CHANGE_EVERY_S, LONG_S, EditScheduler, MinimumInterval
from bot.domain.chat import Room
from bot.domain.errors import RetryLater
from bot.domain.replies import Reply, ReplyState
from tests.fakes.clock import FakeClock

PER_S = 10
ROOM = Room("discord", "1")
WAITS = Reply(ReplyState.WAITING, note="3番目")
GROWS = Reply(ReplyState.WRITING, "夜が")
OVER = Reply(ReplyState.DONE, "夜が明けた。")


async def spend(budget: RequestBudget, count: int, priority: Priority = Priority.FIRST) -> None:
    """Make so many requests that are answered at once."""
    for _ in range(count):
        async with budget.turn(priority):
            budget.answered(await budget.begin())


def noted(budget: RequestBudget, priority: Priority, order: list[Priority]) -> asyncio.Task[None]:
    """A request that notes when it was made."""

    async def request() -> None:
        async with budget.turn(priority):
            budget.answered(await budget.begin())
            order.append(priority)

    return asyncio.create_task(request())


async def test_a_slot_is_taken_until_a_second_after_its_answer() -> None:
    """However long a request was on its way, no second of Discord's has more than there are slots."""
    clock = FakeClock()
    budget = RequestBudget(clock, 1)
    order: list[Priority] = []
    async with budget.turn():
        slot = await budget.begin()
        task = noted(budget, Priority.FIRST, order)
        await clock.advance(3)
        assert order == []
        budget.answered(slot)
    await clock.advance(0.9)
    assert order == []
    await clock.advance(0.2)
    assert order == [Priority.FIRST]
    await task


async def test_what_is_urgent_passes_what_waited_longer() -> None:
    """First signs and ends go before what was written while the bot was away."""
    clock = FakeClock()
    budget = RequestBudget(clock, PER_S)
    order: list[Priority] = []
    await spend(budget, PER_S)
    tasks = [noted(budget, Priority.HISTORY, order), noted(budget, Priority.FIRST, order)]
    await clock.advance(2)
    await asyncio.gather(*tasks)
    assert order == [Priority.FIRST, Priority.HISTORY]


@pytest.mark.parametrize("priority", [each for each in Priority if each is not Priority.FIRST])
async def test_what_is_not_urgent_leaves_room(priority: Priority) -> None:
    """It takes its part of the budget, and an end then still goes at once."""
    clock = FakeClock()
    budget = RequestBudget(clock, PER_S)
    taken = 0
    while budget.try_acquire(priority) is not None:
        taken += 1
    assert taken == int(PER_S * PARTS[priority]) < PER_S
    await spend(budget, 1)
    assert clock.now() == 0


async def test_a_slot_that_was_not_needed_is_there_for_others() -> None:
    """Nothing was sent with it, so nothing counts."""
    budget = RequestBudget(FakeClock(), 1)
    async with budget.turn():
        pass
    assert budget.try_acquire(Priority.FIRST) is not None


async def test_a_second_try_has_a_slot_of_its_own() -> None:
    """The library's own tries count like any other."""
    clock = FakeClock()
    budget = RequestBudget(clock, 2)
    async with budget.turn():
        budget.answered(await budget.begin())
        budget.answered(await budget.begin())
    assert budget.try_acquire(Priority.FIRST) is None
    assert budget.seconds_until_free(Priority.FIRST) == pytest.approx(1.0)


async def test_nobody_asks_while_discord_wants_a_rest() -> None:
    """A short rest is waited for, a long one told to who asks."""
    clock = FakeClock()
    budget = RequestBudget(clock, PER_S)
    budget.pause(2)
    order: list[Priority] = []
    task = noted(budget, Priority.FIRST, order)
    await clock.advance(1.9)
    assert order == []
    await clock.advance(0.2)
    assert order == [Priority.FIRST]
    await task
    budget.pause(LONGEST_WAIT_S + 1)
    assert budget.try_acquire(Priority.GROWTH) is None
    with pytest.raises(RetryLater) as error:
        await budget.acquire(Priority.FIRST)
    assert error.value.after_s == pytest.approx(LONGEST_WAIT_S + 1)


async def test_a_waiting_request_that_is_given_up_holds_nobody_up() -> None:
    """Those behind it move up."""
    clock = FakeClock()
    budget = RequestBudget(clock, 1)
    await spend(budget, 1)
    order: list[Priority] = []
    gone, other = noted(budget, Priority.FIRST, order), noted(budget, Priority.FIRST, order)
    await clock.advance(0.5)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    await clock.advance(0.6)
    assert order == [Priority.FIRST]
    await other


def test_a_budget_of_nothing_is_refused() -> None:
    """It would never let anything through."""
    with pytest.raises(ValueError, match="lets nothing through"):
        RequestBudget(FakeClock(), 0)


def test_refusals_are_told_long_before_the_ban_and_stop_what_is_not_urgent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Once for each quarter of what bans the address; after ten minutes all is forgotten."""
    clock = StillClock()
    budget = RequestBudget(clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(QUIET_AT - 1):
            budget.invalid_requests.record(429)
        assert budget.try_acquire(Priority.GROWTH) is not None
        assert caplog.messages == []
        for _ in range(2):
            budget.invalid_requests.record(403)
    assert len(caplog.messages) == 1
    assert str(BAN_AT) in caplog.messages[0]
    assert budget.try_acquire(Priority.GROWTH) is None
    assert budget.seconds_until_free(Priority.GROWTH) > 10
    clock.passed_s = WITHIN_S
    assert budget.try_acquire(Priority.GROWTH) is not None


def test_only_refusals_of_the_bot_itself_count() -> None:
    """An answer, an error of theirs, a limit that is shared with others: none of them bans."""
    refusals = InvalidRequests(StillClock())
    for _ in range(QUIET_AT):
        refusals.record(200)
        refusals.record(502)
        refusals.record(429, shared=True)
    assert not refusals.too_many


class StillClock:
    """`bot.aio.clock.Clock` that stands where a test puts it."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def now(self) -> float:
        """Where it stands."""
        return self.passed_s

    async def sleep(self, seconds: float) -> None:
        """Nobody waits here."""
        raise NotImplementedError


class Growing:
    """Messages that ask for their turn as the outbox does: again when they were told to."""

    def __init__(self, per_s: float, drafts: dict[str, Reply]) -> None:
        self.clock = StillClock()
        self.budget = RequestBudget(self.clock, per_s)
        self.routes = RouteLimits(self.clock)
        self.pace = EditScheduler(self.budget, self.routes, self.clock)
        self.drafts = drafts
        self.due = dict.fromkeys(drafts, 0.0)
        self.changed: dict[str, list[float]] = {name: [] for name in drafts}
        for name, draft in drafts.items():
            self.pace.shown(name, draft)

    async def grow(self, seconds: float) -> None:
        """Let so much time pass."""
        until = self.clock.passed_s + seconds
        while (name := min(self.due, key=self.due.__getitem__)) and self.due[name] < until:
            self.clock.passed_s = max(self.clock.passed_s, self.due[name])
            rest_s = self.pace.seconds_until_due(Room("discord", name), name, self.drafts[name])
            if rest_s == 0:
                async with self.pace.turn(name, self.drafts[name]):
                    self.budget.answered(await self.budget.begin())
                self.changed[name].append(self.clock.passed_s)
            self.due[name] = self.clock.passed_s + rest_s
        self.clock.passed_s = until


async def test_growing_texts_share_what_there_is_equally() -> None:
    """Sixty on ten requests a second: each is changed as often as any other, give or take one."""
    at = Growing(PER_S, {f"{number}": GROWS for number in range(60)})
    await at.grow(60)
    times = [len(changes) for changes in at.changed.values()]
    assert max(times) - min(times) <= 2
    assert sum(times) == pytest.approx(60 * int(PER_S * PARTS[Priority.GROWTH]), rel=0.05)


async def test_a_text_that_begins_is_soon_seen_to_grow() -> None:
    """However many grow already: its first pieces come before their next ones."""
    at = Growing(PER_S, {f"{number}": GROWS for number in range(60)})
    await at.grow(20)
    at.pace.shown("60", WAITS)
    at.drafts["60"], at.due["60"], at.changed["60"] = GROWS, at.clock.passed_s, []
    await at.grow(5)
    assert len(at.changed["60"]) >= 2


async def test_few_growing_texts_grow_once_a_second() -> None:
    """Where there is enough for all, nobody waits for anybody."""
    at = Growing(PER_S, {f"{number}": GROWS for number in range(3)})
    await at.grow(21.5)
    assert {len(changes) for changes in at.changed.values()} == {int(21 / CHANGE_EVERY_S)}


async def test_places_in_the_queue_come_last_and_still_come() -> None:
    """They take nothing from growing texts, until they are so old that they count as such."""
    names = {f"{n}": GROWS for n in range(30)} | {f"1{n:02}": WAITS for n in range(10)}
    at = Growing(PER_S, names)
    await at.grow(LONG_S)
    assert sum(len(at.changed[name]) for name in names if names[name] is WAITS) == 0
    await at.grow(LONG_S)
    assert {len(at.changed[name]) for name in names if names[name] is WAITS} == {1}


async def test_an_end_takes_the_slot_that_its_growing_text_was_given() -> None:
    """And one that has none goes before all that can wait."""
    at = Growing(PER_S, {"1": GROWS, "2": GROWS})
    at.clock.passed_s = 2.0
    assert at.pace.seconds_until_due(ROOM, "1", GROWS) == 0
    assert at.pace.seconds_until_due(ROOM, "1", OVER) == 0
    before = at.budget.seconds_until_free(Priority.FIRST, PER_S - 1)
    async with at.pace.turn("1", OVER):
        assert at.budget.seconds_until_free(Priority.FIRST, PER_S - 1) == before


def test_a_text_that_broke_off_says_so_at_once() -> None:
    """Its mark that it grows must not stay."""
    at = Growing(PER_S, {"1": GROWS})
    assert at.pace.seconds_until_due(ROOM, "1", GROWS) > 0
    assert at.pace.seconds_until_due(ROOM, "1", WAITS) == 0


def test_a_growing_text_spends_the_limit_of_its_route_evenly_and_leaves_the_last_change() -> None:
    """discord.py waits inside the call that used a route up, and an end would wait with it."""
    clock = StillClock()
    routes = RouteLimits(clock)
    routes.learn("1", {"X-RateLimit-Remaining": "4", "X-RateLimit-Reset-After": "5.0"})
    assert routes.seconds_until_due("1") == pytest.approx(1.25)
    clock.passed_s = 3.75
    routes.learn("1", {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset-After": "1.25"})
    assert routes.seconds_until_due("1") == pytest.approx(1.25)
    routes.learn("1", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "0.5"})
    assert routes.seconds_until_due("1") == pytest.approx(0.5)
    routes.learn("2", {})
    assert routes.seconds_until_due("2") == 0


def test_what_can_wait_asks_how_long_a_room_takes_no_change() -> None:
    """Without making one: an end that comes meanwhile still has it."""
    clock = StillClock()
    spacing = MinimumInterval(clock, 2.0)
    assert spacing.seconds_until_due(ROOM) == 0
    assert spacing.acquire(ROOM) == 0
    clock.passed_s = 0.5
    assert spacing.seconds_until_due(ROOM) == spacing.acquire(ROOM) == 1.5
    clock.passed_s = 2.0
    assert spacing.seconds_until_due(ROOM) == spacing.acquire(ROOM) == 0
