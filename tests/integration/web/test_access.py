"""For people who use the keyboard or a reader's voice: axe finds nothing, and no focus is lost."""

from __future__ import annotations

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.fakes.house import House, sentence
from tests.integration.web.conftest import Enter

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FIRST = "　九月のある蒸し暑い夜のことであった。"
SECOND = "　私は窓辺にいた。"
LEAVES = ("枝", "覚え書き", "見えるもの", "設定", "物語")
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"label-content-name-mismatch": {"enabled": True}},
}


async def faults(page: Page) -> list[str]:
    """What axe finds on a page as it is now, once what appears has appeared."""
    await page.evaluate(
        "Promise.allSettled(document.getAnimations().map((one) => one.finished.catch(() => 0)))"
    )
    found = (await Axe().run(page, options=RULES)).response["violations"]
    return [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_in_any_state(enter: Enter, house: House, path: str, scheme: str) -> None:
    """Empty, told, with a menu, an editor, each leaf of the notebook, candidates growing and offered."""
    mio = await enter(path, "澪")
    await mio.page.emulate_media(
        color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce"
    )
    assert await faults(mio.page) == []
    await mio.write(FIRST)
    await mio.sees(FIRST)
    assert await faults(mio.page) == []
    await mio.menu_of(0)
    assert await faults(mio.page) == []
    await mio.page.locator(".tz-menu").get_by_role("button", name="直す").click()
    assert await faults(mio.page) == []
    await mio.page.keyboard.press("Escape")
    for leaf in LEAVES:
        await mio.leaf(leaf)
        assert await faults(mio.page) == []
    await mio.page.keyboard.press("Escape")
    house.engine.free.clear()
    await mio.page.get_by_role("button", name="候補 3").click()
    await expect(mio.draft.locator(".tz-column")).to_have_count(3)
    assert await faults(mio.page) == []
    house.engine.free.set()
    await expect(mio.columns).to_have_count(3)
    assert await faults(mio.page) == []


async def test_axe_finds_nothing_on_a_phone_or_in_english(enter: Enter, house: House, path: str) -> None:
    """The first page, and a room on a small screen with its choices open, in English too."""
    mio = await enter("/", "澪")
    assert await faults(mio.page) == []
    amy = await enter("/", "Amy", locale="en-GB")
    assert await faults(amy.page) == []
    await amy.open(path)
    await amy.write(FIRST)
    await amy.sees(FIRST)
    assert await faults(amy.page) == []
    ken = await enter(path, "健", width=390, height=664)
    await ken.page.get_by_role("button", name="道具と設定").click()
    assert await faults(ken.page) == []


async def test_one_key_leads_past_the_story(enter: Enter, house: House, path: str) -> None:
    """The first thing that Tab reaches leads to the box."""
    mio = await enter(path, "澪")
    await mio.page.keyboard.press("Tab")
    link = mio.page.get_by_role("link", name="書く欄へ")
    await expect(link).to_be_focused()
    await expect(link).to_be_in_viewport()
    await mio.page.keyboard.press("Enter")
    await expect(mio.box).to_be_focused()


async def test_menus_go_by_arrow_keys(enter: Enter, house: House, path: str) -> None:
    """A menu opens on its first entry; arrows go around, Escape leads back."""
    mio = await enter(path, "澪")
    await mio.write(FIRST)
    await mio.sees(FIRST)
    dots = mio.page.get_by_role("button", name="この文にすること")
    await dots.press("Enter")
    entries = mio.page.locator(".tz-menu button")
    await expect(entries.first).to_be_focused()
    await mio.page.keyboard.press("ArrowUp")
    await expect(entries.last).to_be_focused()
    await mio.page.keyboard.press("ArrowDown")
    await expect(entries.first).to_be_focused()
    await mio.page.keyboard.press("Escape")
    await expect(dots).to_be_focused()


async def test_the_focus_stays_at_what_was_done(enter: Enter, house: House, path: str) -> None:
    """After choosing and after deleting, the keyboard is where it was, not at the top of the page."""
    mio = await enter(path, "澪")
    await mio.write(FIRST)
    await mio.sees(FIRST)
    await mio.write(SECOND)
    await mio.sees(FIRST, SECOND)
    await mio.page.get_by_role("button", name="候補 3").click()
    await mio.page.get_by_role("button", name="これにする 2").press("Enter")
    await mio.sees(FIRST, SECOND, sentence(1))
    dots = mio.page.get_by_role("button", name="この文にすること")
    await expect(dots.nth(2)).to_be_focused()
    await dots.nth(1).press("Enter")
    await mio.page.get_by_role("button", name="消す").press("Enter")
    await mio.page.locator(".tz-menu .tz-grave").press("Enter")
    await mio.sees(FIRST, sentence(1))
    await expect(dots.nth(1)).to_be_focused()


async def test_story_text_is_japanese_on_every_page(enter: Enter, house: House, path: str) -> None:
    """A reader's voice is told so on an English page, and told nothing of English text."""
    amy = await enter(path, "Amy", locale="en-GB")
    await amy.write(FIRST)
    await amy.sees(FIRST)
    await amy.write("It was a warm night.")
    await expect(amy.texts).to_have_count(2)
    assert await amy.texts.evaluate_all("(all) => all.map((one) => one.lang)") == ["ja", ""]


async def test_who_reads_no_japanese_has_a_beginning_to_try(enter: Enter, house: House) -> None:
    """The English first page says what the storyteller writes best; one click puts an example in the box."""
    amy = await enter("/", "Amy", locale="en-GB")
    await expect(amy.page.locator(".tz-example")).to_contain_text("writes Japanese best")
    await amy.page.get_by_role("button", name="Put it in the box").click()
    await expect(amy.box).to_have_value("それは九月初旬のある蒸し暑い晩のことであった。")
    await expect(amy.page.locator(".tz-example")).to_have_count(0)


async def test_what_a_passage_can_do_is_seen_and_large_enough(enter: Enter, house: House, path: str) -> None:
    """The menu's button is there without a pointer over it, at least 36 pixels each way."""
    mio = await enter(path, "澪")
    await mio.write(FIRST)
    await mio.sees(FIRST)
    dots = mio.page.get_by_role("button", name="この文にすること")
    box = await dots.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 36
    assert float(await dots.evaluate("(one) => getComputedStyle(one).opacity")) > 0.5


async def test_taking_back_keeps_the_focus(enter: Enter, house: House, path: str) -> None:
    """At the line that says so, and in the tree at the line that one went to."""
    mio = await enter(path, "澪")
    for number, text in enumerate((FIRST, SECOND), 1):
        await mio.write(text)
        await expect(mio.passages).to_have_count(number)
    await mio.leaf("枝")
    await mio.page.locator(".tz-tree li").first.get_by_role("button").press("Enter")
    await mio.page.get_by_role("button", name="ここから続ける").press("Enter")
    await mio.sees(FIRST)
    await expect(mio.page.locator(".tz-tree li").first.get_by_role("button")).to_be_focused()
    await mio.page.get_by_role("button", name="元に戻す").press("Enter")
    await mio.sees(FIRST, SECOND)
    await expect(mio.page.locator(".tz-act")).to_be_focused()


async def test_the_list_of_people_closes_by_itself(enter: Enter, house: House, path: str) -> None:
    """By Escape, and by a click beside it."""
    mio = await enter(path, "澪")
    everybody = mio.page.locator("#tz-everybody")
    count = mio.page.locator(".tz-everybody")
    await count.click()
    await expect(everybody).to_be_visible()
    await mio.page.keyboard.press("Escape")
    await expect(everybody).to_be_hidden()
    await count.click()
    await expect(everybody).to_be_visible()
    await mio.page.mouse.click(300, 300)
    await expect(everybody).to_be_hidden()
