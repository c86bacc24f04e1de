"""Trying again."""

from __future__ import annotations

from asyncio import wait_for

import pytest

from bot.aio.retry import Backoff, retry
from tests.fakes.clock import InstantClock

BACKOFF = Backoff(first_s=1.0, longest_s=5.0)


class Later(Exception):
    """Fails for now."""

    def __init__(self, after_s: float | None = None) -> None:
        super().__init__()
        self.after_s = after_s


class Never(Later):
    """Fails for good."""


class Call:
    """Raises one error after another, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.count = 0

    async def __call__(self) -> str:
        """Raise what is next."""
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def test_waits_double_up_to_the_longest_and_never_overflow() -> None:
    """The first wait is the first figure; months of failures are no error of their own."""
    assert [BACKOFF.wait_s(failures) for failures in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, 5.0]
    assert BACKOFF.wait_s(10**9) == 5.0


async def test_a_call_is_tried_again_until_it_succeeds() -> None:
    """Each failure is waited after, and whoever wants to is told of it before."""
    clock, call, told = InstantClock(), Call(Later(), Later()), list[float]()

    async def before_wait(_: BaseException, wait_s: float) -> None:
        told.append(wait_s)

    answer = await retry(call, on=Later, backoff=BACKOFF, clock=clock, before_wait=before_wait)
    assert (answer, call.count, told, clock.now()) == ("done", 3, [1.0, 2.0], 3.0)


async def test_a_call_may_be_a_lambda() -> None:
    """What gives back something to await is tried again as an async function is."""
    call = Call(Later())
    answer = await retry(lambda: wait_for(call(), 1.0), on=Later, backoff=BACKOFF, clock=InstantClock())
    assert (answer, call.count) == ("done", 2)


async def test_an_error_that_says_when_is_believed() -> None:
    """Seconds in the error stand before our own, and may be bounded."""
    clock = InstantClock()
    await retry(Call(Later(40.0)), on=Later, backoff=BACKOFF, clock=clock)
    assert clock.now() == 40.0
    await retry(Call(Later(40.0)), on=Later, backoff=BACKOFF, clock=clock, longest_after_s=30.0)
    assert clock.now() == 70.0


@pytest.mark.parametrize(
    ("errors", "tries", "count"),
    [([Later(), Later(), Later()], 2, 2), ([Never(), Later()], 5, 1), ([ValueError()], 5, 1)],
    ids=["tries are used up", "not for this one", "another error"],
)
async def test_the_last_error_is_raised_as_it_came(errors: list[Exception], tries: int, count: int) -> None:
    """What helps nobody is not tried again."""
    call, last = Call(*errors), errors[count - 1]
    with pytest.raises(type(last)) as raised:
        await retry(call, on=Later, unless=Never, backoff=BACKOFF, clock=InstantClock(), tries=tries)
    assert (raised.value, call.count) == (last, count)
