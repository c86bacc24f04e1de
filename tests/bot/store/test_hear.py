"""What the store makes of messages."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.domain.chat import Author, Room
from bot.domain.errors import PassageGone
from bot.domain.jobs import GenerationOptions, JobState, Length
from bot.domain.repositories import ReceivedMessage
from bot.store import Store, open_store
from tests.bot.store.told import AKI, BEN, ELSEWHERE, ROOM, asked, says, texts


async def test_a_message_becomes_the_storys_first_passage(store: Store) -> None:
    """The passage holds the text, its author and no parent, and the story is found by its room."""
    heard = await store.messages.receive(says("雨が降っている。", "e1"), None, "", 0)

    story = await store.stories.open_in(ROOM)
    assert story is not None
    assert story == await store.stories.get(heard.story_id)
    assert story.passages == (heard.passage,)
    assert heard.passage is not None
    assert heard.passage.author == AKI
    assert heard.passage.parent_id is None
    assert heard.job is None
    assert story.title == "雨が降っている"


async def test_the_message_that_begins_a_story_may_name_it(store: Store) -> None:
    """A given title stays; one that comes later changes nothing."""
    await store.messages.receive(replace(says("雨が降っている。", "e1"), title="夜の　雨"), None, "", 0)
    await store.messages.receive(replace(says("風もある。", "e2"), title="風"), None, "", 0)

    story = await store.stories.open_in(ROOM)
    assert story is not None
    assert story.title == "夜の　雨"


async def test_text_is_kept_exactly_as_written(store: Store) -> None:
    """Spaces, full-width forms, dashes, rare kanji, emoji and line ends come back unchanged."""
    text = "  Ｄ…！？――〜\r\n\n　晩惚呪腑\t𠮷👨‍👩‍👧 </s><unk> 'quote\" %s :x \\n  "

    await store.messages.receive(says(text, "e1"), None, "", 0)

    assert await texts(store) == [text]


async def test_what_no_database_holds_is_marked(store: Store) -> None:
    """NUL and half a surrogate pair become the replacement character, in the answer as in the store."""
    author = Author("web", "x", "a\x00b")
    heard = await store.messages.receive(says("あ\x00い\ud800う", "e1", author=author), None, "", 0)

    story = await store.stories.open_in(ROOM)
    assert story is not None
    assert story.passages == (heard.passage,)
    assert story.passages[0].text == "あ\ufffdい\ufffdう"
    assert story.passages[0].author.name == "a\ufffdb"


async def test_passages_follow_each_other(store: Store) -> None:
    """Each passage is the child of the one before, whoever wrote it."""
    await store.messages.receive(says("一。", "e1"), None, "", 0)
    await store.messages.receive(says("二。", "e2", author=BEN), None, "", 0)

    story = await store.stories.open_in(ROOM)
    assert story is not None
    first, second = story.passages
    assert second.parent_id == first.id
    assert second.author == BEN


async def test_an_ask_makes_a_waiting_job(store: Store) -> None:
    """The job remembers who asked for what, where, and its seed, in the transaction of the passage."""
    ask = GenerationOptions(Length.LONG, "bold", 3, 2**63 - 1)

    heard = await store.messages.receive(says("一。", "e1", author=BEN), ask, "j1", 2**63 - 1)

    assert heard.job is not None
    assert heard.job == await store.jobs.get("j1")
    assert heard.job.state is JobState.WAITING
    assert (heard.job.story_id, heard.job.room) == (heard.story_id, ROOM)
    assert (heard.job.author, heard.job.options, heard.job.seed) == (BEN, ask, 2**63 - 1)
    assert heard.job.attempts == 0


async def test_an_ask_without_text_only_makes_a_job(store: Store) -> None:
    """Nothing is added to the story."""
    await store.messages.receive(says("一。", "e1"), None, "", 0)

    heard = await store.messages.receive(says("　\n", "e2"), GenerationOptions(), "j1", 0)

    assert heard.passage is None
    assert heard.job is not None
    assert await texts(store) == ["一。"]


async def test_a_repeated_event_changes_nothing(store: Store) -> None:
    """The second hearing returns the first's passage and job, with the job's present state."""
    first = await store.messages.receive(says("一。", "e1"), GenerationOptions(), "j1", 5)
    await store.jobs.claim("j1")

    second = await store.messages.receive(says("一。", "e1"), GenerationOptions(), "j2", 6)

    assert second == ReceivedMessage(first.story_id, first.passage, await store.jobs.get("j1"), repeated=True)
    assert second.job is not None
    assert second.job.state is JobState.RUNNING
    assert await store.jobs.get("j2") is None
    assert await texts(store) == ["一。"]


async def test_a_repeated_event_makes_no_second_story(store: Store) -> None:
    """An event that comes again with another room still belongs where it was heard first."""
    first = await store.messages.receive(says("一。", "e1"), None, "", 0)

    second = await store.messages.receive(says("一。", "e1", ELSEWHERE), None, "", 0)

    assert second.story_id == first.story_id
    assert await store.stories.open_in(ELSEWHERE) is None


async def test_platforms_have_their_own_events(store: Store) -> None:
    """The same event id on another platform is another event."""
    await store.messages.receive(says("一。", "e1"), None, "", 0)

    heard = await store.messages.receive(says("二。", "e1", Room("slack", "T/C/1")), None, "", 0)

    assert not heard.repeated


async def test_an_event_can_be_asked_after(store: Store) -> None:
    """What was heard is told without hearing it again; what was not is None."""
    job = await asked(store, "j1")

    heard = await store.messages.find("web", "event of j1")

    assert heard is not None
    assert heard.repeated
    assert heard.job == job
    assert await store.messages.find("web", "another") is None
    assert await store.messages.find("slack", "event of j1") is None


async def test_people_who_write_at_once_all_stay_in_the_story(store: Store) -> None:
    """Fifty simultaneous messages in a new room make one story of fifty passages in one line."""
    await asyncio.gather(*(store.messages.receive(says(f"{i}", f"e{i}"), None, "", 0) for i in range(50)))

    assert sorted(await texts(store), key=int) == [str(i) for i in range(50)]


async def test_an_event_delivered_many_times_at_once_is_heard_once(store: Store) -> None:
    """Of ten simultaneous deliveries one counts, and all tell of the same passage and job."""
    heard = await asyncio.gather(
        *(store.messages.receive(says("一。", "e1"), GenerationOptions(), f"j{i}", i) for i in range(10))
    )

    assert [h.repeated for h in heard].count(False) == 1
    assert len({h.passage for h in heard}) == 1
    assert len({h.job.id for h in heard if h.job}) == 1
    assert len(await store.jobs.unfinished()) == 1
    assert await texts(store) == ["一。"]


async def test_a_cancelled_caller_leaves_nothing_half_done(url: str) -> None:
    """The transaction of a caller who went away is whole, and closing the store waits for it."""
    store = await open_store(url)
    caller = asyncio.create_task(store.messages.receive(says("一。", "e1"), GenerationOptions(), "j1", 0))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait({caller})
    assert caller.cancelled()
    await store.close()

    store = await open_store(url)
    heard = await store.messages.find("web", "e1")
    assert heard is not None
    assert heard.job is not None
    assert await texts(store) == ["一。"]
    await store.close()


async def test_stories_are_listed_latest_first(store: Store) -> None:
    """The list holds a platform's stories without passages, the one written in last on top."""
    for room, event in ((ROOM, "e1"), (ELSEWHERE, "e2"), (Room("slack", "x"), "e3"), (ROOM, "e4")):
        await store.messages.receive(says("雨。", event, room), None, "", 0)

    stories = await store.stories.find("web")

    assert [story.room for story in stories] == [ROOM, ELSEWHERE]
    assert {story.passages for story in stories} == {()}


async def test_a_long_story_comes_back_in_order(store: Store) -> None:
    """A hundred passages are read from first to last."""
    for i in range(100):
        await store.messages.receive(says(str(i), f"e{i}"), None, "", 0)

    assert await texts(store) == [str(i) for i in range(100)]


async def test_earlier_lines_come_before_the_message_and_each_once(store: Store) -> None:
    """In their order and as their writers'; what was heard before stays where it is."""
    await store.messages.receive(says("二。", "e2"), None, "", 0)
    lines = [says("一。", "e1"), says("二。", "e2"), says("三。", "e3", author=BEN)]

    for _ in range(2):
        await store.messages.receive(says("四。", "e4"), GenerationOptions(), "j1", 7, earlier=lines)

    assert await texts(store) == ["二。", "一。", "三。", "四。"]
    story = await store.stories.open_in(ROOM)
    assert story is not None
    assert [passage.author.name for passage in story.passages] == ["秋", "秋", "Ben", "秋"]


async def test_earlier_lines_are_not_kept_without_their_message(store: Store) -> None:
    """All of it or nothing."""
    with pytest.raises(PassageGone):
        await store.messages.receive(
            says("二。", "e2"), GenerationOptions(instead_of="none"), "j1", 7, earlier=[says("一。", "e1")]
        )

    assert await store.stories.open_in(ROOM) is None
    assert await store.messages.find("web", "e1") is None
