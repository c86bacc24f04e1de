"""Buttons stand under a story's last passage only, and messages show what became of theirs."""

from __future__ import annotations

import asyncio

import pytest

from bot.domain.chat import Room
from bot.domain.errors import NotYours, PassageGone, StoryMoved
from bot.domain.jobs import GenerationOptions
from bot.domain.replies import Candidate, ReplyState
from bot.domain.story import Story
from bot.store import Store
from bot.store.repositories.stories import StoryRepository
from tests.bot.core.services.told import AYA, BO, HALL, Told, telling
from tests.fakes.house import sentence


class TestButtons:
    """Which messages carry them."""

    async def test_a_newer_reply_takes_them(self, told: Told) -> None:
        """The older one keeps its text."""
        first = await told.hears("雨。")
        await told.buttons_under(first)

        second = await told.hears()

        await told.buttons_under(second)
        assert told.shown(first).text == sentence(0)

    async def test_a_persons_passage_takes_them(self, told: Told) -> None:
        """The story goes on from what that person wrote."""
        await told.hears("雨。")
        await told.services.generation.receive_message(told.message("風。", BO), None)
        await told.buttons_under()

    async def test_an_event_that_comes_again_takes_nothing(self, told: Told) -> None:
        """A late redelivery of what stands further up in the story is no news."""
        early = told.message("雨。")
        await told.services.generation.receive_message(early, None)
        first = await told.hears()

        await told.services.generation.receive_message(early, None)
        await told.outbox.flush(first.partition(".")[0])

        assert told.live == [first]

    async def test_undo_and_redo_move_them(self, told: Told) -> None:
        """They stand under the reply that the story ends with again."""
        first = await told.hears("雨。")
        second = await told.hears()

        await told.services.editing.undo(HALL, BO)
        await told.buttons_under(first)
        await told.services.editing.redo(HALL, BO)
        await told.buttons_under(second)

    async def test_undoing_a_persons_passage_brings_them_back(self, told: Told) -> None:
        """Under the reply before it."""
        first = await told.hears("雨。")
        await told.services.generation.receive_message(told.message("風。"), None)
        await told.buttons_under()

        await told.services.editing.undo(HALL, AYA)
        await told.buttons_under(first)

    async def test_undoing_the_first_reply_leaves_none(self, told: Told) -> None:
        """The story then ends with what a person wrote."""
        await told.hears("雨。")
        await told.services.editing.undo(HALL, AYA)
        await told.buttons_under()

    async def test_a_branch_brings_them_to_where_it_begins(self, told: Told) -> None:
        """However old that reply is."""
        first = await told.hears("雨。")
        await told.hears("風。")
        await told.hears("海。")

        await told.services.editing.branch(HALL, BO, first)
        await told.buttons_under(first)

    async def test_closing_and_opening_again(self, told: Told) -> None:
        """A closed story has none; one that is opened again has its own."""
        first = await told.hears("雨。")
        story = await told.services.editing.close(HALL, AYA)
        await told.buttons_under()
        await told.services.editing.reopen(HALL, AYA, story.id)
        await told.buttons_under(first)

    async def test_another_story_begins(self, told: Told) -> None:
        """The former one's reply has none any more."""
        await told.hears("雨。")
        await told.services.editing.begin(HALL, AYA, "海")
        await told.buttons_under()

    async def test_a_story_that_moved_to_another_room(self, told: Told) -> None:
        """Its message stays where it was, and nobody can go on from there."""
        await told.hears("雨。")
        elsewhere = Room("fake", "elsewhere")

        await told.services.editing.reopen(elsewhere, BO, (await told.story()).id)

        await told.buttons_under()
        assert await told.services.stories.open_in(HALL) is None

    async def test_of_two_waiting_replies_the_later_has_them(self, told: Told) -> None:
        """The first one is done while the second stands below it already."""
        told.engine.free.clear()
        first = await told.services.generation.receive_message(told.message("雨。"), GenerationOptions())
        second = await told.services.generation.receive_message(told.message("風。", BO), GenerationOptions())
        await told.platform.until(lambda: len(told.platform.messages) == 2)
        told.engine.free.set()

        passages = [await told.whole(first), await told.whole(second)]

        await told.buttons_under(passages[1])
        texts = [
            (draft.state, draft.interactive) for _, draft in told.platform.log if draft.passage == passages[0]
        ]
        assert texts[0] == (ReplyState.DONE, False)

    async def test_they_survive_a_restart_until_the_story_goes_on(self, store: Store) -> None:
        """The next process takes them from messages that it never sent."""
        async with telling(store) as before:
            first = await before.hears("雨。")
        async with telling(store) as after:
            after.platform.messages |= before.platform.messages
            after.platform.keys |= before.platform.keys
            assert after.live == [first]
            second = await after.hears()
            await after.buttons_under(second)

    async def test_a_message_that_is_gone_stops_nobody(self, told: Told) -> None:
        """Somebody deleted it on the platform; the next reply comes all the same."""
        first = await told.hears("雨。")
        message_id = told.platform.keys[f"{first.partition('.')[0]}:0"]
        told.platform.gone.add(message_id)
        told.platform.messages.pop(message_id)

        second = await told.hears()

        await told.buttons_under(second)
        assert [row.job_id for row in await told.store.outbox.interactive_in(HALL)] == [
            second.partition(".")[0]
        ]


class TestAsides:
    """What people say beside the story does not end it."""

    async def test_candidates_can_be_talked_about(self, told: Told) -> None:
        """The buttons stay where they are, and each of them does what it did."""
        first = await told.hears("雨。", GenerationOptions(candidates=3))
        job = first.partition(".")[0]
        await told.services.generation.receive_message(
            told.message("（（どれがいい？　私は海がいい））", BO), None
        )
        await told.buttons_under(first)
        assert (await told.story()).alternatives == 2

        await told.services.editing.choose(HALL, BO, f"{job}.1")
        await told.services.generation.receive_message(told.message("// それがいい"), None)
        await told.buttons_under(f"{job}.1")
        again = await told.whole(
            await told.services.generation.retry(told.message(after=f"{job}.1"), GenerationOptions())
        )

        assert await told.texts() == ["雨。", told.shown(again).text]
        assert told.engine.requests[-1].prompt == "雨。"

    async def test_undo_takes_them_with_the_passage_before(self, told: Told) -> None:
        """And redo brings both back."""
        first = await told.hears("雨。")
        await told.services.generation.receive_message(told.message("（（うーん））", BO), None)
        before = await told.story()

        assert [one.text for one in (await told.services.editing.undo(HALL, BO, after=first)).passages] == [
            "雨。"
        ]
        assert await told.services.editing.redo(HALL, BO) == before

    async def test_one_that_comes_while_the_model_writes(self, told: Told) -> None:
        """It stands behind the reply, as in the thread, and hangs on it; the buttons are there."""
        told.engine.free.clear()
        ticket = await told.services.generation.receive_message(
            told.message("昨日の夜、"), GenerationOptions(candidates=2)
        )
        await told.platform.until(lambda: told.writing(ticket))
        await told.services.generation.receive_message(told.message("（（いいね））", BO), None)
        told.engine.free.set()
        first = await told.whole(ticket)
        assert await told.texts() == ["昨日の夜、", sentence(0), "（（いいね））"]
        await told.buttons_under(first)

        await told.services.editing.choose(HALL, BO, first.replace(".0", ".1"))

        assert await told.texts() == ["昨日の夜、", sentence(1), "（（いいね））"]

    async def test_they_name_no_story(self, told: Told) -> None:
        """Its title comes from the first line that belongs to it."""
        await told.services.generation.receive_message(told.message("// みんな遅れてくる"), None)
        assert (await told.story()).title == ""
        await told.services.generation.receive_message(told.message("（（では））\n雨が降る。"), None)
        assert (await told.story()).title == "雨が降る"


class TestForgetting:
    """A person's words are gone from what people see, too."""

    async def test_what_they_made_of_a_reply(self, told: Told) -> None:
        """Its message reads as the model wrote it, choices and buttons as before."""
        first = await told.hears("雨。", GenerationOptions(candidates=2))
        job = first.partition(".")[0]
        await told.services.editing.edit(HALL, AYA, first, "秘密の番地。")
        await told.platform.until(lambda: told.shown(first).text == "秘密の番地。")

        await told.services.editing.forget(AYA)

        await told.platform.until(lambda: told.shown(first).text == sentence(0))
        await told.outbox.flush(job)
        assert told.shown(first).other_candidates == (Candidate(f"{job}.1", sentence(1)),)
        await told.buttons_under(first)
        assert ["秘密" in row.reply.text for row in await told.store.outbox.of_job(job)] == [False]


class TestAlternatives:
    """What else could stand there."""

    async def test_retry_keeps_the_former(self, told: Told) -> None:
        """The new one is the story's last; the model did not read the former."""
        first = await told.hears("雨。")
        second = await told.retries()

        assert await told.texts() == ["雨。", sentence(1)]
        assert [one.id for one in await told.services.passages.alternatives(second)] == [first, second]
        assert (await told.story()).alternatives == 1
        assert told.engine.requests[1].prompt == "雨。"
        await told.buttons_under(second)

    async def test_retry_after_a_person_goes_on(self, told: Told) -> None:
        """There is nothing of the model's to replace."""
        await told.hears("雨。")
        await told.services.generation.receive_message(told.message("風。"), None)
        await told.retries()
        assert await told.texts() == ["雨。", sentence(0), "風。", sentence(1)]

    async def test_two_retries_at_once(self, told: Told) -> None:
        """The second is the story's last as well, and both are kept."""
        first = await told.hears("雨。")
        told.engine.free.clear()  # else the first may be over, and the second too late
        tickets = [
            await told.services.generation.retry(told.message(by=by), GenerationOptions()) for by in (AYA, BO)
        ]
        told.engine.free.set()
        second, third = [await told.whole(ticket) for ticket in tickets]

        assert [request.prompt for request in told.engine.requests[1:]] == ["雨。", "雨。"]
        assert await told.texts() == ["雨。", told.shown(third).text]
        assert (await told.story()).head == third
        assert [one.id for one in await told.services.passages.alternatives(first)] == [first, second, third]
        await told.buttons_under(third)

    async def test_a_reply_comes_while_another_is_asked_for(
        self, told: Told, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who named no passage means whatever the story ends with by then."""
        first = await told.hears("雨。")
        told.engine.free.clear()
        early = await told.services.generation.retry(told.message(), GenerationOptions())
        read = told.store.stories.open_in

        async def slowly(_: StoryRepository, room: Room) -> Story | None:
            story = await read(room)
            monkeypatch.undo()
            told.engine.free.set()
            await told.whole(early)
            return story

        monkeypatch.setattr(StoryRepository, "open_in", slowly)
        late = await told.services.generation.retry(told.message(by=BO), GenerationOptions())

        assert early is not None
        third = await told.whole(late)
        assert (await told.story()).head == third
        beside = [one.id for one in await told.services.passages.alternatives(first)]
        assert beside == [first, f"{early.job_id}.0", third]

    async def test_a_person_writes_while_it_is_written_anew(self, told: Told) -> None:
        """The new one takes the place of the former, with the buttons; what they wrote stands behind it."""
        first = await told.hears("雨。")
        told.engine.free.clear()
        ticket = await told.services.generation.retry(told.message(), GenerationOptions())
        await told.services.generation.receive_message(told.message("風。", BO), None)
        told.engine.free.set()

        second = await told.whole(ticket)

        assert await told.texts() == ["雨。", sentence(1), "風。"]
        assert [one.id for one in await told.services.passages.alternatives(first)] == [first, second]
        await told.buttons_under(second)

    async def test_choosing_an_earlier_reply(self, told: Told) -> None:
        """Its message has the buttons again."""
        first = await told.hears("雨。")
        await told.retries()

        await told.services.editing.choose(HALL, BO, first)

        assert await told.texts() == ["雨。", sentence(0)]
        await told.buttons_under(first)

    async def test_choosing_a_candidate(self, told: Told) -> None:
        """The message shows it, with the others to choose from, and stands for it from then on."""
        first = await told.hears("雨。", GenerationOptions(candidates=3))
        job = first.partition(".")[0]
        assert told.shown(first).other_candidates == (
            Candidate(f"{job}.1", sentence(1)),
            Candidate(f"{job}.2", sentence(2)),
        )

        await told.services.editing.choose(HALL, BO, f"{job}.1")

        await told.buttons_under(f"{job}.1")
        assert told.shown(first).text == sentence(1)
        assert told.shown(first).other_candidates == (
            Candidate(f"{job}.0", sentence(0)),
            Candidate(f"{job}.2", sentence(2)),
        )
        assert await told.texts() == ["雨。", sentence(1)]
        message_id = told.platform.keys[f"{job}:0"]
        found = await told.services.passages.by_message("fake", message_id)
        assert found is not None
        assert found.id == f"{job}.1"

    async def test_choosing_what_does_not_stand_there(self, told: Told) -> None:
        """A button of an old passage does not throw away what came since; nonsense is no passage."""
        first = await told.hears("雨。", GenerationOptions(candidates=2))
        await told.hears()

        with pytest.raises(StoryMoved):
            await told.services.editing.choose(HALL, BO, first.replace(".0", ".1"))
        with pytest.raises(PassageGone):
            await told.services.editing.choose(HALL, BO, "nothing")

    async def test_choosing_after_what_followed_was_deleted(self, told: Told) -> None:
        """The story ends with the reply again, and its choices can be had as before."""
        first = await told.hears("雨。", GenerationOptions(candidates=3))
        second = await told.hears()
        await told.services.editing.delete(HALL, AYA, second)
        await told.buttons_under(first)
        assert (await told.story()).alternatives == 2

        other = first.replace(".0", ".1")
        await told.services.editing.choose(HALL, BO, other)

        await told.buttons_under(other)
        assert await told.texts() == ["雨。", sentence(1)]

    async def test_what_is_to_be_replaced_is_deleted_meanwhile(self, told: Told) -> None:
        """The new one stands in its place all the same, and the model read what was before it, not behind."""
        first = await told.hears("雨。")
        told.engine.free.clear()
        rooms = [Room("fake", f"room {number}") for number in range(2)]  # a job for each slot
        busy = [
            await told.services.generation.receive_message(
                told.message("月。", room=room), GenerationOptions()
            )
            for room in rooms
        ]
        ticket = await told.services.generation.retry(told.message(), GenerationOptions())
        await told.services.generation.receive_message(told.message("風。", BO), None)
        await told.services.editing.delete(HALL, AYA, first)
        told.engine.free.set()

        second = await told.whole(ticket)

        assert len([job for job in busy if job]) == 2
        assert told.engine.requests[-1].prompt == "雨。"
        assert [one.id for one in await told.services.passages.alternatives(first)] == [second]
        assert await told.texts() == ["雨。", told.shown(second).text, "風。"]


class TestChanges:
    """Passages that read otherwise."""

    async def test_the_asker_edits(self, told: Told) -> None:
        """What the model wrote for somebody is theirs to change; the message shows it."""
        first = await told.hears("雨。")

        await told.services.editing.edit(HALL, AYA, first, "雪。")

        await told.platform.until(lambda: told.shown(first).text == "雪。")
        assert await told.texts() == ["雨。", "雪。"]
        await told.buttons_under(first)
        assert (await told.services.passages.existing(first)).edited

    async def test_nobody_else_does(self, told: Told) -> None:
        """Nor takes it out."""
        first = await told.hears("雨。")
        with pytest.raises(NotYours):
            await told.services.editing.edit(HALL, BO, first, "雪。")
        with pytest.raises(NotYours):
            await told.services.editing.delete(HALL, BO, first)
        own = (await told.story()).passages[0].id
        with pytest.raises(NotYours):
            await told.services.editing.edit(HALL, BO, own, "雪。")

    async def test_an_older_passage_gets_no_buttons(self, told: Told) -> None:
        """Its text changes, what came after stays."""
        first = await told.hears("雨。")
        second = await told.hears()

        await told.services.editing.edit(HALL, AYA, first, "雪。")

        await told.platform.until(lambda: told.shown(first).text == "雪。")
        await told.buttons_under(second)

    async def test_a_candidate_that_is_not_shown(self, told: Told) -> None:
        """The message goes on showing the chosen one; the choice reads otherwise."""
        first = await told.hears("雨。", GenerationOptions(candidates=2))
        other = first.replace(".0", ".1")

        await told.services.editing.edit(HALL, AYA, other, "雪。")

        await told.platform.until(lambda: told.shown(first).other_candidates == (Candidate(other, "雪。"),))
        assert (told.shown(first).text, told.shown(first).passage) == (sentence(0), first)

    async def test_deleting_leaves_a_note(self, told: Told) -> None:
        """In the asker's language and without buttons; the story goes on from what was before."""
        first = await told.hears("雨。")
        story = await told.services.editing.delete(HALL, AYA, first)

        assert [passage.text for passage in story.passages] == ["雨。"]
        await told.platform.until(lambda: told.shown(first).note == "ja play.deleted")
        assert (told.shown(first).text, told.shown(first).interactive) == ("", False)
        with pytest.raises(PassageGone):
            await told.services.editing.delete(HALL, AYA, first)
        with pytest.raises(PassageGone):
            await told.services.passages.existing(first)

    async def test_deleting_an_older_passage_keeps_what_followed(self, told: Told) -> None:
        """The last reply keeps its buttons."""
        first = await told.hears("雨。")
        second = await told.hears("風。")

        await told.services.editing.delete(HALL, AYA, first)

        assert await told.texts() == ["雨。", "風。", sentence(1)]
        await told.platform.until(lambda: told.shown(first).note == "ja play.deleted")
        await told.outbox.flush(second.partition(".")[0])
        await told.buttons_under(second)
        assert all(draft.interactive for _, draft in told.platform.log if draft.passage == second)

    async def test_a_passage_of_another_story(self, told: Told) -> None:
        """It is not changed from here."""
        there = await told.hears("雨。", room=Room("fake", "elsewhere"))
        await told.hears("風。")
        with pytest.raises(PassageGone):
            await told.services.editing.edit(HALL, AYA, there, "雪。")


class TestPresses:
    """Buttons, pressed twice, by two, or too late."""

    async def test_pressed_twice(self, told: Told) -> None:
        """One job; whoever comes second gets its ticket."""
        first = await told.hears("雨。")
        told.engine.free.clear()
        tickets = [
            await told.services.generation.receive_message(
                told.message(by=by, after=first), GenerationOptions()
            )
            for by in (AYA, BO)
        ]
        told.engine.free.set()

        one, two = tickets
        assert one is not None
        assert two is not None
        assert (one.job_id, one.repeated, two.repeated) == (two.job_id, False, True)
        await told.whole(one)
        assert len(await told.texts()) == 3

    async def test_pressed_by_two_at_the_same_moment(self, told: Told) -> None:
        """Also where one wants more and the other wants it otherwise."""
        first = await told.hears("雨。")
        told.engine.free.clear()
        tickets = await asyncio.gather(
            told.services.generation.receive_message(told.message(after=first), GenerationOptions()),
            told.services.generation.retry(told.message(by=BO, after=first), GenerationOptions()),
        )
        told.engine.free.set()

        assert len({ticket.job_id for ticket in tickets if ticket}) == 1
        assert sorted(ticket.repeated for ticket in tickets if ticket) == [False, True]
        await told.whole(tickets[0])

    async def test_pressed_too_late(self, told: Told) -> None:
        """The story ends elsewhere; nothing is done."""
        first = await told.hears("雨。")
        second = await told.hears()

        with pytest.raises(StoryMoved):
            await told.services.generation.receive_message(told.message(after=first), GenerationOptions())
        with pytest.raises(StoryMoved):
            await told.services.generation.retry(told.message(after=first), GenerationOptions())
        with pytest.raises(StoryMoved):
            await told.services.editing.undo(HALL, BO, after=first)
        assert (await told.story()).head == second

    async def test_stopping_one_job(self, told: Told) -> None:
        """What was seen stays, the story goes on from it, and the message says so."""
        told.engine.free.clear()
        ticket = await told.services.generation.receive_message(told.message("雨。"), GenerationOptions())
        assert ticket is not None
        await told.platform.until(lambda: bool(told.shown(ticket.job_id).text))
        seen = told.shown(ticket.job_id).text

        assert await told.services.generation.stop(ticket.job_id, BO)

        await told.platform.until(lambda: told.shown(ticket.job_id).state is ReplyState.CANCELLED)
        assert told.shown(ticket.job_id).text == seen
        assert await told.texts() == ["雨。", seen]
        assert not await told.services.generation.stop(ticket.job_id, BO)
        assert not await told.services.generation.stop("nothing", BO)

    async def test_stopping_all_of_a_story(self, told: Told) -> None:
        """What was seen of the first reply is the story's last, and the buttons stand there alone."""
        told.engine.free.clear()
        first = await told.services.generation.receive_message(told.message("雨。"), GenerationOptions())
        second = await told.services.generation.receive_message(told.message("風。", BO), GenerationOptions())
        assert first is not None
        assert second is not None
        await told.platform.until(lambda: bool(told.shown(first.job_id).text))

        assert await told.services.generation.cancel(HALL, BO)

        for ticket in (first, second):
            await self._cancelled(told, ticket.job_id)
        assert (told.shown(first.job_id).interactive, told.shown(second.job_id).interactive) == (True, False)

    @staticmethod
    async def _cancelled(told: Told, job: str) -> None:
        await told.platform.until(lambda: told.shown(job).state is ReplyState.CANCELLED)
