"""Stories of a room, one after the other: begun, closed, opened again, named, annotated, listed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.domain.chat import Room
from bot.domain.errors import NoSuchStory, StoryBusy
from bot.domain.story import Lore, Notes
from bot.store import Store
from tests.bot.store.told import AKI, BEN, ELSEWHERE, ROOM, asked, says, texts, told, wrote

GUILD = Room("discord", "1", ("guild/1", "channel/2"))
OTHER_GUILD = Room("discord", "2", ("guild/12", "channel/3"))


async def test_a_story_can_be_begun(store: Store) -> None:
    """It is empty, has its title, and takes what is written from then on."""
    opened = await store.stories.begin(ROOM, "月の 話")

    assert await store.stories.open_in(ROOM) == opened
    assert (opened.title, opened.passages, opened.head, opened.closed) == ("月の 話", (), None, False)
    await wrote(store, "一。")
    assert (await told(store)).id == opened.id


async def test_beginning_a_story_closes_the_former(store: Store) -> None:
    """The former stays readable."""
    await wrote(store, "一。")
    former = await told(store)

    opened = await store.stories.begin(ROOM)

    closed = await store.stories.get(former.id)
    assert (closed.closed, closed.passages) == (True, former.passages)
    assert await store.stories.open_in(ROOM) == opened
    assert opened.id != former.id


async def test_a_closed_story_leaves_its_room(store: Store) -> None:
    """The next message begins another one; closing again changes nothing."""
    await wrote(store, "一。")
    former = await told(store)

    assert (await store.stories.close(former.id)).closed
    assert (await store.stories.close(former.id)).closed

    assert await store.stories.open_in(ROOM) is None
    await wrote(store, "二。")
    assert await texts(store) == ["二。"]


async def test_a_closed_story_can_be_gone_on_with(store: Store) -> None:
    """In its room, whose other one is closed by that, or in another room of the platform."""
    await wrote(store, "一。")
    first = await told(store)
    second = await store.stories.begin(ROOM)

    reopened = await store.stories.reopen(first.id, ROOM)
    assert (reopened.closed, reopened.passages) == (False, first.passages)
    assert (await store.stories.get(second.id)).closed

    moved = await store.stories.reopen(first.id, Room("web", "sea", ("folder/1",), adult=True))
    assert await store.stories.open_in(ROOM) is None
    assert await store.stories.open_in(ELSEWHERE) == moved
    assert (moved.room.parent_scopes, moved.room.adult) == (("folder/1",), True)


async def test_opening_an_open_story_again_keeps_it(store: Store) -> None:
    """It stays in its room."""
    await wrote(store, "一。")
    story = await told(store)

    assert await store.stories.reopen(story.id, ROOM) == story


async def test_a_story_stays_on_its_platform(store: Store) -> None:
    """Its people are not somewhere else."""
    await wrote(store, "一。")

    with pytest.raises(NoSuchStory):
        await store.stories.reopen((await told(store)).id, Room("slack", "x"))


async def test_a_story_that_is_being_written_stays_open(store: Store) -> None:
    """Neither it nor its place is taken from its job."""
    other = await store.stories.begin(ELSEWHERE)
    await asked(store, "j1")
    story = await told(store)

    for step in (
        store.stories.begin(ROOM),
        store.stories.close(story.id),
        store.stories.reopen(story.id, ELSEWHERE),
        store.stories.reopen(other.id, ROOM),
    ):
        with pytest.raises(StoryBusy):
            await step

    assert await told(store) == story
    assert await store.stories.open_in(ELSEWHERE) == other


async def test_a_room_has_one_open_story_whatever_happens_at_once(store: Store) -> None:
    """Of people who begin one at the same time, the last one's is open and nothing is lost."""
    await asyncio.gather(
        *(store.stories.begin(ROOM, f"{i}") for i in range(5)),
        *(store.messages.receive(says(f"{i}。", f"e{i}"), None, "", 0) for i in range(5)),
    )

    stories = await store.stories.find("web", room=ROOM)
    assert [story.closed for story in stories].count(False) == 1
    written = [passage.text for story in stories for passage in await store.passages.of_story(story.id)]
    assert sorted(written) == [f"{i}。" for i in range(5)]


async def test_a_story_gets_another_title(store: Store) -> None:
    """Exactly the given one."""
    await wrote(store, "一。")

    renamed = await store.stories.rename((await told(store)).id, "第一章。嵐の夜に\ud800")

    assert renamed.title == "第一章。嵐の夜に\ufffd"
    assert await told(store) == renamed


async def test_notes_are_kept_beside_the_story(store: Store) -> None:
    """They come back as they were written; what a writer left as they saw it stays as others made it."""
    story = await store.stories.begin(ROOM)
    assert story.notes == Notes()
    lore = (Lore(("王", "王様"), "王は老いている。\n", 2), Lore((), "", -1))

    noted = await store.stories.save_notes(story.id, Notes("昔話\x00", "静かに", lore), Notes())

    assert noted.notes == Notes("昔話\ufffd", "静かに", lore)
    assert await told(store) == noted
    changed = replace(noted.notes, note="速く")
    meanwhile = await store.stories.save_notes(story.id, replace(noted.notes, memory="今の話"), noted.notes)
    assert meanwhile.notes.memory == "今の話"
    after = await store.stories.save_notes(story.id, changed, noted.notes)
    assert after.notes == replace(changed, memory="今の話")


async def test_notes_and_titles_belong_to_a_story(store: Store) -> None:
    """An unknown one is a mistake."""
    for step in (
        store.stories.rename("nowhere", "題"),
        store.stories.save_notes("nowhere", Notes(), Notes()),
    ):
        with pytest.raises(NoSuchStory):
            await step


async def test_stories_of_a_room_are_listed_with_closed_ones(store: Store) -> None:
    """The one changed last comes first."""
    await wrote(store, "一。")
    await store.stories.begin(ROOM, "二")
    await wrote(store, "海。", room=ELSEWHERE)

    stories = await store.stories.find("web", room=ROOM)

    assert [(story.title, story.closed) for story in stories] == [("二", False), ("一", True)]


async def test_stories_of_a_place_are_listed(store: Store) -> None:
    """Of the outer place and of the inner one, not of one whose name begins alike."""
    await wrote(store, "一。", room=GUILD)
    await wrote(store, "二。", room=OTHER_GUILD)

    for place, titles in {
        "guild/1": ["一"],
        "channel/2": ["一"],
        "guild/12": ["二"],
        "guild": [],
        "%": [],
    }.items():
        assert [story.title for story in await store.stories.find("discord", within=place)] == titles
    assert await store.stories.find("slack", within="guild/1") == []


async def test_stories_of_a_writer_are_listed(store: Store) -> None:
    """Wherever they wrote a passage of, once each."""
    await wrote(store, "一。", "二。")
    await wrote(store, "海。", room=ELSEWHERE, author=BEN)

    assert [story.room for story in await store.stories.find("web", author=AKI)] == [ROOM]
    await wrote(store, "三。", author=BEN)
    assert [story.room for story in await store.stories.find("web", author=BEN)] == [ROOM, ELSEWHERE]
    assert [story.room for story in await store.stories.find("web", author=BEN, room=ELSEWHERE)] == [
        ELSEWHERE
    ]


async def test_rooms_with_an_open_story(store: Store) -> None:
    """All of them, each once with what it lies in, the one that was told on last first."""
    await wrote(store, "一。", room=GUILD)
    await store.stories.begin(GUILD, "二")
    await wrote(store, "三。", room=OTHER_GUILD)
    closed = Room("discord", "9")
    await wrote(store, "四。", room=closed)
    open_there = await store.stories.open_in(closed)
    assert open_there is not None
    await store.stories.close(open_there.id)

    rooms = await store.stories.open_rooms("discord")

    assert rooms == [OTHER_GUILD, GUILD]
    assert [room.parent_scopes for room in rooms] == [OTHER_GUILD.parent_scopes, GUILD.parent_scopes]
    assert await store.stories.open_rooms("slack") == []


async def test_a_long_list_is_cut(store: Store) -> None:
    """People are shown two hundred at most; whoever wants all says so."""
    for number in range(3):
        await store.stories.begin(ROOM, str(number))

    assert [story.title for story in await store.stories.find("web", limit=2)] == ["2", "1"]
    assert len(await store.stories.find("web", limit=None)) == 3
