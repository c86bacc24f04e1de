"""A reply that people wrote below before it began: it is posted anew, and nothing is lost on the way."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from bot.domain.chat import Room
from bot.domain.errors import MessageGone, RetryLater, Undeliverable
from bot.domain.jobs import Job, JobState
from bot.domain.replies import Reply, ReplyState
from tests.bot.core.outbox.test_outbox import House, house
from tests.fakes.clock import settle
from tests.fakes.platform import FakePlatform

__all__ = ["house"]

WAITING, WRITING, DONE = ReplyState.WAITING, ReplyState.WRITING, ReplyState.DONE


async def left(house: House) -> Job:
    """A waiting sign that people see and wrote below; the job as its claim gives it."""
    house.outbox.show(house.job, Reply(WAITING, note="まもなく"))
    await house.clock.advance(1)
    return replace(house.job, moved=1)


def log(house: House) -> list[tuple[str, str]]:
    """What was done to messages, and the text or note that they showed."""
    return [(kind, draft.text or draft.note) for kind, draft in house.platform.log]


async def test_it_is_posted_below_and_the_sign_is_removed(house: House) -> None:
    """In this order, so that people always see one; from then on the new one is edited."""
    job = await left(house)

    house.outbox.show(job, Reply(WRITING, "一"))
    await house.clock.advance(2)
    house.outbox.show(job, Reply(DONE, "一二。"))
    await house.clock.advance(2)

    assert log(house) == [("post", "まもなく"), ("post", "一"), ("remove", "まもなく"), ("edit", "一二。")]
    assert list(house.platform.messages) == ["m1"]
    (row,) = house.store.outbox.rows.values()
    assert (row.message_id, row.moved, row.former_id, row.delivered) == ("m1", 1, None, True)


async def test_it_is_posted_anew_though_its_text_is_the_same(house: House) -> None:
    """Where it stands is what is wrong with it; also where it is over at once."""
    house.outbox.show(house.job, Reply(DONE, "一。"))
    await house.clock.advance(1)
    house.outbox.show(replace(house.job, moved=1), Reply(DONE, "一。"))
    await house.clock.advance(3)

    assert log(house) == [("post", "一。"), ("post", "一。"), ("remove", "一。")]


async def test_a_sign_that_nobody_saw_is_not_posted_at_all(house: House) -> None:
    """The first message stands where the reply does."""
    house.platform.errors = [RetryLater("429", after_s=5)]
    house.outbox.show(house.job, Reply(WAITING, note="まもなく"))
    await settle()
    house.outbox.show(replace(house.job, moved=1), Reply(WRITING, "一"))
    await house.clock.advance(6)

    assert log(house) == [("post", "一")]
    assert list(house.platform.keys) == ["j:0:1"]


class SlowPlatform(FakePlatform):
    """One that posts nothing until it may."""

    def __init__(self) -> None:
        FakePlatform.__init__(self)
        self.may = asyncio.Event()

    async def post(self, room: Room, draft: Reply, key: str) -> str:
        """Show a new message, after a while."""
        await self.may.wait()
        return await FakePlatform.post(self, room, draft, key)


async def test_a_sign_that_is_on_its_way_is_left_too(house: House) -> None:
    """Its post began before they wrote, and may stand above."""
    house.platform = slow = SlowPlatform()
    house.restarted()
    house.outbox.show(house.job, Reply(WAITING, note="まもなく"))
    await settle()
    house.outbox.show(replace(house.job, moved=1), Reply(WRITING, "一"))
    slow.may.set()
    await house.clock.advance(3)

    assert log(house) == [("post", "まもなく"), ("post", "一"), ("remove", "まもなく")]


async def test_a_process_dies_before_it_posts(house: House) -> None:
    """The next process posts it below: that it has to, and where the sign is, is in the database."""
    job = await left(house)
    await house.outbox.close(0)

    house.restarted().show(job, Reply(WRITING, "一"))
    await house.clock.advance(3)

    assert log(house) == [("post", "まもなく"), ("post", "一"), ("remove", "まもなく")]


async def test_a_process_dies_before_the_store_knows_of_the_post(house: House) -> None:
    """The same key finds the message: no second one, and the sign goes."""
    job = await left(house)
    sign = dict(house.store.outbox.rows)
    house.outbox.show(job, Reply(WRITING, "一"))
    await settle()
    await house.clock.advance(1)
    await house.outbox.close(0)
    house.store.outbox.rows = sign

    house.restarted().show(job, Reply(WRITING, "一二"))
    await house.clock.advance(3)

    assert house.platform.texts == ["一二"]
    assert list(house.platform.keys) == ["j:0", "j:0:1"]


async def test_a_process_dies_between_the_post_and_the_removal(house: House) -> None:
    """The next one removes the sign, whether the job goes on or is over by then."""
    job = await left(house)
    house.platform.errors = [None, RetryLater("down", after_s=1000)]
    house.outbox.show(job, Reply(WRITING, "一"))
    await house.clock.advance(3)
    assert [row.former_id for row in house.store.outbox.rows.values()] == ["m0"]
    await house.outbox.close(0)
    house.finish(state=JobState.CANCELLED)

    running = asyncio.create_task(house.restarted().run())
    await house.clock.advance(3)
    running.cancel()

    assert list(house.platform.messages.values()) == [Reply(ReplyState.CANCELLED, "一", interactive=False)]
    assert [row.former_id for row in house.store.outbox.rows.values()] == [None]
    assert not await house.store.outbox.undelivered()


async def test_an_end_that_was_promised_is_shown_below(house: House) -> None:
    """The process died after the job was over, and before it posted anything below."""
    job = await left(house)
    house.outbox.show(job, Reply(WRITING, ""))
    await house.outbox.prepare(job, Reply(DONE, "一。", passage="j.0"))
    await house.outbox.close(0)
    house.store.jobs.kept["j"] = replace(job, state=JobState.DONE)

    running = asyncio.create_task(house.restarted().run())
    await house.clock.advance(3)
    running.cancel()

    assert house.platform.texts == ["一。"]
    assert list(house.platform.messages) == ["m1"]


async def test_a_removal_that_is_refused_for_now_is_tried_again(house: House) -> None:
    """And nobody's text is lost meanwhile."""
    job = await left(house)
    house.platform.errors = [None, RetryLater("429", after_s=2)]
    house.outbox.show(job, Reply(WRITING, "一"))
    await house.clock.advance(2)
    house.outbox.show(job, Reply(DONE, "一二。"))
    await house.clock.advance(5)

    assert house.platform.texts == ["一二。"]


@pytest.mark.parametrize("error", [Undeliverable("forbidden"), MessageGone("deleted")])
async def test_a_sign_that_cannot_be_removed_stays(
    house: House, error: Undeliverable, caplog: pytest.LogCaptureFixture
) -> None:
    """The reply is not given up for it."""
    job = await left(house)
    house.platform.errors = [None, error]
    with caplog.at_level(logging.WARNING):
        house.outbox.show(job, Reply(WRITING, "一"))
        await house.clock.advance(2)
        house.outbox.show(job, Reply(DONE, "一二。"))
        await house.clock.advance(3)

    assert house.platform.texts == ["", "一二。"]
    assert len(caplog.records) == 1
    assert not await house.store.outbox.undelivered()


async def test_of_two_that_are_posted_anew_the_later_has_the_buttons(house: House) -> None:
    """Both are over before either is posted below: there is one end, and it can be gone on from."""
    jobs = [house.job, house.store.add("k")]
    for job in jobs:
        house.outbox.show(job, Reply(WAITING, note="まもなく"))
    await house.clock.advance(2)
    for job in jobs:
        house.finish(job.id)
        house.outbox.show(replace(job, moved=1), Reply(DONE, f"{job.id}。", passage=f"{job.id}.0"))
    await house.clock.advance(9)

    shown = [(draft.text, draft.interactive) for draft in house.platform.messages.values()]
    assert shown == [("j。", False), ("k。", True)]


async def test_its_buttons_are_taken_where_it_stands(house: House) -> None:
    """A reply of before is not posted anew for that, whatever its message's count is."""
    job = await left(house)
    house.outbox.show(job, Reply(DONE, "一。", passage="j.0"))
    await house.clock.advance(3)
    house.store.jobs.kept["j"] = replace(job, state=JobState.DONE)
    house.store.outbox.rows["j", 0] = replace(house.store.outbox.rows["j", 0], moved=0)

    await house.restarted().remove_buttons(job.room)
    await house.clock.advance(3)

    assert [(draft.text, draft.interactive) for draft in house.platform.messages.values()] == [
        ("一。", False)
    ]
    assert list(house.platform.messages) == ["m1"]
