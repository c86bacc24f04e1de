"""A budget that refills steadily."""

from __future__ import annotations

import asyncio

from adapters.slack.bucket import Bucket
from adapters.slack.budget import RATES
from tests.fakes.clock import FakeClock


async def waited(
    bucket: Bucket, clock: FakeClock, name: str, log: list[str], *, patient: bool = False
) -> None:
    """Take a call and write down when."""
    await bucket.acquire(patient=patient)
    log.append(f"{name} {clock.now():g}")


async def test_some_at_once_and_then_evenly() -> None:
    """After the first few each waits its turn, in the order of coming."""
    clock, log = FakeClock(), list[str]()
    bucket = Bucket(2, 3.0, clock)
    calls = [asyncio.create_task(waited(bucket, clock, name, log)) for name in "abcd"]
    await clock.advance(10)
    await asyncio.gather(*calls)
    assert log == ["a 0", "b 0", "c 3", "d 6"]


async def test_what_was_not_used_is_there_later() -> None:
    """But never more than at once."""
    clock, log = FakeClock(), list[str]()
    bucket = Bucket(2, 3.0, clock)
    await clock.advance(100)
    calls = [asyncio.create_task(waited(bucket, clock, name, log)) for name in "abc"]
    await clock.advance(10)
    await asyncio.gather(*calls)
    assert log == ["a 100", "b 100", "c 103"]


async def test_two_lanes_take_turns() -> None:
    """Many that are patient do not keep one waiting that is not, nor the other way round."""
    clock, log = FakeClock(), list[str]()
    bucket = Bucket(1, 2.0, clock)
    patient = [asyncio.create_task(waited(bucket, clock, f"p{n}", log, patient=True)) for n in range(3)]
    await clock.advance(0.5)
    others = [asyncio.create_task(waited(bucket, clock, f"t{n}", log)) for n in range(2)]
    await clock.advance(20)
    await asyncio.gather(*patient, *others)
    assert [entry.split()[0] for entry in log] == ["p0", "t0", "p1", "t1", "p2"]
    assert log[-1] == "p2 8"


async def test_free() -> None:
    """Whether a call would go through at once."""
    clock = FakeClock()
    bucket = Bucket(1, 2.0, clock)
    assert bucket.free
    await bucket.acquire()
    assert not bucket.free
    await clock.advance(2.0)
    assert bucket.free


def test_no_minute_holds_more_than_slack_allows() -> None:
    """What comes at once and what refills in a minute stay below the published limits."""
    limits = {
        "chat.update": 50,
        "chat.appendStream": 100,
        "chat.startStream": 20,
        "conversations.replies": 50,
    }
    for method, limit in limits.items():
        assert RATES[method].at_once + 60.0 / RATES[method].each_s <= limit
