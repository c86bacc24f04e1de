"""A story's order is its thread's, on every page and in all that is made of it, in real browsers.

While a reply streams and after; on the real rules and the real store.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from bot.domain.chat import MODEL
from bot.story.export_formats import export_text
from tests.fakes.house import House, beginning, sentence
from tests.integration.web.conftest import Enter
from tests.integration.web.person import Person

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FIRST = "　九月のある蒸し暑い夜のことであった。"
THIRD, FOURTH = "　健は傘を探した。", "　澪は首を振った。"


async def shows(person: Person, *texts: str) -> None:
    """Wait until the page has these texts from top to bottom, drafts among them."""
    await expect(person.page.locator(".tz-passage .tz-text")).to_have_text([*texts])


@pytest_asyncio.fixture(loop_scope="session")
async def two(enter: Enter, house: House, path: str) -> AsyncIterator[tuple[Person, Person]]:
    """Two in a room with a first passage; the storyteller stops after its first sentence."""
    house.engine.free.clear()
    mio, ken = await enter(path, "澪"), await enter(path, "健")
    await mio.write(FIRST)
    for person in (mio, ken):
        await person.sees(FIRST)
    yield mio, ken
    house.engine.free.set()


async def test_what_is_written_while_a_reply_streams_stands_behind_it(
    enter: Enter, house: House, two: tuple[Person, Person], path: str
) -> None:
    """For those who were there, who load the page again and who come late; stored and read in that order."""
    mio, ken = two
    await mio.more_button.click()
    await shows(ken, FIRST, beginning(0))
    await ken.write(THIRD)
    for person in two:
        await shows(person, FIRST, beginning(0), THIRD)
    await mio.write(FOURTH)
    late = await enter(path)
    await ken.reload()
    for person in (*two, late):
        await shows(person, FIRST, beginning(0), THIRD, FOURTH)
    assert await house.texts() == [FIRST, THIRD, FOURTH]

    house.engine.free.set()
    told_now = [FIRST, sentence(0), THIRD, FOURTH]
    for person in (*two, late):
        await shows(person, *told_now)
        await expect(person.draft).to_have_count(0)
        await expect(person.authors).to_have_text(["澪", MODEL.name, "健", "澪"])
    assert await house.texts() == told_now
    (story,) = await house.store.stories.find("web")
    exported = export_text(await house.store.stories.get(story.id))
    assert sorted(told_now, key=exported.index) == told_now
    await mio.leaf("枝")
    lines = mio.page.locator(".tz-tree li")
    await expect(lines).to_contain_text([text.strip()[:8] for text in told_now])


async def test_the_next_reply_and_the_way_back_keep_the_order(
    house: House, two: tuple[Person, Person]
) -> None:
    """The model reads what people read; undo and redo go over it from its end."""
    mio, ken = two
    await mio.more_button.click()
    await shows(ken, FIRST, beginning(0))
    await ken.write(THIRD)
    await shows(mio, FIRST, beginning(0), THIRD)
    house.engine.free.set()
    await shows(mio, FIRST, sentence(0), THIRD)
    await mio.more_button.click()
    await shows(ken, FIRST, sentence(0), THIRD, sentence(1))
    assert house.engine.requests[-1].prompt == f"{FIRST}{sentence(0)}\n{THIRD}"

    undo = mio.page.get_by_role("button", name="取り消し", exact=True)
    redo = mio.page.get_by_role("button", name="取り消しを戻す")
    for texts in ((FIRST, sentence(0), THIRD), (FIRST, sentence(0))):
        await undo.click()
        for person in two:
            await shows(person, *texts)
    for texts in ((FIRST, sentence(0), THIRD), (FIRST, sentence(0), THIRD, sentence(1))):
        await redo.click()
        for person in two:
            await shows(person, *texts)


async def test_choosing_another_candidate_keeps_what_was_written_meanwhile(
    house: House, two: tuple[Person, Person]
) -> None:
    """The columns stand before it while they grow and when one is taken, which takes it along."""
    mio, ken = two
    await mio.page.get_by_role("button", name="候補 3").click()
    await shows(ken, FIRST, *map(beginning, range(3)))
    await ken.write(THIRD)
    for person in two:
        await shows(person, FIRST, *map(beginning, range(3)), THIRD)
    house.engine.free.set()
    for person in two:
        await shows(person, FIRST, *map(sentence, range(3)), THIRD)
        await expect(person.draft).to_have_count(0)
    await ken.page.get_by_role("button", name="これにする 2").click()
    for person in two:
        await shows(person, FIRST, sentence(1), THIRD)
    assert await house.texts() == [FIRST, sentence(1), THIRD]
    await mio.page.get_by_role("button", name="次の候補").click()
    await mio.page.get_by_role("button", name="これにする", exact=True).click()
    for person in two:
        await shows(person, FIRST, sentence(2), THIRD)
    assert await house.texts() == [FIRST, sentence(2), THIRD]


async def test_a_stopped_reply_stays_where_it_was(house: House, two: tuple[Person, Person]) -> None:
    """With what could be read of it, and the note right below; the next reply reads on behind all."""
    mio, ken = two
    await mio.more_button.click()
    await shows(ken, FIRST, beginning(0))
    await ken.write(THIRD)
    stop = mio.draft.get_by_role("button", name="止める")
    await stop.click()
    await expect(stop).to_have_count(0)
    for person in two:
        await shows(person, FIRST, beginning(0), THIRD)
        note = person.page.locator(".tz-passage:nth-of-type(3)")
        await expect(note).to_have_attribute("data-state", "cancelled")
    assert await house.texts() == [FIRST, beginning(0), THIRD]
    house.engine.free.set()
    await ken.more_button.click()
    await shows(mio, FIRST, beginning(0), THIRD, sentence(1))
    assert house.engine.requests[-1].prompt == f"{FIRST}{beginning(0)}\n{THIRD}"


async def test_another_try_is_written_below_what_it_replaces(
    house: House, two: tuple[Person, Person]
) -> None:
    """So both can be compared; then it has that place, before what was written meanwhile or hung on it."""
    mio, ken = two
    await mio.more_button.click()
    await shows(ken, FIRST, beginning(0))
    await ken.write(THIRD)
    await shows(mio, FIRST, beginning(0), THIRD)
    house.engine.free.set()
    await shows(mio, FIRST, sentence(0), THIRD)
    house.engine.free.clear()
    await mio.page.get_by_role("button", name="やり直し").click()
    for person in two:
        await shows(person, FIRST, sentence(0), beginning(1), THIRD)
    await ken.write(FOURTH)
    for person in two:
        await shows(person, FIRST, sentence(0), beginning(1), THIRD, FOURTH)
    house.engine.free.set()
    for person in two:
        await shows(person, FIRST, sentence(1), THIRD, FOURTH)
    assert await house.texts() == [FIRST, sentence(1), THIRD, FOURTH]


async def test_a_reply_that_waits_stands_below_all(house: House, two: tuple[Person, Person]) -> None:
    """It reads what is written until it begins."""
    mio, ken = two
    await mio.more_button.click()
    await shows(ken, FIRST, beginning(0))
    await ken.box.fill(THIRD)
    await ken.more_button.click()
    for person in two:
        await shows(person, FIRST, beginning(0), THIRD, "")
    await mio.write(FOURTH)
    for person in two:
        await shows(person, FIRST, beginning(0), THIRD, FOURTH, "")
    house.engine.free.set()
    for person in two:
        await shows(person, FIRST, sentence(0), THIRD, FOURTH, sentence(1))
    assert house.engine.requests[-1].prompt == f"{FIRST}{sentence(0)}\n{THIRD}\n{FOURTH}"


async def test_whoever_is_about_to_stop_a_reply_loses_no_button(
    house: House, two: tuple[Person, Person]
) -> None:
    """What others write below takes no focus, and is read out, as the reply is to its end."""
    mio, ken = two
    await mio.more_button.click()
    stop = mio.draft.get_by_role("button", name="止める")
    await stop.focus()
    await asyncio.gather(ken.write(THIRD), mio.sees(FIRST, THIRD))
    await expect(stop).to_be_focused()
    await shows(mio, FIRST, beginning(0), THIRD)
    await expect(mio.page.get_by_role("log")).to_contain_text(beginning(0))
    await expect(mio.page.get_by_role("log")).to_contain_text(f"健: {THIRD}")
    house.engine.free.set()
    await shows(mio, FIRST, sentence(0), THIRD)
    await expect(mio.page.get_by_role("log")).to_contain_text(sentence(0).removeprefix(beginning(0)))
    await expect(mio.passages.nth(1).get_by_role("button", name="この文にすること")).to_be_focused()


async def test_a_line_behind_a_draft_bears_its_name(house: House, two: tuple[Person, Person]) -> None:
    """Although the same person wrote what stands before."""
    mio, ken = two
    await mio.more_button.click()
    await shows(ken, FIRST, beginning(0))
    await mio.write(THIRD)
    for person in two:
        await shows(person, FIRST, beginning(0), THIRD)
        await expect(person.authors.last).to_be_in_viewport()
        await expect(person.page.locator(".tz-same")).to_have_count(0)
