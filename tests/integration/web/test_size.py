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
from tests.integration.web.conftest import Enter, Stage, StrictPhrases

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PASTE = "(box, text) => { box.value = text; box.dispatchEvent(new Event('input')); }"
PROSE = "それは九月初旬のある蒸し暑い夜のことであった。\n"


@pytest_asyncio.fixture(loop_scope="session")
async def house(
    tmp_path: Path, web: WebAdapter, stage: Stage, phrases: StrictPhrases
) -> AsyncIterator[House]:
    """The house around the web room, at work."""
    async with opened(tmp_path, web, phrases) as house:
        stage.services = house.services
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
    assert not await house.store.stories.find("web")
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


async def test_every_text_is_counted_near_its_limit(enter: Enter, house: House) -> None:
    """Memory, note, keywords and lore, each by its own limit, beside the text that it is of."""
    mio = await enter("/r/counted-notes", "澪")
    await mio.leaf("覚え書き")
    drawer = mio.page.locator("#tz-drawer")
    count = drawer.locator(".tz-length")
    await drawer.get_by_role("button", name="項目を足す").click()
    for name, limit in (("memory", 1000), ("note", 300), ("keywords", 50), ("lore", 500)):
        box = drawer.locator(f"[name={name}]")
        await box.evaluate(PASTE, "雨" * (limit * 8 // 10))
        await expect(count).to_have_count(0)
        await box.evaluate(PASTE, "雨" * (limit - 1) + "𓀀")
        await expect(count).to_have_text(f"{limit} / {limit}")
        await expect(drawer.locator(".tz-over")).to_have_count(0)
        await box.evaluate(PASTE, "雨" * (limit + 1))
        await expect(drawer.locator(".tz-over")).to_have_text(f"{limit + 1} / {limit}")
        await box.evaluate(PASTE, "")
    await drawer.locator("[name=keywords]").evaluate(PASTE, "、".join(["雨" * 30] * 9))
    await expect(count).to_have_count(0)


async def test_an_editor_counts_by_what_its_passage_may_have(enter: Enter, house: House) -> None:
    """A passage that people typed has the box's limit; one from a file is longer, and so is its limit."""
    mio = await enter("/r/counted-edits", "澪")
    await mio.write("雨。")
    await mio.sees("雨。")
    await mio.choose_of(0, "直す")
    editor = mio.page.locator("textarea[name=edit]")
    await editor.evaluate(PASTE, "雨" * 3999)
    await expect(mio.page.locator(".tz-editor .tz-length")).to_have_text("3999 / 4000")
    await editor.evaluate(PASTE, "雨" * 4001)
    await expect(mio.page.locator(".tz-editor .tz-over")).to_have_text("4001 / 4000")
    await mio.page.keyboard.press("Escape")
    await mio.page.get_by_role("button", name="書いたものを捨てる").click()
    story = (await house.store.stories.find("web"))[0]
    last = (await house.store.stories.get(story.id)).passages[-1]
    await house.store.passages.edit(last.id, "雨" * 4100)
    await mio.reload()
    await mio.choose_of(0, "直す")
    await expect(editor).to_have_value("雨" * 4100)
    await expect(mio.page.locator(".tz-editor .tz-length")).to_have_count(0)
    await editor.evaluate(PASTE, "雨" * 43_000)
    await expect(mio.page.locator(".tz-editor .tz-length")).to_have_text("43000 / 44000")


async def test_a_title_that_is_too_long_is_counted_refused_and_kept(enter: Enter, house: House) -> None:
    """Nothing is cut from it; it stays in its line until it fits, and so does one on the first page."""
    mio = await enter("/r/titled", "澪")
    await mio.write("雨。")
    await mio.sees("雨。")
    await mio.page.locator(".tz-titled").click()
    line = mio.page.locator(".tz-retitle input")
    await line.fill("題" * 90)
    await expect(mio.page.locator(".tz-retitle .tz-over")).to_have_text("90 / 80")
    await line.press("Enter")
    await expect(mio.notice).to_contain_text("80字まで")
    await expect(line).to_have_value("題" * 90)
    await line.fill("題" * 80)
    await line.press("Enter")
    await expect(mio.page.locator(".tz-titled")).to_have_text("題" * 80)
    ken = await enter("/", "健")
    await ken.page.get_by_label("題（").fill("題" * 90)
    await expect(ken.page.locator(".tz-over")).to_have_text("90 / 80")
    await ken.write("雪。")
    await expect(ken.notice).to_contain_text("80字まで")
    await ken.reload()
    await expect(ken.page.get_by_label("題（")).to_have_value("題" * 90)
    await expect(ken.box).to_have_value("雪。")
