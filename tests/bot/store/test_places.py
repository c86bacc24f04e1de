"""A story's order is its thread's: a reply stands where it began, what was written meanwhile behind it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.errors import NoOpenJob, PassageGone, StoryBusy, StoryMoved
from bot.domain.jobs import GenerationOptions, Job, JobState
from bot.domain.replies import OutboxRow, Reply, ReplyState
from bot.domain.story import ReplyInProgress, Story
from bot.store import Store
from tests.bot.store.told import BEN, ROOM, asked, says, texts, told, tried_again, went_on, wrote

ALL = ["一。", "二。", "三。", "四。"]


async def begun(store: Store, name: str, text: str = "一。") -> Job:
    """A job that somebody asked for with a text, and that is being written."""
    await asked(store, name, text=text)
    job = await store.jobs.claim(name)
    assert job is not None
    return job


def read(story: Story) -> list[str]:
    """The story, passage by passage."""
    return [passage.text for passage in story.passages]


async def test_a_reply_stands_before_what_was_written_meanwhile(store: Store) -> None:
    """In the order of the thread, which ends with the latter; nothing is lost and nothing is empty."""
    await begun(store, "j1")
    await wrote(store, "三。", "四。", author=BEN)

    (reply,) = await store.jobs.complete("j1", ["二。"])

    story = await told(store)
    assert read(story) == ALL
    assert story.passages[1] == reply
    assert (story.head, story.hangs_on, story.alternatives) == (story.passages[-1].id, reply.id, 0)
    parents = {passage.id: passage.parent_id for passage in await store.passages.of_story(story.id)}
    assert [parents[one.id] for one in story.passages] == [None, *(one.id for one in story.passages[:-1])]
    assert len(parents) == 4


async def test_what_is_written_meanwhile_is_read_at_once(store: Store) -> None:
    """Until the reply is there it follows what came before; no place is seen in between."""
    await begun(store, "j1")
    await wrote(store, "三。")

    story = await told(store)

    assert (read(story), len(await store.passages.of_story(story.id)), story.hangs_on) == (
        ["一。", "三。"],
        2,
        None,
    )


async def test_the_first_reply_of_a_story_begins_it(store: Store) -> None:
    """A story without a passage has a place as well."""
    await store.messages.receive(says("", "e1"), GenerationOptions(), "j1", 0)
    await store.jobs.claim("j1")
    await wrote(store, "二。")

    await store.jobs.complete("j1", ["一。"])

    assert await texts(store) == ["一。", "二。"]
    assert (await store.stories.before_reply("j1")).passages == ()


async def test_every_attempt_reads_up_to_the_place(store: Store) -> None:
    """Also after the worker died and the bot was restarted; what is noted of the story is of now."""
    await begun(store, "j1")
    before = await store.stories.before_reply("j1")
    await wrote(store, "三。")
    await store.stories.rename(before.id, "題")

    for _ in range(2):
        await store.jobs.release("j1")
        assert await store.jobs.claim("j1") is not None
        assert await store.stories.before_reply("j1") == replace(before, title="題")

    assert read(before) == ["一。"]
    await store.jobs.complete("j1", ["二。"])
    assert await texts(store) == ["一。", "二。", "三。"]


async def test_a_job_that_the_worker_did_not_take_has_no_place(store: Store) -> None:
    """What is written until it really begins is gone on from; one that did begin keeps its place."""
    await begun(store, "j1")
    await store.jobs.release("j1", begun=False)
    await wrote(store, "二。")
    await store.jobs.claim("j1")
    assert read(await store.stories.before_reply("j1")) == ["一。", "二。"]

    await store.jobs.release("j1")
    await wrote(store, "四。")
    await store.jobs.claim("j1")
    await store.jobs.release("j1", begun=False)
    await store.jobs.claim("j1")

    assert read(await store.stories.before_reply("j1")) == ["一。", "二。"]
    await store.jobs.complete("j1", ["三。"])
    assert await texts(store) == ALL


async def test_before_it_begins_a_job_reads_all(store: Store) -> None:
    """And there is nothing to read for one that never was."""
    await asked(store, "j1", text="一。")
    await wrote(store, "二。")

    assert read(await store.stories.before_reply("j1")) == ["一。", "二。"]
    with pytest.raises(NoOpenJob):
        await store.stories.before_reply("nobody's")


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
async def test_what_was_written_meanwhile_survives_the_reply(store: Store, state: JobState) -> None:
    """It follows what came before, and the story goes on from it and is undone as if nothing had been."""
    await begun(store, "j1")
    await wrote(store, "三。")

    await store.jobs.finish("j1", state)

    story = await told(store)
    assert (read(story), story.hangs_on) == (["一。", "三。"], None)
    assert read(await store.history.undo(story.id)) == ["一。"]
    assert await store.history.redo(story.id) == story
    await went_on(store, "j2", "四。")
    assert await texts(store) == ["一。", "三。", "四。"]


async def test_moves_are_refused_while_a_story_is_written(store: Store) -> None:
    """Choosing is one of them; afterwards it is not."""
    first, second = await went_on(store, "j1", "一。", "壱。")
    await store.messages.receive(says("", "e2"), GenerationOptions(), "j2", 0)

    for _ in ("waiting", "running"):
        with pytest.raises(StoryBusy):
            await store.history.choose(first.story_id, second.id)
        await store.jobs.claim("j2")

    await store.jobs.finish("j2", JobState.FAILED)
    assert read(await store.history.choose(first.story_id, second.id)) == ["壱。"]


async def test_undoing_goes_back_one_by_one(store: Store) -> None:
    """First what was written meanwhile, then the reply; redoing restores the same."""
    await begun(store, "j1")
    await wrote(store, "三。")
    await store.jobs.complete("j1", ["二。"])
    story = await told(store)

    lengths = [len((await store.history.undo(story.id)).passages) for _ in range(3)]
    again = [await store.history.redo(story.id) for _ in range(3)]

    assert lengths == [2, 1, 0]
    assert again[-1] == story


async def test_a_reply_is_undone_with_what_hangs_on_it(store: Store) -> None:
    """Who presses the button under it means it, not what stands below; both come back."""
    await begun(store, "j1")
    await wrote(store, "三。")
    (reply,) = await store.jobs.complete("j1", ["二。"])
    story = await told(store)

    assert read(await store.history.undo(story.id, reply.id)) == ["一。"]
    with pytest.raises(StoryMoved):
        await store.history.undo(story.id, reply.id)
    await store.history.redo(story.id)
    assert await store.history.redo(story.id) == story


async def test_another_candidate_takes_it_along(store: Store) -> None:
    """It stands behind whichever is chosen; going back and forth is as if it had always been this one."""
    await begun(store, "j1")
    await wrote(store, "三。", "四。")
    first, second = await store.jobs.complete("j1", ["二。", "弐。"])
    before = await told(store)
    assert before.alternatives == 1

    story = await store.history.choose(first.story_id, second.id)

    assert (read(story), story.hangs_on) == (["一。", "弐。", "三。", "四。"], second.id)
    for _ in range(3):
        await store.history.undo(story.id)
    for _ in range(3):
        await store.history.redo(story.id)
    assert await told(store) == story
    assert await store.history.choose(first.story_id, first.id) == before
    assert await store.history.choose(first.story_id, first.id) == before
    assert len(await store.passages.of_story(story.id)) == 5


async def test_the_candidate_that_was_left_leads_nowhere(store: Store) -> None:
    """What hung on it is no longer behind it: redoing from there finds nothing."""
    await begun(store, "j1")
    await wrote(store, "三。")
    first, second = await store.jobs.complete("j1", ["二。", "弐。"])
    await store.history.choose(first.story_id, second.id)

    story = await store.history.go_to(first.story_id, first.id)

    assert (read(story), story.can_redo) == (["一。", "二。"], False)
    assert read(await store.history.go_to(first.story_id, second.id)) == ["一。", "弐。"]
    assert read(await store.history.redo(first.story_id)) == ["一。", "弐。", "三。"]


async def test_what_was_written_after_the_end_keeps_the_candidate(store: Store) -> None:
    """Whoever read the reply went on from it: neither another one nor another try is for that place now."""
    await begun(store, "j1")
    await wrote(store, "三。")
    first, second = await store.jobs.complete("j1", ["二。", "弐。"])
    await wrote(store, "四。")

    with pytest.raises(StoryMoved):
        await store.history.choose(first.story_id, second.id)
    for message in (replace(says("", "e9"), after=first.id), says("", "e8")):
        with pytest.raises(StoryMoved):
            await store.messages.receive(message, GenerationOptions(instead_of=first.id), "j2", 0)
    assert ((await told(store)).hangs_on, await texts(store)) == (None, ALL)


async def test_only_what_is_there_is_chosen(store: Store) -> None:
    """Neither a deleted passage, nor another story's, nor one that stands elsewhere."""
    one, two = await wrote(store, "一。", "二。")
    first, second = await went_on(store, "j1", "三。", "参。")
    await store.passages.delete(second.id)

    for passage_id in (second.id, "nothing"):
        with pytest.raises(PassageGone):
            await store.history.choose(first.story_id, passage_id)
    with pytest.raises(StoryMoved):
        await store.history.choose(first.story_id, one.id)
    assert (await told(store)).head == first.id
    assert two.id == first.parent_id


async def test_a_candidate_is_chosen_for_a_deleted_one(store: Store) -> None:
    """Whether or not somebody wrote meanwhile, which stays."""
    await begun(store, "j1")
    (meanwhile,) = await wrote(store, "三。")
    first, second, third = await store.jobs.complete("j1", ["二。", "弐。", "Ⅱ。"])
    await store.passages.delete(first.id)
    assert (await told(store)).hangs_on is None

    assert read(await store.history.choose(first.story_id, second.id)) == ["一。", "弐。", "三。"]
    await store.passages.delete(meanwhile.id)
    await store.passages.delete(second.id)
    assert read(await store.history.choose(first.story_id, third.id)) == ["一。", "Ⅱ。"]


async def test_a_button_under_the_reply_goes_on_behind_both(store: Store) -> None:
    """Nobody pressed late who sees the reply with its buttons."""
    await begun(store, "j1")
    await wrote(store, "三。")
    (reply,) = await store.jobs.complete("j1", ["二。"])

    await store.messages.receive(replace(says("", "press"), after=reply.id), GenerationOptions(), "j2", 0)
    await store.jobs.claim("j2")

    assert read(await store.stories.before_reply("j2")) == ["一。", "二。", "三。"]
    await store.jobs.complete("j2", ["四。"])
    assert await texts(store) == ALL


async def test_another_try_wins_over_what_was_written_meanwhile(store: Store) -> None:
    """While it waited or was written: it stands in the place of the first, and they stand behind it."""
    await wrote(store, "一。")
    (two,) = await went_on(store, "j1", "二。")
    await store.messages.receive(says("", "retry"), GenerationOptions(instead_of=two.id), "j2", 0)
    await wrote(store, "三。")
    job = await store.jobs.claim("j2")
    await wrote(store, "四。")
    assert job is not None
    assert (job.moved, read(await store.stories.before_reply("j2"))) == (0, ["一。"])

    again, other = await store.jobs.complete("j2", ["弐。", "Ⅱ。"])

    story = await told(store)
    assert (read(story), story.hangs_on) == (["一。", "弐。", "三。", "四。"], again.id)
    assert list(await store.passages.alternatives(two.id)) == [two, again, other]
    assert read(await store.history.choose(two.story_id, two.id)) == ALL


async def test_another_try_of_a_reply_takes_along_what_hangs_on_it(store: Store) -> None:
    """It is another reply in the same place."""
    await begun(store, "j1")
    await wrote(store, "三。")
    (two,) = await store.jobs.complete("j1", ["二。"])

    await tried_again(store, "j2", two.id, "弐。")

    assert await texts(store) == ["一。", "弐。", "三。"]


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
async def test_another_try_that_fails_changes_nothing(store: Store, state: JobState) -> None:
    """What was written meanwhile stands behind the first."""
    await wrote(store, "一。")
    (two,) = await went_on(store, "j1", "二。")
    await store.messages.receive(says("", "retry"), GenerationOptions(instead_of=two.id), "j2", 0)
    await store.jobs.claim("j2")
    await wrote(store, "三。")

    await store.jobs.finish("j2", state)

    assert await texts(store) == ["一。", "二。", "三。"]


async def test_another_try_behind_which_the_model_went_on_is_an_alternative(store: Store) -> None:
    """A reply that read the first is not put behind something else."""
    await wrote(store, "一。")
    (two,) = await went_on(store, "j1", "二。")
    await store.messages.receive(says("", "more"), GenerationOptions(), "j2", 0)
    await store.messages.receive(says("", "retry"), GenerationOptions(instead_of=two.id), "j3", 0)
    await store.jobs.claim("j2")
    await store.jobs.complete("j2", ["三。"])
    await store.jobs.claim("j3")
    await wrote(store, "四。")
    assert read(await store.stories.before_reply("j3")) == ["一。"]

    (again,) = await store.jobs.complete("j3", ["弐。"])

    assert await texts(store) == ALL
    assert list(await store.passages.alternatives(two.id)) == [two, again]


async def test_two_tries_at_once_stand_beside_each_other(store: Store) -> None:
    """Each in the place of the first, the later one read; what was written meanwhile behind that."""
    await wrote(store, "一。")
    (two,) = await went_on(store, "j1", "二。")
    for name in ("j2", "j3"):
        await store.messages.receive(says("", name), GenerationOptions(instead_of=two.id), name, 0)
    await store.jobs.claim("j2")
    await wrote(store, "三。")
    await store.jobs.complete("j2", ["弐。"])
    await store.jobs.claim("j3")

    await store.jobs.complete("j3", ["Ⅱ。"])

    assert await texts(store) == ["一。", "Ⅱ。", "三。"]
    assert [one.text for one in await store.passages.alternatives(two.id)] == ["二。", "弐。", "Ⅱ。"]


async def test_a_second_job_stands_behind_the_first_and_all_written_since(store: Store) -> None:
    """Its own message was written while the first was, so it stands behind that."""
    await begun(store, "j1")
    await asked(store, "j2", text="三。")
    await wrote(store, "四。")
    await store.jobs.complete("j1", ["二。"])

    await store.jobs.claim("j2")
    await wrote(store, "六。")
    await store.jobs.complete("j2", ["五。"])

    assert await texts(store) == [*ALL, "五。", "六。"]


async def test_of_a_story_one_job_is_begun_at_a_time(store: Store) -> None:
    """While the first runs, or waits to be gone on with, another would have no place behind it."""
    await begun(store, "j1")
    await asked(store, "j2", text="三。")

    with pytest.raises(StoryBusy):
        await store.jobs.claim("j2")
    await store.jobs.release("j1")
    with pytest.raises(StoryBusy):
        await store.jobs.claim("j2")

    job = await store.jobs.get("j2")
    assert job is not None
    assert (job.state, job.attempts) == (JobState.WAITING, 0)
    await store.jobs.claim("j1")
    await store.jobs.complete("j1", ["二。"])
    assert await store.jobs.claim("j2") is not None


async def test_passages_are_changed_while_a_reply_is_written(store: Store) -> None:
    """Before the place and behind it: those that were deleted are no place and leave none."""
    await wrote(store, "零。")
    await asked(store, "j1", text="消。")
    await store.jobs.claim("j1")
    story = await told(store)
    gone, three = await wrote(store, "消。", "参。")
    await store.passages.delete(story.passages[-1].id)
    await store.passages.delete(gone.id)
    await store.passages.edit(three.id, "二。")

    (reply,) = await store.jobs.complete("j1", ["一。"])

    assert await texts(store) == ["零。", "一。", "二。"]
    assert (await told(store)).hangs_on == reply.id


async def test_what_was_deleted_meanwhile_is_not_the_end(store: Store) -> None:
    """The story ends with the reply."""
    await begun(store, "j1")
    (gone,) = await wrote(store, "消。")
    await store.passages.delete(gone.id)

    (reply,) = await store.jobs.complete("j1", ["二。"])

    story = await told(store)
    assert (read(story), story.head, story.hangs_on) == (["一。", "二。"], reply.id, None)


async def test_what_was_forgotten_meanwhile_leaves_no_place(store: Store) -> None:
    """Whoever takes their words back, the reply stands where it stood."""
    await begun(store, "j1")
    await wrote(store, "消。", author=BEN)
    await wrote(store, "三。")
    await store.authors.forget(BEN)

    await store.jobs.complete("j1", ["二。"])

    assert await texts(store) == ["一。", "二。", "三。"]


class TestTheWaitingSign:
    """Whether a reply's message has to be posted anew, below what people wrote."""

    @staticmethod
    async def _moved(store: Store, name: str) -> int:
        job = await store.jobs.claim(name)
        assert job is not None
        assert job == await store.jobs.get(name)
        return job.moved

    async def test_it_stays_where_nothing_stands_below(self, store: Store) -> None:
        """What was written before the sign, and what was taken back, is nothing."""
        await wrote(store, "一。")
        await asked(store, "j1", text="二。")
        (gone,) = await wrote(store, "消。")
        await store.passages.delete(gone.id)

        assert await self._moved(store, "j1") == 0

    async def test_it_is_left_where_somebody_wrote(self, store: Store) -> None:
        """Once: what is written from then on stands behind the reply."""
        await asked(store, "j1", text="一。")
        await wrote(store, "二。", author=BEN)

        assert await self._moved(store, "j1") == 1

        await wrote(store, "四。")
        await store.jobs.release("j1")
        assert await self._moved(store, "j1") == 1
        assert read(await store.stories.before_reply("j1")) == ["一。", "二。"]

    async def test_it_is_left_again_after_a_worker_that_was_busy(self, store: Store) -> None:
        """Each time somebody wrote since."""
        await asked(store, "j1", text="一。")
        for number, text in enumerate(("二。", "三。"), start=1):
            await wrote(store, text)
            assert await self._moved(store, "j1") == number
            await store.jobs.release("j1", begun=False)

        assert await self._moved(store, "j1") == 2

    async def test_a_reply_above_it_is_nothing_below(self, store: Store) -> None:
        """The first reply's message was there before the second's sign, also with what was written since."""
        first = await begun(store, "j1")
        await self._posted(store, first, "m1")
        second = await asked(store, "j2", text="三。")
        await self._posted(store, second, "m2")
        await store.jobs.complete("j1", ["二。"])

        assert await self._moved(store, "j2") == 0

    async def test_a_reply_that_goes_on_below_it_is(self, store: Store) -> None:
        """A long one takes more messages; its last stands below the sign of the next."""
        first = await begun(store, "j1")
        await self._posted(store, first, "m1")
        second = await asked(store, "j2", text="三。")
        await self._posted(store, second, "m2")
        await self._posted(store, first, "m3", part=1)
        await store.jobs.complete("j1", ["二。"])

        assert await self._moved(store, "j2") == 1

    @pytest.mark.parametrize("posted", [False, True])
    async def test_a_reply_that_is_being_posted_below_it_is(self, store: Store, posted: bool) -> None:
        """One that left its own sign, until its message is there."""
        first = await asked(store, "j1", text="一。")
        await self._posted(store, first, "m1")
        second = await asked(store, "j2", text="二。")
        assert await self._moved(store, "j1") == 1
        if posted:
            await self._posted(store, first, "m2", moved=1)
        await self._posted(store, second, "m3")
        await store.jobs.complete("j1", ["三。"])

        assert await self._moved(store, "j2") == (0 if posted else 1)

    async def test_signs_of_those_who_come_after_are_nothing(self, store: Store) -> None:
        """They stand below, as they should."""
        await wrote(store, "一。")
        for number in range(2):
            await store.messages.receive(says("", f"more {number}"), GenerationOptions(), f"j{number}", 0)
            job = await store.jobs.get(f"j{number}")
            assert job is not None
            await self._posted(store, job, f"m{number}")

        assert await self._moved(store, "j0") == 0

    @staticmethod
    async def _posted(store: Store, job: Job, message_id: str, part: int = 0, moved: int = 0) -> None:
        draft = Reply(ReplyState.WAITING, job=job.id)
        row = OutboxRow(job.id, part, ROOM, message_id, draft, delivered=False, moved=moved)
        for _ in range(2):  # what is said of a message later does not post it later
            await store.outbox.save(row)


async def test_a_story_tells_what_was_begun_behind_which_passage(store: Store) -> None:
    """From the claim to the end, over attempts, whatever is written or deleted meanwhile."""
    (one,) = await wrote(store, "一。")
    await asked(store, "j1", text="二。")
    assert (await told(store)).reply_in_progress is None
    await store.jobs.claim("j1")
    two = (await told(store)).passages[-1]
    await wrote(store, "四。")
    assert (await told(store)).reply_in_progress == ReplyInProgress("j1", two.id)
    await store.jobs.release("j1")
    assert (await told(store)).reply_in_progress == ReplyInProgress("j1", two.id)
    await store.passages.delete(two.id)
    assert (await told(store)).reply_in_progress == ReplyInProgress("j1", one.id)
    await store.passages.delete(one.id)
    assert (await told(store)).reply_in_progress == ReplyInProgress("j1", None)
    await store.jobs.claim("j1")
    await store.jobs.complete("j1", ["三。"])
    assert (await told(store)).reply_in_progress is None


async def test_another_try_is_begun_behind_what_it_replaces(store: Store) -> None:
    """And behind what people said of that, but before what hangs on it or is written meanwhile."""
    await begun(store, "j1")
    await wrote(store, "三。")
    (two,) = await store.jobs.complete("j1", ["二。"])
    await store.messages.receive(says("", "retry"), GenerationOptions(instead_of=two.id), "j2", 0)
    await store.jobs.claim("j2")
    await wrote(store, "四。")
    assert (await told(store)).reply_in_progress == ReplyInProgress("j2", two.id)
    await store.jobs.complete("j2", ["弐。"])
    assert await texts(store) == ["一。", "弐。", "三。", "四。"]

    await store.stories.begin(ROOM)
    await wrote(store, "一。")
    (reply,) = await went_on(store, "j3", "二。")
    (aside,) = await wrote(store, "（（うーん。））")
    await store.messages.receive(says("", "again"), GenerationOptions(instead_of=reply.id), "j4", 0)
    await store.jobs.claim("j4")
    await wrote(store, "三。")
    assert (await told(store)).reply_in_progress == ReplyInProgress("j4", aside.id)
    await store.passages.delete(aside.id)
    await store.passages.delete(reply.id)
    assert (await told(store)).reply_in_progress == ReplyInProgress("j4", reply.parent_id)
