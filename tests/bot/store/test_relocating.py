"""Stories that go on in another room, and passages that another message shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.domain.chat import Room
from bot.domain.errors import StoryBusy
from bot.domain.jobs import GenerationOptions, JobState
from bot.domain.replies import OutboxRow, Reply, ReplyState
from bot.store import Store
from tests.bot.store.told import AKI, BEN, ELSEWHERE, ROOM, asked, says, texts, told, went_on, wrote

CHANNEL = replace(ELSEWHERE, parent_scopes=("guild/1", "channel/sea"), adult=True)
BEFORE = datetime(2020, 1, 1, tzinfo=UTC)


async def test_a_story_moves_with_its_jobs_and_what_they_show(store: Store) -> None:
    """Also while it is being written; nothing of it is left in the former room."""
    job = await asked(store, "j1")
    await store.jobs.claim("j1")
    row = OutboxRow("j1", 0, ROOM, None, Reply(ReplyState.WRITING, "雨", job="j1"), delivered=False)
    await store.outbox.save(row)

    assert await store.stories.move(ROOM, CHANNEL)

    story = await told(store, CHANNEL)
    assert (story.id, story.room.parent_scopes, story.room.adult) == (
        job.story_id,
        CHANNEL.parent_scopes,
        True,
    )
    assert await store.stories.open_in(ROOM) is None
    moved = await store.jobs.get("j1")
    assert moved is not None
    assert (moved.room, moved.room.parent_scopes, moved.state) == (
        CHANNEL,
        CHANNEL.parent_scopes,
        JobState.RUNNING,
    )
    assert [one.room for one in await store.outbox.of_job("j1")] == [CHANNEL]
    assert await store.jobs.count_since("web", BEFORE, scope="channel/sea") == 1
    await store.jobs.complete("j1", ["風も出てきた。"])
    assert await texts(store, CHANNEL) == ["雨が降っている。", "風も出てきた。"]


async def test_the_other_rooms_story_is_closed_and_stays(store: Store) -> None:
    """A room tells one story at a time; what was told there can be opened again."""
    await wrote(store, "海は静かだ。", room=ELSEWHERE)
    former = await told(store, ELSEWHERE)
    await asked(store, "j1")

    await store.stories.move(ROOM, ELSEWHERE)

    assert await texts(store, ELSEWHERE) == ["雨が降っている。"]
    assert (await store.stories.get(former.id)).closed


async def test_a_story_that_is_being_written_is_not_closed_by_another(store: Store) -> None:
    """Nothing moves until it is done."""
    await asked(store, "j1", ELSEWHERE)
    await asked(store, "j2")

    with pytest.raises(StoryBusy):
        await store.stories.move(ROOM, ELSEWHERE)

    assert await texts(store) == ["雨が降っている。"]


async def test_a_move_that_was_made_is_not_made_again(store: Store) -> None:
    """A process that ends behind it finds nothing to move."""
    await wrote(store, "雨が降っている。")
    assert await store.stories.move(ROOM, ELSEWHERE)
    assert not await store.stories.move(ROOM, ELSEWHERE)
    assert not await store.stories.move(Room("web", "nowhere"), ELSEWHERE)
    assert await texts(store, ELSEWHERE) == ["雨が降っている。"]


async def test_another_message_shows_a_passage_from_now_on(store: Store) -> None:
    """The event stays heard, and is not what shows it: deleting that message deletes nothing."""
    heard = await store.messages.receive(says("雨が降っている。", "command"), GenerationOptions(), "j1", 7)

    shown = await store.messages.replace("web", "command", "m1")

    assert shown == heard.passage == await store.passages.by_message("web", "m1")
    assert await store.passages.by_message("web", "command") is None
    again = await store.messages.receive(says("雨が降っている。", "command"), GenerationOptions(), "j2", 7)
    assert again.repeated
    assert await store.messages.replace("web", "command", "m2") is None
    assert await texts(store) == ["雨が降っている。"]


async def test_the_writer_stays_who_they_are_under_another_name(store: Store) -> None:
    """Text and shown name are the proxy's; the person's asks and what is forgotten of them are theirs."""
    await store.messages.receive(says("A:雨が降っている。", "e1"), GenerationOptions(), "j1", 7)

    shown = await store.messages.replace("web", "e1", "m1", name="アカリ", text="雨が降っている。")

    assert shown is not None
    assert (shown.author, shown.author.name, shown.text) == (
        replace(AKI, name="アカリ"),
        "アカリ",
        "雨が降っている。",
    )
    assert not shown.edited
    assert (await told(store)).title == "雨が降っている"
    assert await store.jobs.count_since("web", BEFORE, author=AKI) == 1
    assert (await store.authors.forget(AKI)).passages == 1
    assert await texts(store) == []


async def test_what_shows_nothing_that_is_there_cannot_be_shown_by_another(store: Store) -> None:
    """Never heard, deleted, without a text, or in a story by itself already."""
    (passage,) = await wrote(store, "雨。")
    await store.passages.delete(passage.id)
    await went_on(store, "j1", "風。")
    await store.messages.receive(says("雪。", "e3", author=BEN), None, "", 0)
    await store.messages.receive(says("霧。", "m3"), None, "", 0)
    assert await store.messages.replace("web", "never", "m1") is None
    assert await store.messages.replace("web", "event of j1", "m2") is None
    assert await store.messages.replace("web", "e3", "m3") is None
    assert await texts(store) == ["風。", "雪。", "霧。"]
