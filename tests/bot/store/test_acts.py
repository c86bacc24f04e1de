"""What people did to a story is kept, and can be taken back while it is the last word; on both databases."""

from __future__ import annotations

import pytest

from bot.domain.chat import Author, Message, Room
from bot.domain.errors import NothingToTakeBack, NotYours, StoryMoved
from bot.domain.story import Act, ActKind
from bot.store import Store

ROOM = Room("web", "a-room")
MIO, KEN = Author("web", "1", "澪"), Author("web", "2", "健")


async def told(store: Store, *texts: str) -> str:
    """A story with these passages, all Mio's; returns its id."""
    heard = [await store.messages.receive(Message(text, ROOM, MIO, text), None, "", 0) for text in texts]
    return heard[0].story_id


async def texts(store: Store) -> list[str]:
    """What the room's story reads now."""
    story = await store.stories.open_in(ROOM)
    return [] if story is None else [passage.text for passage in story.passages]


async def last(store: Store) -> Act:
    """The last act in the room."""
    act = await store.stories.last_act(ROOM)
    assert act is not None
    return act


async def test_an_undo_is_kept_with_who_did_it_and_taken_back(store: Store) -> None:
    """It says how many passages there were and are; taking it back leads to the end it left, once."""
    story = await told(store, "一。", "二。", "三。")
    await store.history.undo(story, by=KEN)
    act = await last(store)
    assert (act.kind, act.by, act.passages_before, act.passages_after) == (ActKind.UNDO, KEN, 3, 2)
    await store.history.take_back(act.id, MIO)
    assert await texts(store) == ["一。", "二。", "三。"]
    assert (await last(store)).taken_back
    with pytest.raises(NothingToTakeBack):
        await store.history.take_back(act.id, MIO)


async def test_a_branch_far_back_is_taken_back_at_once(store: Store) -> None:
    """Nobody has to find the way through the tree."""
    story = await told(store, *(f"{number}。" for number in range(9)))
    first = (await store.passages.of_story(story))[0]
    await store.history.go_to(story, first.id, by=KEN)
    assert await texts(store) == ["0。"]
    await store.history.take_back((await last(store)).id, MIO)
    assert len(await texts(store)) == 9


async def test_a_redo_from_the_beginning_is_taken_back(store: Store) -> None:
    """The story ends before its first passage again."""
    story = await told(store, "一。")
    await store.history.undo(story, by=KEN)
    await store.history.redo(story, by=KEN)
    await store.history.take_back((await last(store)).id, KEN)
    assert await texts(store) == []


async def test_what_went_on_since_is_not_undone(store: Store) -> None:
    """Where somebody wrote after it, an act stays."""
    story = await told(store, "一。", "二。")
    await store.history.undo(story, by=KEN)
    act = await last(store)
    await store.messages.receive(Message("later", ROOM, MIO, "別の二。"), None, "", 0)
    with pytest.raises(StoryMoved):
        await store.history.take_back(act.id, KEN)
    assert await texts(store) == ["一。", "別の二。"]
    assert not (await last(store)).taken_back


async def test_another_candidate_is_taken_back(store: Store) -> None:
    """The one that stood there stands there again."""
    story = await told(store, "一。")
    first = (await store.passages.of_story(story))[0]
    await store.history.undo(story)
    await store.messages.receive(Message("other", ROOM, KEN, "別の一。"), None, "", 0)
    await store.history.choose(story, first.id, by=KEN)
    assert await texts(store) == ["一。"]
    await store.history.take_back((await last(store)).id, MIO)
    assert await texts(store) == ["別の一。"]


async def test_a_deleted_passage_is_brought_back_by_whoever_deleted_it(store: Store) -> None:
    """With the text that it had, in its place."""
    story = await told(store, "一。", "二。", "三。")
    second = (await store.passages.of_story(story))[1]
    await store.passages.delete(second.id, by=MIO)
    act = await last(store)
    with pytest.raises(NotYours):
        await store.history.take_back(act.id, KEN)
    await store.history.take_back(act.id, MIO)
    assert await texts(store) == ["一。", "二。", "三。"]


async def test_who_is_forgotten_brings_nothing_back(store: Store) -> None:
    """Neither their words nor their name is in what is kept of an act."""
    story = await told(store, "一。", "二。")
    await store.passages.delete((await store.passages.of_story(story))[1].id, by=MIO)
    await store.authors.forget(MIO)
    act = await last(store)
    assert act.by.name == ""
    with pytest.raises(NothingToTakeBack):
        await store.history.take_back(act.id, act.by)


async def test_beginning_closing_and_reopening_are_taken_back(store: Store) -> None:
    """The story that was open in the room is open there again; a room's first story takes nothing back."""
    first = await told(store, "一。")
    assert await store.stories.last_act(ROOM) is None
    await store.stories.begin(ROOM, "二つめ", by=KEN)
    begun = await last(store)
    assert (begun.kind, begun.passages_before, begun.passages_after) == (ActKind.BEGIN, 1, 0)
    await store.history.take_back(begun.id, MIO)
    assert await texts(store) == ["一。"]
    await store.stories.close(first, by=KEN)
    assert await store.stories.open_in(ROOM) is None
    await store.history.take_back((await last(store)).id, MIO)
    assert await texts(store) == ["一。"]
    second = await store.stories.begin(ROOM, "二つめ")
    await store.stories.reopen(first, ROOM, by=KEN)
    await store.history.take_back((await last(store)).id, MIO)
    now = await store.stories.open_in(ROOM)
    assert now is not None
    assert now.id == second.id


async def test_an_act_without_effect_is_none(store: Store) -> None:
    """Going where the story ends already is nothing that could be taken back."""
    story = await told(store, "一。")
    await store.history.go_to(story, (await store.passages.of_story(story))[0].id, by=KEN)
    assert await store.stories.last_act(ROOM) is None
