"""What somebody is writing is lost by no mishap: a reload, a lost connection, a key, another's act."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from tests.fakes.house import House
from tests.integration.web.conftest import Enter
from tests.integration.web.person import Person

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FIRST = "それは九月初旬のある蒸し暑い夜のことであった。"
CHANGED = "それは十月初旬のある肌寒い夜のことであった。"
AFTER = "　私は窓辺にいた。"
CUT = "window.socket.disconnect()"
BACK = "window.socket.connect()"
SAVE_AND_WRITE_ON = """(box) => {
  box.form.requestSubmit();
  box.value += "まだ書く。";
  box.dispatchEvent(new Event("input", { bubbles: true }));
}"""


def editor(person: Person) -> Locator:
    """The box in which a passage is edited."""
    return person.page.locator("textarea[name=edit]")


async def begin_to_edit(person: Person) -> None:
    """Open a passage of one's own and change it."""
    await person.choose_of(0, "直す")
    await editor(person).fill(CHANGED)


async def test_an_open_editor_outlives_a_reload(enter: Enter, house: House, path: str) -> None:
    """A page that loads again, as it does after a lost connection, has the editor open as it was."""
    mio = await enter(path, "澪")
    await mio.write(FIRST)
    await mio.sees(FIRST)
    await begin_to_edit(mio)
    await mio.reload()
    await expect(editor(mio)).to_have_value(CHANGED)
    await editor(mio).press("Control+Enter")
    await mio.sees(CHANGED)
    await mio.reload()
    await mio.sees(CHANGED)
    await expect(editor(mio)).to_have_count(0)


async def test_escape_asks_before_it_discards(enter: Enter, house: House, path: str) -> None:
    """Escape throws nothing away at once; unchanged text it leaves without a question."""
    mio = await enter(path, "澪")
    await mio.write(FIRST)
    await mio.sees(FIRST)
    await begin_to_edit(mio)
    await editor(mio).press("Escape")
    await expect(editor(mio)).to_have_value(CHANGED)
    await mio.page.get_by_role("button", name="書き続ける").click()
    await expect(editor(mio)).to_be_focused()
    await editor(mio).press("Escape")
    await mio.page.get_by_role("button", name="書いたものを捨てる").click()
    await mio.sees(FIRST)
    await mio.choose_of(0, "直す")
    await expect(editor(mio)).to_have_value(FIRST)
    await editor(mio).press("Escape")
    await mio.sees(FIRST)


async def test_an_editor_outlives_an_undo(enter: Enter, house: House, path: str) -> None:
    """Where somebody takes the passage back meanwhile, its editor stays and says what happened."""
    mio = await enter(path, "澪")
    ken = await enter(path, "健")
    await mio.write(FIRST)
    await ken.sees(FIRST)
    await begin_to_edit(mio)
    await ken.page.get_by_role("button", name="取り消し", exact=True).click()
    await ken.sees()
    await expect(editor(mio)).to_have_value(CHANGED)
    await expect(mio.page.locator(".tz-stray")).to_contain_text("いまの物語から外れました")
    await ken.page.get_by_role("button", name="取り消しを戻す").click()
    await expect(mio.page.locator(".tz-stray")).to_have_count(0)
    await expect(editor(mio)).to_have_value(CHANGED)


async def test_unsaved_notes_outlive_a_reload(enter: Enter, house: House, path: str) -> None:
    """Notes that were not saved are there again."""
    mio = await enter(path, "澪")
    await mio.write(FIRST)
    await mio.leaf("覚え書き")
    await mio.page.locator("textarea[name=memory]").fill("澪は左利き。")
    await mio.reload()
    await mio.leaf("覚え書き")
    await expect(mio.page.locator("textarea[name=memory]")).to_have_value("澪は左利き。")
    await mio.page.locator(".tz-leaf:visible").get_by_role("button", name="保存する").click()
    await expect(mio.page.locator(".tz-keep [role=status]").first).to_have_text("保存しました。")
    await mio.reload()
    await mio.leaf("覚え書き")
    await expect(mio.page.locator("textarea[name=memory]")).to_have_value("澪は左利き。")


async def test_typed_text_outlives_its_tab(enter: Enter, house: House, path: str) -> None:
    """Another tab of the same browser has what was being typed."""
    mio = await enter(path, "澪")
    await mio.box.fill(FIRST)
    again = Person(await mio.page.context.new_page(), mio.url)
    await mio.page.close()
    await again.open(path)
    await expect(again.box).to_have_value(FIRST)


async def test_a_lost_connection_is_said_beside_the_box(enter: Enter, house: House, path: str) -> None:
    """Offline, the buttons rest for as long as it lasts, the text stays, and no card covers the story."""
    mio = await enter(path, "澪")
    await mio.write(FIRST)
    await mio.sees(FIRST)
    await mio.box.fill(AFTER)
    await mio.page.evaluate(CUT)
    await expect(mio.page.locator(".tz-cut")).to_contain_text("つながりが切れています")
    for button in (
        mio.write_button,
        mio.more_button,
        mio.page.get_by_role("button", name="取り消し", exact=True),
    ):
        await expect(button).to_have_attribute("aria-disabled", "true")
    await mio.write_button.click(force=True)
    await expect(mio.box).to_have_value(AFTER)
    assert not await mio.page.locator("#popup").is_visible()
    await mio.page.evaluate(BACK)
    await expect(mio.page.locator(".tz-cut")).to_have_count(0)
    await mio.write_button.click()
    await mio.sees(FIRST, AFTER)


async def test_two_who_save_the_memory_lose_neither(enter: Enter, house: House, path: str) -> None:
    """The second is shown what the first wrote, and keeps their own to save it knowingly or not."""
    mio, ken = await enter(path, "澪"), await enter(path, "健")
    await mio.write(FIRST)
    await ken.sees(FIRST)
    for person in (mio, ken):
        await person.leaf("覚え書き")
    await ken.page.locator("textarea[name=memory]").fill("健は探偵。")
    await mio.page.locator("textarea[name=memory]").fill("澪は左利き。")
    await mio.page.locator(".tz-leaf:visible").get_by_role("button", name="保存する").click()
    await expect(mio.page.locator(".tz-keep [role=status]").first).to_have_text("保存しました。")
    await ken.page.locator(".tz-leaf:visible").get_by_role("button", name="保存する").click()
    await expect(ken.page.locator(".tz-theirs")).to_contain_text("澪は左利き。")
    await expect(ken.page.locator("textarea[name=memory]")).to_have_value("健は探偵。")
    story = (await house.store.stories.find("web"))[0]
    assert story.notes.memory == "澪は左利き。"
    await ken.page.get_by_role("button", name="これにする").click()
    await expect(ken.page.locator("textarea[name=memory]")).to_have_value("澪は左利き。")
    await ken.page.locator("textarea[name=memory]").fill("澪は左利き。健は探偵。")
    await ken.page.locator(".tz-leaf:visible").get_by_role("button", name="保存する").click()
    await expect(ken.page.locator(".tz-theirs")).to_have_count(0)
    assert (await house.store.stories.find("web"))[0].notes.memory == "澪は左利き。健は探偵。"


async def test_what_is_written_on_while_it_is_saved_stays(enter: Enter, house: House, path: str) -> None:
    """An editor and notes keep what was typed between sending and the answer; it is not called saved."""
    mio, ken = await enter(path, "澪"), await enter(path, "健")
    await mio.write(FIRST)
    await begin_to_edit(mio)
    await editor(mio).evaluate(SAVE_AND_WRITE_ON)
    await ken.sees(CHANGED)
    await ken.write(AFTER)
    await expect(mio.passages).to_have_count(2)
    await expect(editor(mio)).to_have_value(CHANGED + "まだ書く。")
    await editor(mio).press("Control+Enter")
    await mio.sees(CHANGED + "まだ書く。", AFTER)

    await mio.leaf("覚え書き")
    memory = mio.page.locator("textarea[name=memory]")
    await memory.fill("澪は左利き。")
    await memory.evaluate(SAVE_AND_WRITE_ON)
    await ken.write(FIRST)
    await expect(mio.passages).to_have_count(3)
    await expect(memory).to_have_value("澪は左利き。まだ書く。")
    saved = mio.page.locator(".tz-keep [role=status]").first
    await expect(saved).to_have_text("")
    assert (await house.store.stories.find("web"))[0].notes.memory == "澪は左利き。"
    await mio.page.locator(".tz-leaf:visible").get_by_role("button", name="保存する").click()
    await expect(saved).to_have_text("保存しました。")
    assert (await house.store.stories.find("web"))[0].notes.memory == "澪は左利き。まだ書く。"
    await memory.fill("")
    await expect(saved).to_have_text("")


async def test_two_who_set_different_rules_set_both(enter: Enter, house: House, path: str) -> None:
    """Saving sets what was changed on the page, and nothing that somebody else set meanwhile."""
    mio, ken = await enter(path, "澪"), await enter(path, "健")
    for person in (mio, ken):
        await person.leaf("設定")
    await ken.page.locator("[name=rule-length]").select_option("short")
    await mio.page.locator("[name=rule-candidates]").fill("5")
    for person in (mio, ken):
        await person.page.locator(".tz-leaf:visible").get_by_role("button", name="保存する").click()
        await expect(person.page.locator(".tz-leaf:visible .tz-keep [role=status]")).to_have_text(
            "保存しました。"
        )
    await expect(mio.page.locator("[name=rule-length]")).to_have_value("short")
    await expect(ken.page.locator("[name=rule-candidates]")).to_have_value("5")
