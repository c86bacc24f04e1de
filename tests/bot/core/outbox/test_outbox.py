"""Replies on their way to people."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from bot.core.outbox import Outbox
from bot.domain.errors import RetryLater, StoreError, Undeliverable
from bot.domain.jobs import Job, JobState
from bot.domain.ports import Limits, Platform
from bot.domain.replies import Candidate, OutboxRow, Reply, ReplyState
from tests.fakes.clock import FakeClock, settle
from tests.fakes.platform import FakePlatform
from tests.fakes.store import MemoryStore

WRITING, DONE = ReplyState.WRITING, ReplyState.DONE


class House:
    """An outbox between a store and a platform."""

    def __init__(self) -> None:
        self.store, self.platform, self.clock = MemoryStore(), FakePlatform(), FakeClock()
        self.job: Job = self.store.add("j")
        self.outbox = self.restarted()

    def restarted(self) -> Outbox:
        """A new outbox over the same store, as after a restart."""
        platforms: dict[str, Platform] = {"fake": self.platform}
        self.outbox = Outbox(self.store, platforms, self.clock)
        return self.outbox

    def finish(self, job_id: str = "j", state: JobState = JobState.DONE) -> None:
        """The store's job is over."""
        self.store.jobs.kept[job_id] = replace(self.store.jobs.kept[job_id], state=state)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """An outbox that is closed in the end."""
    built = House()
    yield built
    await built.outbox.close(0)


async def test_a_slow_platform_coalesces(house: House) -> None:
    """Drafts that come faster than the platform takes them are skipped; the last is always sent."""
    for index in range(50):
        house.outbox.show(house.job, Reply(WRITING, "あ" * (index + 1)))
        await house.clock.advance(0.1)
    house.outbox.show(house.job, Reply(DONE, "終わり。"))
    await house.clock.advance(1)
    assert len(house.platform.log) <= 7
    assert house.platform.texts == ["終わり。"]
    assert house.platform.log[0][0] == "post"
    assert {"edit"} == {kind for kind, _ in house.platform.log[1:]}


async def test_the_text_is_read_after_the_throttle(house: House) -> None:
    """What is sent when the room's turn comes is the newest text, not the one that asked for the turn."""
    house.outbox.show(house.job, Reply(WRITING, "一"))
    await settle()
    house.outbox.show(house.job, Reply(WRITING, "二"))
    await settle()
    house.outbox.show(house.job, Reply(WRITING, "三"))
    await house.clock.advance(1)
    assert [draft.text for _, draft in house.platform.log] == ["一", "三"]


async def test_of_two_replies_that_were_over_at_once_the_later_has_the_buttons(house: House) -> None:
    """Whichever is posted first: there is one end, and it can be gone on from."""
    other = house.store.add("k")
    for job in (house.job, other):
        house.finish(job.id)
        house.outbox.show(job, Reply(DONE, f"{job.id}。", passage=f"{job.id}.0"))
    await house.clock.advance(9)
    assert [(draft.text, draft.interactive) for draft in house.platform.messages.values()] == [
        ("j。", False),
        ("k。", True),
    ]


async def test_growing_text_rests_and_nothing_else_does(house: House) -> None:
    """A text that grows is shown again when the platform says; its end, and what else comes, is at once."""
    house.platform.limits = Limits(max_units=2000, changes_per_period=100, period_s=1.0)
    house.outbox.show(house.job, Reply(WRITING, "一"))
    await settle()
    house.platform.rests["m0"] = 7.0
    house.outbox.show(house.job, Reply(WRITING, "一二"))
    await house.clock.advance(5)
    assert house.platform.texts == ["一"]
    other = house.store.add("k")
    house.outbox.show(other, Reply(ReplyState.WAITING, note="まもなく"))
    await settle()
    assert house.platform.texts == ["一", ""]
    house.outbox.show(house.job, Reply(DONE, "一二三"))
    await settle()
    assert house.platform.texts == ["一二三", ""]
    assert [draft.text for _, draft in house.platform.log] == ["一", "", "一二三"]


async def test_growing_text_is_shown_once_it_has_rested(house: House) -> None:
    """With the text as it is then, however often it grew meanwhile."""
    house.outbox.show(house.job, Reply(WRITING, "一"))
    await settle()
    house.platform.rests["m0"] = 7.0
    house.outbox.show(house.job, Reply(WRITING, "一二"))
    await house.clock.advance(4)
    house.outbox.show(house.job, Reply(WRITING, "一二三"))
    await house.clock.advance(2.9)
    assert house.platform.texts == ["一"]
    house.platform.rests.clear()
    await house.clock.advance(0.2)
    assert [draft.text for _, draft in house.platform.log] == ["一", "一二三"]


async def test_a_place_in_the_queue_rests_until_the_writing_begins(house: House) -> None:
    """Where the platform says so, the latest place is told when it is due; the first words are at once."""
    house.platform.resting = (ReplyState.WAITING,)
    house.outbox.show(house.job, Reply(ReplyState.WAITING, note="3番目"))
    await settle()
    house.platform.rests["m0"] = 20.0
    house.outbox.show(house.job, Reply(ReplyState.WAITING, note="2番目"))
    await house.clock.advance(10)
    house.outbox.show(house.job, Reply(ReplyState.WAITING, note="1番目"))
    await house.clock.advance(5)
    assert [draft.note for _, draft in house.platform.log] == ["3番目"]
    house.outbox.show(house.job, Reply(WRITING, "一"))
    await settle()
    assert [(draft.note, draft.text) for _, draft in house.platform.log] == [("3番目", ""), ("", "一")]


async def test_an_end_ends_the_rest_of_a_place_in_the_queue(house: House) -> None:
    """Whoever stops what waits sees it stopped at once."""
    house.platform.resting = (ReplyState.WAITING,)
    house.outbox.show(house.job, Reply(ReplyState.WAITING, note="3番目"))
    await settle()
    house.platform.rests["m0"] = 20.0
    house.outbox.show(house.job, Reply(ReplyState.WAITING, note="2番目"))
    await house.clock.advance(1.1)
    house.outbox.show(house.job, Reply(ReplyState.CANCELLED, note="止めました"))
    await settle()
    assert [draft.note for _, draft in house.platform.log] == ["3番目", "止めました"]


async def test_one_post_whatever_fails(house: House) -> None:
    """A post that is refused for now is tried again when the platform says, and made exactly once."""
    house.platform.errors = [RetryLater("429", after_s=5), RetryLater("500"), None]
    house.outbox.show(house.job, Reply(DONE, "終わり。"))
    await house.clock.advance(4.9)
    assert house.platform.calls == 1
    await house.clock.advance(0.1)
    assert house.platform.calls == 2
    await house.clock.advance(2)
    assert [("post", Reply(DONE, "終わり。"))] == house.platform.log
    assert [row.delivered for row in house.store.outbox.rows.values()] == [True]


async def test_after_a_refusal_the_newest_text_is_sent(house: House) -> None:
    """While the outbox backs off, the text goes on."""
    house.platform.errors = [RetryLater("429", after_s=5)]
    house.outbox.show(house.job, Reply(WRITING, "一"))
    await settle()
    house.outbox.show(house.job, Reply(DONE, "一二三。"))
    await house.clock.advance(6)
    assert [draft.text for _, draft in house.platform.log] == ["一二三。"]


async def test_an_undeliverable_reply_is_dropped(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """A place that is gone is logged once; later texts of that reply are not tried, and nobody waits."""
    house.platform.errors = [Undeliverable("unknown channel")]
    with caplog.at_level(logging.WARNING):
        for text in ("一", "一二", "一二三"):
            house.outbox.show(house.job, Reply(WRITING, text))
            await house.clock.advance(2)
        house.outbox.show(house.job, Reply(DONE, "一二三。"))
        await house.outbox.flush("j")
    assert house.platform.calls == 1
    assert len(caplog.records) == 1


async def test_a_fault_of_an_adapter_does_not_stop_the_room(house: House) -> None:
    """After a few tries the reply is left for the next start; the room's other replies are sent."""
    other = house.store.add("k")
    house.platform.errors = [ValueError("bug")] * 5
    house.outbox.show(house.job, Reply(DONE, "一。"))
    house.outbox.show(other, Reply(DONE, "二。"))
    await house.clock.advance(60)
    assert house.platform.texts == ["二。"]
    assert [row.job_id for row in await house.store.outbox.undelivered()] == ["j"]


async def test_giving_up_while_the_store_fails(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The room's other replies are sent; the next start finds the one that was given up."""
    read, other = house.store.outbox.of_job, house.store.add("k")

    async def once(job_id: str) -> Sequence[OutboxRow]:
        monkeypatch.setattr(house.store.outbox, "of_job", fails)
        return await read(job_id)

    async def fails(job_id: str) -> Sequence[OutboxRow]:
        monkeypatch.undo()
        raise StoreError("locked")

    monkeypatch.setattr(house.store.outbox, "of_job", once)
    house.platform.errors = [Undeliverable("deleted")]
    house.outbox.show(house.job, Reply(DONE, "一。"))
    house.outbox.show(other, Reply(DONE, "二。"))
    await house.clock.advance(2)

    assert house.platform.texts == ["二。"]
    assert [row.job_id for row in await house.store.outbox.undelivered()] == ["j"]


async def test_rooms_do_not_wait_for_each_other(house: House) -> None:
    """A room whose platform call fails does not hold up another."""
    other = house.store.add("k", room="s")
    house.platform.errors = [RetryLater("429", after_s=100)]
    house.outbox.show(house.job, Reply(DONE, "一。"))
    house.outbox.show(other, Reply(DONE, "二。"))
    await settle()
    assert house.platform.texts == ["二。"]


async def test_a_long_text_is_split_at_sentence_ends(house: House) -> None:
    """Messages that are full are done and not touched again."""
    house.platform.limits = Limits(max_units=30, changes_per_period=100, period_s=1)
    text = ""
    for index in range(8):
        text += f"彼は{index}番目の戸を開けた。"
        house.outbox.show(house.job, Reply(WRITING, text))
        await house.clock.advance(1)
    house.outbox.show(house.job, Reply(DONE, text, note="終わり"))
    await house.clock.advance(1)
    assert text == "".join(house.platform.texts)
    assert all(part.endswith("。") and len(part) <= 30 for part in house.platform.texts)
    drafts = list(house.platform.messages.values())
    assert {DONE} == {draft.state for draft in drafts}
    assert [draft.note for draft in drafts] == ["", "", "", "終わり"]
    first = [draft for _, draft in house.platform.log if draft.text.startswith("彼は0")]
    assert [draft.state for draft in first] == [WRITING, WRITING, DONE]


async def test_candidates_too_long_for_one_message_get_their_own(house: House) -> None:
    """No candidate is cut off because the message is full."""
    house.platform.limits = Limits(max_units=60, changes_per_period=100, period_s=1)
    others = (Candidate("j.1", "二" * 40), Candidate("j.2", "三" * 40))
    house.outbox.show(house.job, Reply(DONE, "一" * 40, other_candidates=others, passage="j.0"))
    await house.clock.advance(1)
    assert house.platform.texts == ["一" * 40, "〔2〕\n" + "二" * 40, "〔3〕\n" + "三" * 40]
    *earlier, last = house.platform.messages.values()
    assert not any(draft.interactive or draft.other_candidates for draft in earlier)
    assert (last.interactive, last.passage) == (True, "j.0")
    assert last.other_candidates == (Candidate("j.1", ""), Candidate("j.2", ""))


async def test_a_restart_edits_the_same_message(house: House) -> None:
    """The message id is remembered, so the next process goes on in the message people already see."""
    house.outbox.show(house.job, Reply(WRITING, "一"))
    await house.clock.advance(1)
    await house.outbox.close(0)
    house.restarted().show(house.job, Reply(WRITING, "一二"))
    await house.clock.advance(1)
    assert [kind for kind, _ in house.platform.log] == ["post", "edit"]
    assert house.platform.texts == ["一二"]


async def test_the_last_text_survives_the_process(house: House) -> None:
    """A last draft that could not be sent is sent by the next process."""
    house.outbox.show(house.job, Reply(WRITING, "一"))
    await house.clock.advance(1)
    house.platform.errors = [RetryLater("down", after_s=1000)]
    house.outbox.show(house.job, Reply(DONE, "一二三。", note="注"))
    await house.clock.advance(1)
    house.finish()
    await house.outbox.close(0)
    running = asyncio.create_task(house.restarted().run())
    await house.clock.advance(1)
    running.cancel()
    assert [Reply(DONE, "一二三。", "注")] == list(house.platform.messages.values())
    assert not await house.store.outbox.undelivered()


async def test_a_promise_is_kept_after_a_crash(house: House) -> None:
    """The process ended after the job was done and before its last draft was shown."""
    house.outbox.show(house.job, Reply(WRITING, "一"))
    await house.clock.advance(1)
    await house.outbox.prepare(house.job, Reply(DONE, "一二三。"))
    house.finish()
    running = asyncio.create_task(house.restarted().run())
    await house.clock.advance(1)
    running.cancel()
    assert [Reply(DONE, "一二三。")] == list(house.platform.messages.values())
    assert len(house.platform.log) == 2


async def test_no_message_stays_writing_for_ever(house: House) -> None:
    """A reply whose job was cancelled while the process died does not keep its mark."""
    house.outbox.show(house.job, Reply(WRITING, "一"))
    await house.clock.advance(1)
    house.finish(state=JobState.CANCELLED)
    running = asyncio.create_task(house.restarted().run())
    await house.clock.advance(1)
    running.cancel()
    assert [Reply(ReplyState.CANCELLED, "一", interactive=False)] == list(house.platform.messages.values())


async def test_messages_that_are_no_longer_needed_say_so(house: House) -> None:
    """A second attempt that is shorter than the first leaves no old text behind."""
    house.platform.limits = Limits(max_units=30, changes_per_period=100, period_s=1)
    house.outbox.show(house.job, Reply(WRITING, "一" * 50))
    await house.clock.advance(1)
    house.outbox.show(house.job, Reply(DONE, "短い。"))
    await house.clock.advance(1)
    assert house.platform.texts == ["短い。", "…"]


async def test_a_late_word_does_not_cover_the_end(house: House) -> None:
    """The queue's news come after a job's end only by accident."""
    house.platform.errors = [RetryLater("429")]
    house.outbox.show(house.job, Reply(DONE, "終わり。"))
    await settle()
    house.outbox.show(house.job, Reply(ReplyState.WAITING, note="前に1件"))
    await house.clock.advance(5)
    assert [Reply(DONE, "終わり。")] == list(house.platform.messages.values())


async def test_closing_sends_what_is_pending(house: House) -> None:
    """Close waits for the texts that can be sent in time."""
    house.outbox.show(house.job, Reply(WRITING, "一"))
    await house.outbox.close(5)
    assert house.platform.texts == ["一"]


async def test_a_platform_that_is_gone_is_no_error(house: House) -> None:
    """A job of a platform that is no longer set up is finished without showing it."""
    outbox = Outbox(house.store, {}, house.clock)
    outbox.show(house.job, Reply(DONE, "一。"))
    await outbox.prepare(house.job, Reply(DONE, "一。"))
    await outbox.flush("j")
    assert house.platform.texts == []


class TestRetiring:
    """Taking the buttons from replies that the story has left behind."""

    @staticmethod
    async def _shown(house: House, job: Job, text: str) -> None:
        house.outbox.show(job, Reply(DONE, text, passage=f"{job.id}.0"))
        await house.clock.advance(2)
        house.finish(job.id)

    async def test_a_reply_that_is_first_posted_retires_the_others(self, house: House) -> None:
        """Of its own room; their text stays."""
        await self._shown(house, house.job, "一。")
        elsewhere = house.store.add("s", room="s")
        await self._shown(house, elsewhere, "二。")
        await self._shown(house, house.store.add("k"), "三。")
        await house.clock.advance(2)
        assert [(draft.text, draft.interactive) for draft in house.platform.messages.values()] == [
            ("一。", False),
            ("二。", True),
            ("三。", True),
        ]
        assert [row.job_id for row in await house.store.outbox.interactive_in(house.job.room)] == ["k"]

    async def test_one_may_keep_them(self, house: House) -> None:
        """The reply that the story ends with."""
        await self._shown(house, house.job, "一。")
        await house.outbox.remove_buttons(house.job.room, but="j")
        await house.clock.advance(5)
        assert [kind for kind, _ in house.platform.log] == ["post"]

    async def test_a_reply_under_way_keeps_its_own(self, house: House) -> None:
        """It can still be stopped."""
        house.outbox.show(house.job, Reply(WRITING, "一。"))
        await house.clock.advance(2)
        await house.outbox.remove_buttons(house.job.room)
        await house.clock.advance(5)
        assert [draft.interactive for draft in house.platform.messages.values()] == [True]

    async def test_a_last_text_on_its_way_comes_without_them(self, house: House) -> None:
        """It is not first shown with buttons and then without."""
        house.platform.errors = [RetryLater("429", after_s=5)]
        house.outbox.show(house.job, Reply(DONE, "一。"))
        await settle()
        await house.outbox.remove_buttons(house.job.room)
        await house.clock.advance(10)
        assert house.platform.log == [("post", Reply(DONE, "一。", interactive=False))]

    async def test_it_waits_for_what_people_read(self, house: House) -> None:
        """A new reply's text goes before an old one's buttons."""
        await self._shown(house, house.job, "一。")
        other = house.store.add("k")
        await house.outbox.remove_buttons(house.job.room)
        house.outbox.show(other, Reply(WRITING, "二"))
        await house.clock.advance(5)
        assert [draft.text for _, draft in house.platform.log] == ["一。", "二", "一。"]

    async def test_it_survives_the_process(self, house: House) -> None:
        """A process that ended before it took the buttons leaves that to the next one."""
        await self._shown(house, house.job, "一。")
        house.platform.errors = [RetryLater("down", after_s=1000)]
        await house.outbox.remove_buttons(house.job.room)
        await house.clock.advance(1)
        await house.outbox.close(0)
        running = asyncio.create_task(house.restarted().run())
        await house.clock.advance(5)
        running.cancel()
        assert [draft.interactive for draft in house.platform.messages.values()] == [False]

    async def test_a_message_that_is_gone_is_not_tried_again(self, house: House) -> None:
        """Nor does it hold up the room."""
        await self._shown(house, house.job, "一。")
        house.platform.errors = [Undeliverable("unknown message")]
        await house.outbox.remove_buttons(house.job.room)
        await house.clock.advance(2)
        calls = house.platform.calls
        await house.outbox.remove_buttons(house.job.room)
        await house.clock.advance(5)
        assert house.platform.calls == calls
        assert not await house.store.outbox.interactive_in(house.job.room)

    async def test_they_come_back(self, house: House) -> None:
        """A reply that is over is shown anew in its own message."""
        await self._shown(house, house.job, "一。")
        await house.outbox.remove_buttons(house.job.room)
        await house.clock.advance(2)
        house.outbox.show(house.job, Reply(DONE, "二。", passage="j.1"))
        await house.clock.advance(2)
        assert list(house.platform.messages.values()) == [Reply(DONE, "二。", passage="j.1")]

    async def test_only_the_last_message_of_a_long_reply_has_them(self, house: House) -> None:
        """And taking them changes that message alone."""
        house.platform.limits = Limits(max_units=30, changes_per_period=100, period_s=1)
        await self._shown(house, house.job, "彼は戸を開けて中を見た。" * 5)
        lives = [draft.interactive for draft in house.platform.messages.values()]
        assert lives == [False] * (len(lives) - 1) + [True]
        before = len(house.platform.log)
        await house.outbox.remove_buttons(house.job.room)
        await house.clock.advance(5)
        assert len(house.platform.log) == before + 1
        assert not any(draft.interactive for draft in house.platform.messages.values())


async def test_what_nobody_sees_costs_no_edit(house: House) -> None:
    """Earlier messages of a reply are noted as a passage's, and not sent again for that."""
    house.platform.limits = Limits(max_units=30, changes_per_period=100, period_s=1)
    text = "".join(f"彼は{number}番目の戸を開けた。" for number in range(4))
    house.outbox.show(house.job, Reply(WRITING, text))
    await house.clock.advance(2)
    sent = len(house.platform.log)
    house.outbox.show(house.job, Reply(DONE, text, passage="j.0"))
    await house.clock.advance(2)
    assert len(house.platform.log) == sent + 1
    assert {row.reply.passage for row in await house.store.outbox.of_job("j")} == {"j.0"}
    assert all(row.delivered for row in await house.store.outbox.of_job("j"))
