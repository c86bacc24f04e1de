"""The notebook beside a story, and what a page says while it cannot save: in real browsers."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from adapters.web.payloads import room_of
from bot.domain.sampling import Sampling
from tests.fakes.house import House
from tests.integration.web.conftest import Enter
from tests.integration.web.person import Person

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FIRST = "親譲りの無鉄砲で小供の時から損ばかりしている。"
CUT = "window.socket.disconnect()"
BACK = "window.socket.connect()"
UNSAVED = "保存していない覚え書きがあります。"
REASON = "つながりが切れています"


async def box_of(element: Locator) -> tuple[float, float]:
    """Where an element begins and ends, from the top."""
    box = await element.bounding_box()
    assert box is not None
    return box["y"], box["y"] + box["height"]


@pytest.mark.parametrize("width", [390, 1100])
async def test_notices_leave_the_leaves_in_view(enter: Enter, house: House, path: str, width: int) -> None:
    """However many lines the notebook's heading takes."""
    mio = await enter(path, "澪", width=width)
    await mio.write(FIRST)
    await mio.leaf("設定")
    await mio.page.locator("[name=rule-length]").select_option("字数で決める")
    await mio.page.locator("[name=rule-characters]").fill("99999999")
    await mio.page.locator(".tz-leaf:visible").get_by_role("button", name="保存する").click()
    await expect(mio.notice).to_be_visible()
    heading, notice = mio.page.locator(".tz-leaves"), mio.page.locator(".tz-notice")
    await notice.evaluate("(notice) => Promise.all(notice.getAnimations().map((each) => each.finished))")
    assert (await box_of(heading))[1] <= (await box_of(notice))[0]


async def test_without_a_connection_no_button_seems_to_work(enter: Enter, house: House, path: str) -> None:
    """Those of the story and the notebook look so and say why, and wake up again."""
    mio = await enter(path, "澪")
    await mio.write(FIRST)
    await mio.sees(FIRST)
    await mio.leaf("物語")
    close = mio.page.get_by_role("button", name="この物語を閉じる")
    await mio.menu_of(0)
    await mio.page.evaluate(CUT)
    branch = mio.page.locator(".tz-menu").get_by_role("button", name="ここから")
    for button in (close, branch):
        await expect(button).to_be_disabled()
        await expect(button).to_have_attribute(
            "title", "つながりが切れています。書いたものはここに残っています。つながり次第、続けられます。"
        )
        assert await button.evaluate("(button) => Number(getComputedStyle(button).opacity)") < 1
    await expect(mio.page.locator("#tz-drawer .tz-cut-here")).to_contain_text(REASON)
    await mio.page.evaluate(BACK)
    await expect(close).to_be_enabled()
    await expect(mio.page.locator("#tz-drawer .tz-cut-here")).to_have_count(0)


async def test_a_page_tells_of_notes_that_were_not_saved(enter: Enter, house: House, path: str) -> None:
    """After a reload, before the notebook is opened; they can be taken up or given up."""
    mio = await enter(path, "澪")
    await mio.write(FIRST)
    memory, opener = mio.page.locator("textarea[name=memory]"), mio.page.locator(".tz-open")
    await expect(opener).to_have_text("帳面")
    await mio.leaf("覚え書き")
    await memory.fill("澪は左利き。")
    await mio.reload()
    await expect(opener).to_contain_text(UNSAVED)
    await mio.leaf("覚え書き")
    await expect(memory).to_have_value("澪は左利き。")
    await expect(mio.page.locator(".tz-recalled")).to_contain_text(UNSAVED)
    await mio.page.get_by_role("button", name="保存済みの覚え書きに戻す").click()
    await expect(memory).to_have_value("澪は左利き。")
    await mio.page.get_by_role("button", name="書いたものを捨てる").click()
    await expect(memory).to_have_value("")
    await expect(opener).not_to_contain_text(UNSAVED)
    await mio.reload()
    await expect(opener).not_to_contain_text(UNSAVED)


async def test_two_who_save_one_preset(enter: Enter, house: House, path: str) -> None:
    """The later one is told what the other saved and loses nothing; saving again is meant."""
    mio, ken = await enter(path, "澪"), await enter(path, "健")
    await mio.write(FIRST)
    for person, temperature in ((mio, "1.3"), (ken, "0.4")):
        await person.leaf("設定")
        await person.page.get_by_text("詳しい設定").click()
        await person.page.locator("[name=own-name]").fill("夢うつつ")
        await person.page.locator("[name=own-temperature]").fill(temperature)
    await keep(mio)
    await expect(mio.page.locator("[name=own-base]")).to_have_value("夢うつつ")
    await keep(ken)
    await expect(ken.notice).to_contain_text("「夢うつつ」を変えました（いまは temperature = 1.3）")
    await expect(ken.page.locator("[name=own-temperature]")).to_have_value("0.4")
    assert await presets(house, path) == {"夢うつつ": Sampling(temperature=1.3)}
    await keep(ken)
    await expect(ken.page.locator("[name=own-base]")).to_have_value("夢うつつ")
    assert await presets(house, path) == {"夢うつつ": Sampling(temperature=0.4)}


async def test_two_who_save_different_presets(enter: Enter, house: House, path: str) -> None:
    """Both are kept."""
    mio, ken = await enter(path, "澪"), await enter(path, "健")
    await mio.write(FIRST)
    for person, name in ((mio, "夢"), (ken, "幻")):
        await person.leaf("設定")
        await person.page.get_by_text("詳しい設定").click()
        await person.page.locator("[name=own-name]").fill(name)
    for person, name in ((mio, "夢"), (ken, "幻")):
        await keep(person)
        await expect(person.page.locator("[name=own-base]")).to_have_value(name)
    assert list(await presets(house, path)) == ["夢", "幻"]


async def keep(person: Person) -> None:
    """Keep the preset that is written."""
    await person.page.get_by_role("button", name="この調子を残す").click()


async def presets(house: House, path: str) -> dict[str, Sampling]:
    """The room's own presets."""
    return dict((await house.services.settings.resolve(room_of(path.rpartition("/")[2]))).presets)
