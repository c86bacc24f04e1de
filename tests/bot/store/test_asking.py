"""Buttons: asks that belong under a certain passage, and ones that stand beside another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.chat import Room
from bot.domain.errors import PassageGone, StoryMoved
from bot.domain.jobs import GenerationOptions, JobState, Length
from bot.store import Store
from tests.bot.store.told import ELSEWHERE, ROOM, asked, says, texts, told, tried_again, went_on, wrote


async def test_a_button_under_the_last_passage_goes_on(store: Store) -> None:
    """The job is made, and no passage."""
    (one,) = await wrote(store, "一。")

    heard = await store.messages.receive(
        replace(says("", "press"), after=one.id), GenerationOptions(), "j1", 0
    )

    assert heard.job == await store.jobs.get("j1")
    assert (heard.passage, heard.repeated) == (None, False)


async def test_a_button_under_an_earlier_passage_is_late(store: Store) -> None:
    """Nothing is done or remembered of it."""
    one, _ = await wrote(store, "一。", "二。")

    with pytest.raises(StoryMoved):
        await store.messages.receive(replace(says("", "press"), after=one.id), GenerationOptions(), "j1", 0)

    assert await store.jobs.get("j1") is None
    assert await store.messages.find("web", "press") is None


async def test_a_button_of_a_closed_story_is_late(store: Store) -> None:
    """It begins no new story."""
    (one,) = await wrote(store, "一。")
    await store.stories.close((await told(store)).id)

    with pytest.raises(StoryMoved):
        await store.messages.receive(replace(says("", "press"), after=one.id), GenerationOptions(), "j1", 0)

    assert await store.stories.open_in(ROOM) is None


@pytest.mark.parametrize("running", [False, True])
async def test_two_people_press_a_button_once(store: Store, running: bool) -> None:
    """The second is told of the first one's job, and again when the platform repeats the press."""
    (one,) = await wrote(store, "一。")
    press = replace(says("", "first press"), after=one.id)
    await store.messages.receive(press, GenerationOptions(), "j1", 0)
    if running:
        await store.jobs.claim("j1")

    second = await store.messages.receive(
        replace(press, event_id="second press"), GenerationOptions(), "j2", 0
    )
    repeated = await store.messages.receive(
        replace(press, event_id="second press"), GenerationOptions(), "j3", 0
    )

    assert second == repeated
    assert second.repeated
    assert second.job == await store.jobs.get("j1")
    assert [job.id for job in await store.jobs.unfinished()] == ["j1"]


async def test_without_a_button_every_ask_counts(store: Store) -> None:
    """Two commands are two jobs."""
    await asked(store, "j1")
    await asked(store, "j2")

    assert [job.id for job in await store.jobs.unfinished()] == ["j1", "j2"]


async def test_another_try_stands_beside_the_first(store: Store) -> None:
    """Its candidates have the same parent, the first is read, and no line is broken for it."""
    (one,) = await wrote(store, "一。")
    (two,) = await went_on(store, "j1", "二。")

    again = await tried_again(store, "j2", two.id, "弐。", "Ⅱ。")

    assert [passage.parent_id for passage in again] == [one.id, one.id]
    story = await told(store)
    assert (story.passages, story.alternatives) == ((one, again[0]), 2)
    assert list(await store.passages.alternatives(two.id)) == [two, *again]


async def test_another_beginning_stands_beside_the_first(store: Store) -> None:
    """A first passage has no parent, and neither has what stands beside it."""
    (one,) = await wrote(store, "一。")

    (again,) = await tried_again(store, "j1", one.id, "壱。")

    assert again.parent_id is None
    assert await texts(store) == ["壱。"]
    await store.history.undo((await told(store)).id)
    assert (await store.history.redo((await told(store)).id)).head == again.id


async def test_another_try_of_a_deleted_passage_takes_its_place(store: Store) -> None:
    """Whoever deleted it while it was tried again reads the new one."""
    await wrote(store, "一。")
    (two,) = await went_on(store, "j1", "二。")
    await store.messages.receive(says("", "retry"), GenerationOptions(instead_of=two.id), "j2", 0)
    await store.passages.delete(two.id)

    await store.jobs.complete("j2", ["弐。"])

    assert await texts(store) == ["一。", "弐。"]


async def test_another_try_is_kept_once(store: Store) -> None:
    """Appending again gives the passages that are there, in their order."""
    await wrote(store, "一。")
    (two,) = await went_on(store, "j1", "二。")
    again = await tried_again(store, "j2", two.id, "弐。", "Ⅱ。")

    assert list(await store.jobs.complete("j2", ["other"])) == again


async def test_only_the_last_passage_is_tried_again(store: Store) -> None:
    """One that the story left behind is told apart from one that it never had."""
    one, _ = await wrote(store, "一。", "二。")
    (other,) = await wrote(store, "海。", room=ELSEWHERE)

    with pytest.raises(StoryMoved):
        await store.messages.receive(says("", "retry"), GenerationOptions(instead_of=one.id), "j1", 0)
    for passage_id in (other.id, "nothing"):
        with pytest.raises(PassageGone):
            await store.messages.receive(says("", "retry"), GenerationOptions(instead_of=passage_id), "j1", 0)

    assert await store.jobs.unfinished() == []


async def test_a_job_remembers_all_that_was_asked(store: Store) -> None:
    """A length in characters, the passage to replace, and whether scores are wanted."""
    (one,) = await wrote(store, "一。")
    asks = [
        GenerationOptions(300, "bold", 5, 2**63 - 1, one.id, scores=True),
        GenerationOptions(Length.SHORT, "steady", 1),
        GenerationOptions(),
    ]

    for number, ask in enumerate(asks):
        await store.messages.receive(says("", f"e{number}"), ask, f"j{number}", 0)

    jobs = [await store.jobs.get(f"j{number}") for number in range(3)]
    assert [job and job.options for job in jobs] == asks
    assert [type(job.options.length) for job in jobs if job] == [int, Length, int]


async def test_a_room_remembers_where_it_lies(store: Store) -> None:
    """As the last message had it; jobs and stories tell so, and it is no other room for it."""
    placed = Room("web", "moon", ("guild/1", "channel/2"), adult=True)
    await store.messages.receive(says("一。", "e1", placed), GenerationOptions(), "j1", 0)
    await store.messages.receive(says("二。", "e2", replace(placed, adult=False)), None, "", 0)

    story, job = await told(store), await store.jobs.get("j1")

    assert job is not None
    for room in (story.room, job.room):
        assert (room.parent_scopes, room.adult) == (("guild/1", "channel/2"), False)
    assert len(await store.stories.find("web")) == 1
    assert (await store.jobs.unfinished())[0].state is JobState.WAITING
