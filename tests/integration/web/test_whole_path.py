"""From the browser through play, store, queue, dispatcher and outbox, and back into both browsers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from adapters.web import WebAdapter
from bot.domain.chat import MODEL
from tests.fakes.house import House, beginning, opened, sentence
from tests.integration.web.conftest import Enter, Stage, StrictPhrases

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FIRST = "　それは九月初旬のある蒸し暑い夜のことであった。"


@pytest_asyncio.fixture(loop_scope="session")
async def house(
    tmp_path: Path, web: WebAdapter, stage: Stage, phrases: StrictPhrases
) -> AsyncIterator[House]:
    """The house around the web room, at work; its storyteller stops after the first sentence."""
    async with opened(tmp_path, web, phrases) as house:
        stage.services = house.services
        house.engine.free.clear()
        yield house


async def test_a_story_from_the_first_line_to_the_stored_continuation(enter: Enter, house: House) -> None:
    """One begins and asks; both see it stream; it is stored once, and a reload shows the same."""
    mio = await enter("/", "澪")
    await mio.box.fill(FIRST)
    await mio.more_button.click()
    await mio.page.wait_for_url("**/r/*")
    await mio.alive()
    ken = await enter(mio.page.url.removeprefix(mio.url), "健")
    for person in (mio, ken):
        await person.sees(FIRST)
        await expect(person.draft.locator(".tz-text")).to_have_text(beginning(0))
    house.engine.free.set()
    for person in (mio, ken):
        await person.sees(FIRST, sentence(0))
        await expect(person.draft).to_have_count(0)
        await expect(person.authors).to_have_text(["澪", MODEL.name])
    await ken.reload()
    await ken.sees(FIRST, sentence(0))
    assert await house.texts() == [FIRST, sentence(0)]


async def test_stopping_frees_the_room_for_the_next(enter: Enter, house: House) -> None:
    """止める ends the running continuation at once; afterwards the story goes on as usual."""
    mio = await enter("/", "澪")
    await mio.box.fill(FIRST)
    await mio.more_button.click()
    await mio.page.wait_for_url("**/r/*")
    await mio.alive()
    await expect(mio.draft.locator(".tz-text")).to_have_text(beginning(0))
    await mio.draft.get_by_role("button", name="止める").click()
    await expect(mio.draft.get_by_role("button", name="止める")).to_have_count(0)
    await mio.write("やがて雨は止んだ。")
    await mio.sees(FIRST, beginning(0), "やがて雨は止んだ。")
    house.engine.free.set()
    await mio.more_button.click()
    await expect(mio.texts.last).to_have_text(sentence(1))
