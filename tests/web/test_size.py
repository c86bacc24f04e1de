"""What is far too long to be sent: the person is told so, and nothing they wrote is gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from adapters.web import WebAdapter
from adapters.web.server import MAX_EVENT_BYTES
from tests.fakes.house import House, opened
from tests.web.conftest import Enter, Stage, StrictPhrases

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PASTE = "(box, text) => { box.value = text; box.dispatchEvent(new Event('input')); }"
PROSE = "それは九月初旬のある蒸し暑い夜のことであった。\n"


@pytest_asyncio.fixture(loop_scope="session")
async def house(
    tmp_path: Path, web: WebAdapter, stage: Stage, phrases: StrictPhrases
) -> AsyncIterator[House]:
    """The house around the web room, at work."""
    async with opened(tmp_path, web, phrases) as house:
        stage.play = house.play
        yield house


async def test_a_paste_that_is_too_long_is_refused_aloud(enter: Enter, house: House) -> None:
    """With limit and length; the text stays in the box, nothing is kept, and the next text is taken."""
    text = (PROSE * 20_000)[:400_000]
    mio = await enter("/r/size", "澪")
    await mio.box.evaluate(PASTE, text)
    for button in (mio.write_button, mio.more_button):
        await button.click()
        await expect(mio.notice.last).to_contain_text("4000字まで")
        await expect(mio.notice.last).to_contain_text("400000字")
        assert await mio.box.evaluate("box => box.value.length") == 400_000
    assert not await house.store.stories("web")
    await mio.write("雨。")
    await mio.sees("雨。")


async def test_no_page_sends_more_than_its_socket_takes(enter: Enter, house: House) -> None:
    """Of more than any text may have, enough is sent to be refused."""
    mio = await enter("/r/fitting", "澪")
    lengths = await mio.page.evaluate(
        """async () => {
            const { fitting } = await import("tsuzuki");
            const long = "漢".repeat(3e6);
            const sent = fitting({ text: long, lore: [{ text: long, n: 1 }] });
            return [sent.text.length, sent.lore[0].text.length, sent.lore[0].n];
        }"""
    )
    assert lengths == [1_000_000, 1_000_000, 1]
    assert MAX_EVENT_BYTES > 3 * 2_000_000


async def test_a_memory_that_is_too_long_is_refused_aloud(enter: Enter, house: House) -> None:
    """Notes are, too; what was typed stays."""
    mio = await enter("/r/notes", "澪")
    await mio.leaf("覚え書き")
    memory = mio.page.locator("#tz-drawer textarea").first
    await memory.evaluate(PASTE, PROSE * 20_000)
    await mio.page.locator("#tz-drawer").get_by_role("button", name="保存").first.click()
    await expect(mio.notice).to_contain_text("1000字まで")
    assert await memory.evaluate("box => box.value.length") == len(PROSE) * 20_000


async def test_what_is_left_is_counted_near_the_limit(enter: Enter, house: House) -> None:
    """Not before; and a text that is too long says so before it is sent."""
    mio = await enter("/r/counted", "澪")
    count = mio.page.locator(".tz-length")
    await mio.box.fill("雨" * 3000)
    await expect(count).to_have_count(0)
    await mio.box.fill("雨" * 3999 + "𓀀")
    await expect(count).to_have_text("4000 / 4000")
    await expect(mio.page.locator(".tz-over")).to_have_count(0)
    await mio.box.fill("雨" * 4001)
    await expect(mio.page.locator(".tz-over")).to_have_text("4001 / 4000")
