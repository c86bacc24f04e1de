"""Two bots on one database: what one of them did, the other does not do again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.domain.chat import Room
from bot.domain.errors import StoryBusy, StoryMoved
from bot.domain.jobs import GenerationOptions, JobState
from bot.domain.repositories import ReceivedMessage
from bot.domain.story import Story
from bot.store import Store, open_store
from tests.bot.store.told import BEN, asked, former_texts, says, texts, told, wrote


@pytest.fixture
async def bots(empty: str) -> AsyncIterator[tuple[Store, Store]]:
    """Two stores with connections of their own."""
    first, second = await open_store(empty), await open_store(empty)
    yield first, second
    await first.close()
    await second.close()


async def test_a_job_is_claimed_by_one_of_them(bots: tuple[Store, Store]) -> None:
    """Each of ten jobs goes to exactly one, though both try at once."""
    for i in range(10):
        await asked(bots[0], f"j{i}", Room("web", f"room {i}"))

    claims = await asyncio.gather(*(bot.jobs.claim(f"j{i}") for i in range(10) for bot in bots))

    assert sorted(claim.id for claim in claims if claim) == [f"j{i}" for i in range(10)]


async def test_an_event_is_heard_by_one_of_them(bots: tuple[Store, Store]) -> None:
    """Both are told of the same passage and job."""
    heard = await asyncio.gather(
        *(
            bot.messages.receive(says("雨。", "e1"), GenerationOptions(), f"j{i}", 0)
            for i, bot in enumerate(bots)
        )
    )

    assert [h.repeated for h in heard].count(True) == 1
    assert heard[0].passage == heard[1].passage
    assert await texts(bots[0]) == ["雨。"]


async def test_both_write_into_a_story(bots: tuple[Store, Store]) -> None:
    """No passage of either is lost."""
    await asyncio.gather(
        *(bots[i % 2].messages.receive(says(str(i), f"e{i}"), None, "", 0) for i in range(20))
    )

    assert sorted(await texts(bots[0]), key=int) == [str(i) for i in range(20)]
    assert await texts(bots[1]) == await texts(bots[0])


async def test_the_model_and_people_write_into_a_story_of_two_bots(bots: tuple[Store, Store]) -> None:
    """Continuations through one, messages through the other: all are kept, in one line, none twice."""
    for i in range(8):
        await asked(bots[0], f"j{i}", text=f"p{i}")

    await asyncio.gather(
        *(bots[i % 2].jobs.complete(f"j{i}", [f"m{i}", f"x{i}"]) for i in range(8)),
        *(bots[i % 2].jobs.complete(f"j{i}", [f"m{i}", f"x{i}"]) for i in range(8)),
        *(bots[(i + 1) % 2].messages.receive(says(f"q{i}", f"q{i}"), None, "", 0) for i in range(8)),
    )

    written = [text.strip() for text in await texts(bots[0])]
    assert sorted(written) == sorted(f"{kind}{i}" for kind in "pmq" for i in range(8))
    tree = await bots[1].passages.of_story((await told(bots[1])).id)
    assert sorted(p.text.strip() for p in tree) == sorted(f"{kind}{i}" for kind in "pmqx" for i in range(8))


async def test_a_story_moves_for_one_of_them(bots: tuple[Store, Store]) -> None:
    """Of two presses of the same button one undoes, and the other is told that the story moved."""
    _, two, _ = [await wrote(bots[0], text) for text in ("一", "二", "三")]
    story = await told(bots[0])

    ended = await asyncio.gather(
        *(bot.history.undo(story.id, story.head) for bot in bots), return_exceptions=True
    )

    assert sorted(type(end).__name__ for end in ended) == ["Story", "StoryMoved"]
    assert (await told(bots[1])).head == two[0].id


async def test_a_story_is_asked_or_moved(bots: tuple[Store, Store]) -> None:
    """An ask and an undo at once: either comes first, and the other knows of it."""
    for i in range(10):
        (one,) = await wrote(bots[0], f"p{i}")
        story_id = (await told(bots[0])).id
        press = replace(says("", f"e{i}"), after=one.id)

        heard, undone = await asyncio.gather(
            bots[0].messages.receive(press, GenerationOptions(), f"j{i}", 0),
            bots[1].history.undo(story_id),
            return_exceptions=True,
        )

        assert isinstance(heard, StoryMoved) or isinstance(undone, StoryBusy)
        assert isinstance(heard, ReceivedMessage) or isinstance(undone, Story)
        await bots[0].jobs.finish(f"j{i}", JobState.CANCELLED)


async def test_a_button_is_pressed_for_one_of_them(bots: tuple[Store, Store]) -> None:
    """Of many presses under one passage one makes a job, and the others are told of it."""
    (one,) = await wrote(bots[0], "一。")

    heard = await asyncio.gather(
        *(
            bots[i % 2].messages.receive(
                replace(says("", f"e{i}"), after=one.id), GenerationOptions(), f"j{i}", 0
            )
            for i in range(8)
        )
    )

    assert [h.repeated for h in heard].count(False) == 1
    assert len({h.job.id for h in heard if h.job}) == 1
    assert len(await bots[0].jobs.unfinished()) == 1


async def test_passages_are_changed_while_others_are_written(bots: tuple[Store, Store]) -> None:
    """Edits, deletions and messages at once wait for each other, and all are kept."""
    passages = await wrote(bots[0], *(f"p{i}" for i in range(6)))

    await asyncio.gather(
        *(bots[i % 2].passages.edit(passage.id, f"e{i}") for i, passage in enumerate(passages[:3])),
        *(bots[i % 2].passages.delete(passage.id) for i, passage in enumerate(passages[3:])),
        *(bots[i % 2].messages.receive(says(f"q{i}", f"q{i}"), None, "", 0) for i in range(6)),
        bots[1].authors.forget(BEN),
    )

    written = await texts(bots[0])
    assert written[:3] == ["e0", "e1", "e2"]
    assert sorted(written[3:]) == [f"q{i}" for i in range(6)]
    assert sorted(await former_texts(bots[0])) == [f"p{i}" for i in range(6)]
