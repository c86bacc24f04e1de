"""A story's tree, its candidates and its notebook, in real browsers on the real rules and the real store."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from adapters.web.payloads import new_slug
from bot.domain.sampling import Sampling
from bot.domain.story import Lore, Notes
from bot.story.export_formats import export_text, file_name
from tests.fakes.house import House, beginning, sentence
from tests.integration.web.conftest import Enter
from tests.integration.web.person import Person

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FIRST = "　九月のある蒸し暑い夜のことであった。"


@pytest_asyncio.fixture(loop_scope="session")
async def mio(enter: Enter, house: House, path: str) -> Person:
    """Somebody who has written the first passage."""
    mio = await enter(path, "澪")
    await mio.write(FIRST)
    await mio.sees(FIRST)
    return mio


async def test_candidates_stand_side_by_side_until_one_is_taken(
    enter: Enter, house: House, mio: Person, path: str
) -> None:
    """They stream beside each other for everybody; the others stay to be flipped through."""
    ken = await enter(path, "健")
    house.engine.free.clear()
    await mio.page.get_by_role("button", name="候補 3").click()
    for person in (mio, ken):
        await expect(person.draft.locator(".tz-column")).to_have_text([beginning(n) for n in range(3)])
    house.engine.free.set()
    for person in (mio, ken):
        await expect(person.columns).to_have_text([sentence(number) for number in range(3)])
        await expect(person.draft).to_have_count(0)
    await ken.page.get_by_role("button", name="これにする 2").click()
    for person in (mio, ken):
        await person.sees(FIRST, sentence(1))
        await expect(person.columns).to_have_count(0)
        await expect(person.page.locator(".tz-count")).to_have_text("2/3")
    assert await house.texts() == [FIRST, sentence(1)]
    await mio.page.get_by_role("button", name="前の候補").click()
    await expect(mio.texts.last).to_have_text(sentence(0))
    await expect(ken.texts.last).to_have_text(sentence(1))
    await mio.page.get_by_role("button", name="これにする").click()
    await ken.sees(FIRST, sentence(0))
    await ken.reload()
    await expect(ken.page.locator(".tz-count")).to_have_text("1/3")


async def test_retry_keeps_what_was_there(house: House, mio: Person) -> None:
    """Another continuation takes the last one's place; the text in the box stays."""
    await mio.more_button.click()
    await mio.sees(FIRST, sentence(0))
    await mio.box.fill("書きかけ")
    await mio.page.get_by_role("button", name="やり直し").click()
    await mio.sees(FIRST, sentence(1))
    await expect(mio.page.locator(".tz-count")).to_have_text("2/2")
    await expect(mio.box).to_have_value("書きかけ")


async def test_undo_and_redo(enter: Enter, house: House, mio: Person, path: str) -> None:
    """What is taken back comes back, for everybody; where there is nowhere to go the buttons rest."""
    ken = await enter(path, "健")
    await mio.more_button.click()
    await mio.sees(FIRST, sentence(0))
    redo = mio.page.get_by_role("button", name="取り消しを戻す")
    await expect(redo).to_have_attribute("aria-disabled", "true")
    await mio.page.get_by_role("button", name="取り消し", exact=True).click()
    await ken.sees(FIRST)
    await expect(mio.page.locator(".tz-act[role=status]")).to_contain_text("一つ前に戻しました")
    await expect(mio.page.get_by_role("log")).not_to_contain_text("ひとつ前に戻りました")
    await redo.click()
    await ken.sees(FIRST, sentence(0))
    assert await house.texts() == [FIRST, sentence(0)]


async def test_branching_from_any_passage(house: House, mio: Person) -> None:
    """The story goes on from there; what followed is a branch, which a click shows and a button goes to."""
    await mio.write("二。")
    await mio.sees(FIRST, "二。")
    await mio.write("三。")
    await mio.sees(FIRST, "二。", "三。")
    await mio.choose_of(0, "ここから分岐")
    await mio.sees(FIRST)
    await mio.write("別の二。")
    await mio.sees(FIRST, "別の二。")
    await mio.leaf("枝")
    lines = mio.page.locator(".tz-tree li")
    await expect(lines).to_contain_text([FIRST.strip(), "二。", "三。", "別の二。"])
    await expect(lines.nth(3)).to_contain_text("いまここ")
    await lines.nth(2).get_by_role("button").click()
    await expect(lines.nth(2).locator(".tz-look p")).to_have_text("三。")
    await mio.sees(FIRST, "別の二。")
    await lines.nth(2).get_by_role("button", name="ここから続ける").click()
    await mio.sees(FIRST, "二。", "三。")
    await expect(lines.nth(2)).to_contain_text("いまここ")


async def test_people_change_only_what_is_theirs(enter: Enter, house: House, mio: Person, path: str) -> None:
    """Whoever wrote a passage, or asked for it, edits it in its place or takes it out."""
    ken = await enter(path, "健")
    await ken.more_button.click()
    await ken.sees(FIRST, sentence(0))
    await ken.menu_of(0)
    await expect(ken.page.locator(".tz-menu button")).to_have_text(["ここから分岐"])
    await ken.page.keyboard.press("Escape")
    await ken.menu_of(1)
    await expect(ken.page.locator(".tz-menu button")).to_have_count(4)
    await ken.page.keyboard.press("Escape")
    await mio.choose_of(0, "直す")
    await mio.page.locator("textarea[name=edit]").fill("　十月のことであった。")
    await mio.page.get_by_role("button", name="保存する").click()
    for person in (mio, ken):
        await person.sees("　十月のことであった。", sentence(0))
        await expect(person.passages.first).to_contain_text("直した文")
    await ken.choose_of(1, "消す")
    await ken.page.get_by_role("button", name="ほんとうに消しますか").click()
    await mio.sees("　十月のことであった。")


async def test_a_refused_edit_keeps_what_was_written(house: House, mio: Person) -> None:
    """The box stays open with the text, and the reason is told."""
    await mio.choose_of(0, "直す")
    await mio.page.locator("textarea[name=edit]").fill("長" * 5000)
    await mio.page.get_by_role("button", name="保存する").click()
    await expect(mio.notice).to_contain_text("4000")
    await expect(mio.page.locator("textarea[name=edit]")).to_have_value("長" * 5000)


async def test_probabilities_are_shown_where_they_were_kept(house: House, mio: Person) -> None:
    """With the box ticked each token is shaded, and focus shows what else was likely."""
    await mio.more_button.click()
    await mio.sees(FIRST, sentence(0))
    await mio.choose_of(1, "確率を見る")
    await expect(mio.notice).to_contain_text("残っていません")
    await mio.page.get_by_label("確率も残す").check()
    await mio.more_button.click()
    await expect(mio.passages).to_have_count(3)
    assert house.engine.requests[-1].logprobs is not None
    await mio.choose_of(2, "確率を見る")
    token = mio.passages.nth(2).locator(".tz-token").first
    await token.focus()
    await expect(token.locator(".tz-odds")).to_contain_text("90.5 %")
    await expect(token.locator(".tz-odds")).to_contain_text("空8.2 %")
    await mio.passages.nth(2).locator(".tz-token").nth(1).hover()
    await expect(mio.page.locator(".tz-odds:visible")).to_contain_text(["20.2 %"])


async def test_shades_go_with_the_text_they_were_made_of(house: House, mio: Person) -> None:
    """Another version has its own, and an edited passage has none any more."""
    await mio.page.get_by_label("確率も残す").check()
    await mio.more_button.click()
    await mio.sees(FIRST, sentence(0))
    await mio.choose_of(1, "確率を見る")
    await expect(mio.passages.nth(1).locator(".tz-token")).to_have_count(2)
    await mio.page.get_by_role("button", name="やり直し").click()
    await mio.sees(FIRST, sentence(1))
    await expect(mio.page.locator(".tz-token")).to_have_count(0)
    await mio.choose_of(1, "確率を見る")
    await expect(mio.page.locator(".tz-token").first).to_contain_text(sentence(1)[:3])
    await mio.page.get_by_role("button", name="前の候補").click()
    await expect(mio.page.locator(".tz-token").first).to_contain_text(sentence(0)[:3])
    await mio.page.get_by_role("button", name="次の候補").click()
    await mio.choose_of(1, "直す")
    await mio.page.locator("textarea[name=edit]").fill("虹が出た。")
    await mio.page.get_by_role("button", name="保存する").click()
    await mio.sees(FIRST, "虹が出た。")
    await expect(mio.page.locator(".tz-token")).to_have_count(0)


async def test_memory_note_and_lore(enter: Enter, house: House, mio: Person, path: str) -> None:
    """What is kept reaches the model's window, and everybody's notebook."""
    await mio.leaf("覚え書き")
    await mio.page.get_by_label("記憶").fill("探偵は明智。")
    await mio.page.get_by_label("作者の注").fill("静かな調子で。")
    await mio.page.get_by_role("button", name="項目を足す").click()
    await mio.page.get_by_label("ことば（").fill("夜、喫茶店")
    await mio.page.get_by_label("説明").fill("夜は白梅軒にいる。")
    await mio.page.get_by_label("優先度").fill("2")
    await mio.page.get_by_role("button", name="保存する").click()
    await expect(mio.page.get_by_role("status").first).to_have_text("保存しました。")
    lore = (Lore(("夜", "喫茶店"), "夜は白梅軒にいる。", 2),)
    story = (await house.store.stories.find("web"))[0]
    assert (await house.store.stories.get(story.id)).notes == Notes("探偵は明智。", "静かな調子で。", lore)
    ken = await enter(path, "健")
    await ken.leaf("見えるもの")
    window = ken.page.locator(".tz-window")
    for text in ("探偵は明智。", "静かな調子で。", "夜は白梅軒にいる。", FIRST.strip(), "2048"):
        await expect(window).to_contain_text(text)
    await ken.leaf("覚え書き")
    await ken.page.get_by_role("button", name="外す").click()
    await ken.page.get_by_role("button", name="保存する").click()
    await expect(ken.page.get_by_role("status").first).to_have_text("保存しました。")
    await expect(mio.page.locator(".tz-lore-entry")).to_have_count(0)


async def test_what_the_model_sees_follows_the_story(house: House, mio: Person) -> None:
    """An open leaf shows the window as it is now, with the characters that cannot be read."""
    await mio.leaf("見えるもの")
    await expect(mio.page.locator(".tz-seen")).to_contain_text(FIRST.strip())
    await mio.box.fill("ある晩。")
    await mio.page.keyboard.press("Control+Shift+Enter")
    await expect(mio.notice).to_contain_text("「晩」は語り手には読めない文字です（「ある〓。」と見えます）")
    await expect(mio.page.locator(".tz-unread")).to_contain_text("晩")


@pytest.mark.parametrize(
    ("locale", "told"),
    [
        ("ja", "「晩」は語り手には読めない文字です（「ある〓。」と見えます）"),
        ("en-GB", "cannot read “晩”: it sees “ある〓。”"),
    ],
)
async def test_what_the_model_cannot_read_is_told_once(
    enter: Enter, house: House, mio: Person, path: str, locale: str, told: str
) -> None:
    """When it is first written, whether or not anything is asked for, in the writer's language."""
    ken = await enter(path, "健", locale=locale)
    await ken.write("ある晩。")
    await expect(ken.notice).to_contain_text(told)
    await ken.page.evaluate("document.querySelectorAll('.q-notification').forEach((n) => n.remove())")
    await ken.box.fill("次の晩。")
    await ken.more_button.click()
    await ken.sees(FIRST, "ある晩。", "次の晩。", sentence(0))
    await expect(ken.notice).to_have_count(0)


async def test_the_first_page_hands_on_what_it_has_to_say(enter: Enter, house: House) -> None:
    """The story's own page tells it, once, for the first page is left at once."""
    mio = await enter("/", "澪")
    await mio.box.fill("ある晩。")
    await mio.more_button.click()
    await mio.page.wait_for_url("**/r/*")
    await mio.alive()
    await expect(mio.notice).to_contain_text("「ある〓。」と見えます")
    await mio.sees("ある晩。", sentence(0))
    await mio.reload()
    await mio.sees("ある晩。", sentence(0))
    await expect(mio.notice).to_have_count(0)


async def test_settings_of_a_room(enter: Enter, house: House, mio: Person, path: str) -> None:
    """They hold for everybody's next request; other pages offer them at once."""
    ken = await enter(path, "健")
    await mio.leaf("設定")
    await mio.page.locator("[name=rule-preset]").select_option("冒険")
    await mio.page.locator("[name=rule-length]").select_option("字数で決める")
    await mio.page.locator("[name=rule-characters]").fill("120")
    await mio.page.locator("[name=rule-candidates]").fill("4")
    await mio.page.locator("[name=rule-filter]").select_option("かけない")
    await mio.page.locator("[name=rule-banned]").fill("叩いた\nだった")
    await mio.page.get_by_role("button", name="保存する").click()
    await expect(mio.page.get_by_role("status").last).to_have_text("保存しました。")
    await expect(ken.page.locator(".tz-several")).to_have_text("候補 4")
    rules = await house.services.settings.resolve((await house.store.stories.find("web"))[0].room)
    assert (rules.preset, rules.length, rules.candidates) == ("bold", 120, 4)
    assert (rules.filter, rules.banned) == ("off", ("叩いた", "だった"))


async def test_a_preset_of_ones_own(enter: Enter, house: House, mio: Person, path: str) -> None:
    """Made from another one, kept by its name, offered to everybody, and used."""
    ken = await enter(path, "健")
    await mio.leaf("設定")
    await mio.page.get_by_text("詳しい設定").click()
    await mio.page.locator("[name=own-name]").fill("夢うつつ")
    await mio.page.locator("[name=own-temperature]").fill("1.3")
    await mio.page.get_by_role("button", name="この調子を残す").click()
    await ken.page.get_by_label("調子").select_option("夢うつつ")
    await ken.more_button.click()
    await ken.sees(FIRST, sentence(0))
    assert house.engine.requests[-1].sampling == Sampling(temperature=1.3)


async def test_a_wrong_setting_is_refused_in_words(house: House, mio: Person) -> None:
    """The reason names the rule, and what was typed stays."""
    await mio.leaf("設定")
    await mio.page.locator("[name=rule-length]").select_option("字数で決める")
    await mio.page.locator("[name=rule-characters]").fill("99999999")
    await mio.page.get_by_role("button", name="保存する").click()
    await expect(mio.notice).to_contain_text("「長さ」を「99999999」には")
    await expect(mio.page.locator("[name=rule-characters]")).to_have_value("99999999")


async def test_renaming_by_a_click_on_the_title(enter: Enter, house: House, mio: Person, path: str) -> None:
    """Enter keeps the new title, for everybody; Escape keeps the old one."""
    ken = await enter(path, "健")
    await mio.page.locator("h1 button").click()
    await mio.page.locator("h1 input").fill("白梅軒の夜")
    await mio.page.keyboard.press("Enter")
    for person in (mio, ken):
        await expect(person.page.locator("h1")).to_have_text("白梅軒の夜")
        await expect(person.page).to_have_title("白梅軒の夜")
    await ken.page.locator("h1 button").click()
    await ken.page.locator("h1 input").fill("別の題")
    await ken.page.keyboard.press("Escape")
    await expect(ken.page.locator("h1")).to_have_text("白梅軒の夜")
    assert (await house.store.stories.find("web"))[0].title == "白梅軒の夜"


async def test_new_closed_and_reopened_stories(enter: Enter, house: House, mio: Person, path: str) -> None:
    """A room tells one story after the other; the earlier ones stay and can be gone on with."""
    ken = await enter(path, "健")
    await mio.leaf("物語")
    await mio.page.get_by_label("新しい物語の題").fill("二つめ")
    await mio.page.get_by_role("button", name="新しく始める").click()
    await mio.sees(FIRST)
    await mio.page.get_by_role("button", name="いまの物語を閉じて始めます").click()
    for person in (mio, ken):
        await person.sees()
        await expect(person.page.locator("h1")).to_have_text("二つめ")
    shelf = mio.page.locator(".tz-shelf li")
    await expect(shelf).to_have_count(2)
    await shelf.filter(has_text="二つめ").get_by_role("button", name="この物語を閉じる").click()
    await shelf.get_by_role("button", name="ほんとうに閉じますか").click()
    await expect(ken.page.locator("h1")).to_have_text("題のない物語")
    await shelf.filter(has_text="九月").get_by_role("button", name="つづける").click()
    for person in (mio, ken):
        await person.sees(FIRST)


async def test_a_story_is_downloaded_as_text(house: House, mio: Person) -> None:
    """The file has the story's title for a name, and to the byte what every other door gives out."""
    await mio.leaf("物語")
    (story,) = await house.services.stories.find("web")
    for button, form in (("書き出す", "txt"), ("Markdown", "md")):
        async with mio.page.expect_download() as download:
            await mio.page.get_by_role("button", name=button).click()
        file = await download.value
        content = await asyncio.to_thread(Path(await file.path()).read_bytes)
        assert content == export_text(await house.services.stories.get(story.id), form).encode()
        assert file.suggested_filename == file_name(story, form)


async def test_what_is_beside_the_story_looks_different(mio: Person) -> None:
    """On the page, line by line, and in the outline; the text reads as it was written."""
    await mio.write("雨。\n// メモ\n（まさか）")
    await mio.write("（（次は？））")
    await mio.sees(FIRST, "雨。\n// メモ\n（まさか）", "（（次は？））")
    marked = mio.page.locator(".tz-text .tz-aside")
    assert [text.strip() for text in await marked.all_inner_texts()] == ["// メモ", "（（次は？））"]
    assert "物語の外" in str(await marked.first.get_attribute("title"))
    await mio.leaf("枝")
    await expect(mio.page.locator(".tz-tree .tz-aside")).to_have_text(["（（次は？））"])


async def test_people_can_be_forgotten(enter: Enter, house: House, mio: Person, path: str) -> None:
    """After a second click a person's words are gone from every story, on every page."""
    ken = await enter(path, "健")
    await ken.write("健の文。")
    await mio.sees(FIRST, "健の文。")
    await mio.page.get_by_label("あなたについて").click()
    await mio.page.get_by_role("button", name="自分の文章をすべて消す").click()
    await mio.page.get_by_role("button", name="すべての物語から消えます").click()
    await expect(mio.notice).to_contain_text("あなたの文章（1か所）とお名前を、すべての物語から消しました")
    await ken.sees("健の文。")


async def test_nobody_is_told_that_something_was_deleted_when_nothing_was(
    enter: Enter, house: House, path: str
) -> None:
    """Somebody whom the room does not know by their browser hears just that."""
    rin = await enter(path, "凛")
    await rin.page.get_by_label("あなたについて").click()
    await rin.page.get_by_role("button", name="自分の文章をすべて消す").click()
    await rin.page.get_by_role("button", name="すべての物語から消えます").click()
    await expect(rin.notice).to_contain_text("何も消していません")


async def test_a_forgotten_person_is_gone_from_what_lies_open(
    enter: Enter, house: House, mio: Person, path: str
) -> None:
    """Their edits of what the model wrote, other rooms, closed leaves, what is read out: nothing has them."""
    other = f"/r/{new_slug()}"
    elsewhere = await enter(other, "健")
    there = await enter(other, "澪")
    await there.write("別の部屋の秘密。")
    await elsewhere.sees("別の部屋の秘密。")
    ken = await enter(path, "健")
    await mio.more_button.click()
    await ken.sees(FIRST, sentence(0))
    await mio.choose_of(1, "直す")
    await mio.page.locator("textarea[name=edit]").fill("秘密の住所。")
    await mio.page.get_by_role("button", name="保存する").click()
    await ken.sees(FIRST, "秘密の住所。")
    await ken.leaf("見えるもの")
    await expect(ken.page.locator(".tz-window")).to_contain_text("秘密の住所。")
    await ken.page.keyboard.press("Escape")
    second = Person(await mio.page.context.new_page(), mio.url)
    await second.open(other)
    await second.write("別の窓の秘密。")
    await elsewhere.sees("別の部屋の秘密。", "別の窓の秘密。")
    await mio.page.get_by_label("あなたについて").click()
    await mio.page.get_by_role("button", name="自分の文章をすべて消す").click()
    await mio.page.get_by_role("button", name="すべての物語から消えます").click()
    await ken.sees(sentence(0))
    await elsewhere.sees("別の部屋の秘密。")
    for person in (mio, ken):
        page = await person.page.locator(".tz-page").inner_html()
        assert "秘密の住所" not in page
        assert FIRST.strip() not in page
    assert "別の窓の秘密" not in await elsewhere.page.locator(".tz-page").inner_html()


async def test_changes_need_a_name(enter: Enter, house: House, mio: Person, path: str) -> None:
    """Who only reads changes nothing, and is told how to."""
    guest = await enter(path)
    await guest.page.get_by_role("button", name="取り消し", exact=True).click()
    await expect(guest.notice).to_contain_text("お名前")
    await mio.sees(FIRST)


async def test_while_the_model_writes_the_tree_rests(house: House, mio: Person) -> None:
    """Undo is refused kindly until the continuation is done or stopped."""
    house.engine.free.clear()
    await mio.more_button.click()
    await expect(mio.draft).to_contain_text(beginning(0))
    await mio.page.get_by_role("button", name="取り消し", exact=True).click()
    await expect(mio.notice).to_contain_text("いま続きを書いている")
    await mio.draft.get_by_role("button", name="止める").click()
    await expect(mio.draft.get_by_role("button", name="止める")).to_have_count(0)
    await mio.page.get_by_role("button", name="取り消し", exact=True).click()
    await mio.sees(FIRST)


async def test_the_keyboard_reaches_everything(house: House, mio: Person) -> None:
    """A passage's menu opens with Enter and closes with Escape; so does the notebook."""
    dots = mio.page.get_by_role("button", name="この文にすること")
    await dots.focus()
    await mio.page.keyboard.press("Enter")
    await expect(mio.page.get_by_role("button", name="ここから分岐")).to_be_focused()
    await mio.page.keyboard.press("Escape")
    await expect(mio.page.locator(".tz-menu")).to_have_count(0)
    await expect(dots).to_be_focused()
    name = mio.page.get_by_label("あなたについて")
    await name.focus()
    await mio.page.keyboard.press("Enter")
    await expect(mio.page.get_by_role("button", name="名前を変える")).to_be_focused()
    await mio.page.keyboard.press("Escape")
    await expect(mio.page.locator(".tz-menu")).to_have_count(0)
    await expect(name).to_be_focused()
    await dots.focus()
    await mio.page.keyboard.press("Enter")
    await mio.page.get_by_role("button", name="直す").press("Enter")
    await expect(mio.page.locator("textarea[name=edit]")).to_be_focused()
    await mio.page.keyboard.press("Escape")
    await expect(dots).to_be_focused()
    opener = mio.page.get_by_role("button", name="帳面")
    await opener.focus()
    await mio.page.keyboard.press("Enter")
    await expect(mio.page.locator("#tz-drawer")).to_be_visible()
    await mio.page.keyboard.press("Escape")
    await expect(mio.page.locator("#tz-drawer")).to_be_hidden()
    await expect(opener).to_be_focused()


async def test_a_phone_shows_notebook_and_candidates(enter: Enter, house: House, path: str) -> None:
    """On a 360-pixel screen nothing needs sideways scrolling."""
    mio = await enter(path, "澪", width=360, height=640)
    await mio.write(FIRST)
    await mio.page.get_by_role("button", name="候補 3").click()
    await expect(mio.columns).to_have_count(3)
    assert await mio.page.evaluate("document.documentElement.scrollWidth") == 360
    for leaf in ("枝", "覚え書き", "見えるもの", "設定", "物語"):
        await mio.leaf(leaf)
        box = await mio.page.locator("#tz-drawer").bounding_box()
        assert box is not None
        assert box["width"] <= 360
        assert await mio.page.evaluate("document.documentElement.scrollWidth") == 360


async def test_on_a_phone_menus_and_the_title_have_room(enter: Enter, house: House, path: str) -> None:
    """The visitor's menu lies on the screen, a click beside it shuts it, and a title can be read."""
    mio = await enter(path, "とても長い名前の澪", width=360, height=640)
    await mio.write(FIRST)
    await mio.sees(FIRST)
    await mio.page.get_by_role("button", name="道具と設定").click()
    await mio.page.get_by_label("あなたについて").click()
    menu = await mio.page.locator(".tz-menu").bounding_box()
    assert menu is not None
    assert menu["x"] >= 0
    assert menu["x"] + menu["width"] <= 360
    await mio.texts.first.click()
    await expect(mio.page.locator(".tz-menu")).to_have_count(0)
    await mio.page.locator("h1 button").click()
    line = await mio.page.locator("h1 input").bounding_box()
    assert line is not None
    assert line["width"] > 150


async def test_the_notebook_lies_beside_the_story(enter: Enter, house: House, path: str) -> None:
    """On a common screen one goes on writing while it is open."""
    mio = await enter(path, "澪", width=1280)
    await mio.leaf("見えるもの")
    await expect(mio.page.locator(".tz-leaf:visible")).to_contain_text("まだ")
    await mio.box.fill(FIRST)
    await mio.more_button.click()
    await expect(mio.page.locator(".tz-window")).to_contain_text(sentence(0))


async def test_everything_has_an_english_name(enter: Enter, house: House, path: str) -> None:
    """A reader of English meets no Japanese but the story's."""
    amy = await enter(path, "Amy", locale="en-GB")
    await amy.write("It was a warm night.")
    for leaf in ("Branches", "Notes", "What it sees", "Settings", "Stories"):
        await amy.leaf(leaf)
    page = await amy.page.locator(".tz-page").inner_text()
    assert not [c for c in page.replace("続", "") if "\u3041" <= c <= "\u30ff"]


async def test_ruby_and_asides_are_seen_as_such(house: House, mio: Person) -> None:
    """Ruby stands above its word, dots beside emphasis, and a line beside the story looks different."""
    await mio.write("｜朝《あした》に《《きっと》》行く。\n// ここは相談です")
    last = mio.texts.last
    await expect(last.locator("ruby rt")).to_have_text("あした")
    await expect(last.locator(".tz-is-emphasis")).to_have_text("きっと")
    aside = last.locator(".tz-aside")
    await expect(aside).to_have_text("// ここは相談です")
    colours = await mio.page.evaluate(
        "[...document.querySelectorAll('.tz-text, .tz-aside')].map((one) => getComputedStyle(one).color)"
    )
    assert colours[-1] != colours[0]
    assert await house.texts() == [FIRST, "｜朝《あした》に《《きっと》》行く。\n// ここは相談です"]
