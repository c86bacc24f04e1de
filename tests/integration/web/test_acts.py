"""What one person does to the story, all see, and can take back; in real browsers on the real rules."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Locator, expect

from tests.fakes.house import House, sentence
from tests.integration.web.conftest import Enter
from tests.integration.web.person import Person

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SLOW = """() => {
  const send = window.socket.emit;
  window.socket.emit = (...all) => setTimeout(() => send.apply(window.socket, all), 900);
}"""
TEXTS = ("　九月のある蒸し暑い夜のことであった。", "二。", "三。", "四。")


def line(person: Person) -> Locator:
    """Where it stands what was done."""
    return person.page.locator(".tz-act")


async def two(enter: Enter, path: str) -> tuple[Person, Person]:
    """Two people in a room with a story."""
    mio, ken = await enter(path, "澪"), await enter(path, "健")
    for number, text in enumerate(TEXTS, 1):
        await mio.write(text)
        await mio.sees(*TEXTS[:number])
    await ken.sees(*TEXTS)
    return mio, ken


async def test_a_branch_is_told_and_taken_back(enter: Enter, house: House, path: str) -> None:
    """Whose story became short reads who did what, and one press brings everything back, for all."""
    mio, ken = await two(enter, path)
    await ken.choose_of(0, "ここから分岐")
    for person in (mio, ken):
        await person.sees(TEXTS[0])
        await expect(line(person)).to_contain_text(
            "健さんが別のところから続けることにしました（4段落 → 1段落）"
        )
    await mio.page.get_by_role("button", name="元に戻す").click()
    for person in (mio, ken):
        await person.sees(*TEXTS)
        await expect(line(person)).to_have_text("元に戻しました。")


async def test_an_undo_is_told_until_the_story_goes_on(enter: Enter, house: House, path: str) -> None:
    """The line goes when somebody writes: then there is no way back by one press."""
    mio, ken = await two(enter, path)
    await mio.page.get_by_role("button", name="取り消し", exact=True).click()
    await expect(line(ken)).to_contain_text("澪さんが一つ前に戻しました")
    await ken.write("別の四。")
    for person in (mio, ken):
        await person.sees(*TEXTS[:3], "別の四。")
        await expect(line(person)).to_have_count(0)


async def test_beginning_anew_is_taken_back(enter: Enter, house: House, path: str) -> None:
    """Somebody who began another story by mistake, or against the others, ends nothing."""
    mio, ken = await two(enter, path)
    await ken.leaf("物語")
    await ken.page.get_by_role("button", name="新しく始める").click()
    await ken.page.get_by_role("button", name="いまの物語を閉じて始めます").click()
    await mio.sees()
    await expect(line(mio)).to_contain_text("健さんが新しい物語を始めました")
    await mio.page.get_by_role("button", name="元に戻す").click()
    for person in (mio, ken):
        await person.sees(*TEXTS)


async def test_only_the_writer_brings_a_deleted_passage_back(enter: Enter, house: House, path: str) -> None:
    """All are told; the others have no button for it."""
    mio, ken = await two(enter, path)
    await mio.menu_of(1)
    await mio.page.get_by_role("button", name="消す").click()
    await mio.page.locator(".tz-menu .tz-grave").click()
    await ken.sees(TEXTS[0], *TEXTS[2:])
    await expect(line(ken)).to_contain_text("澪さんが文を一つ消しました")
    await expect(ken.page.get_by_role("button", name="元に戻す")).to_have_count(0)
    await mio.page.get_by_role("button", name="元に戻す").click()
    await ken.sees(*TEXTS)


async def test_two_who_press_at_once_want_one_reply(enter: Enter, house: House, path: str) -> None:
    """続き with an empty box, pressed by two and impatiently, is one continuation; candidates likewise."""
    mio, ken = await two(enter, path)
    house.engine.free.clear()
    await asyncio.gather(mio.more_button.click(), ken.more_button.click())
    await expect(mio.draft.locator(".tz-asker")).to_have_text(re.compile("(澪|健)さんが頼んだ続き"))
    await ken.more_button.click()
    house.engine.free.set()
    for person in (mio, ken):
        await person.sees(*TEXTS, sentence(0))
        await expect(person.draft).to_have_count(0)
    assert len(house.engine.requests) == 1


async def test_an_undo_of_what_is_not_the_end_any_more_is_told(enter: Enter, house: House, path: str) -> None:
    """In words that fit this page, whose buttons stand under no passage."""
    mio, ken = await two(enter, path)
    await mio.page.evaluate(SLOW)
    await mio.page.get_by_role("button", name="取り消し", exact=True).click()
    await ken.write("五。")
    await expect(mio.notice).to_have_text(
        "物語はそのあいだに変わりました。いまの終わりを見て、もう一度どうぞ。"
    )
    await ken.sees(*TEXTS, "五。")
