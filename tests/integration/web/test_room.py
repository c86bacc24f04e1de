"""The room in real browsers."""

from __future__ import annotations

import pytest
from nicegui import Client
from playwright.async_api import expect

from adapters.web import WebAdapter
from adapters.web.render.values import Participant as Visitor
from adapters.web.render.values import RoomChange
from bot.domain.chat import MODEL, Author, Message, Room
from bot.domain.errors import QueueFull
from bot.domain.jobs import GenerationOptions, JobReceipt, Length
from bot.domain.replies import Candidate, Reply, ReplyState
from bot.domain.room_settings import RoomSettings
from tests.fakes.services import FakeReply, FakeServices
from tests.integration.web.conftest import Enter, Stage, StrictPhrases

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FIRST = "それは九月初旬のある蒸し暑い晩のことであった。"
SECOND = "　私は、D坂の大通りの中程にある、白梅軒という喫茶店にいた。"
MIO = Author("web", "mio", "澪")


def address(room: Room) -> str:
    """The room's path."""
    return f"/r/{room.id}"


async def test_what_one_writes_all_see_with_the_name(
    enter: Enter, services: FakeServices, room: Room
) -> None:
    """Two browsers in a room: a passage of one appears to both at once, with its author."""
    mio = await enter(address(room), "澪")
    ken = await enter(address(room), "健")
    await mio.write(FIRST)
    for person in (mio, ken):
        await person.sees(FIRST)
        await expect(person.authors).to_have_text(["澪"])
    await expect(mio.box).to_have_value("")
    assert (
        services.heard[0].message.text,
        services.heard[0].message.author.name,
        services.heard[0].ask,
    ) == (FIRST, "澪", None)


async def test_a_name_is_asked_once_and_kept(enter: Enter, services: FakeServices, room: Room) -> None:
    """The first message needs a name, which the browser remembers."""
    guest = await enter(address(room))
    await guest.write(FIRST)
    await expect(guest.notice).to_contain_text("お名前")
    await expect(guest.box).to_have_value(FIRST)
    await guest.page.get_by_label("お名前").fill("澪")
    await guest.write_button.click()
    await guest.sees(FIRST)
    await expect(guest.people).to_have_text(["澪"])
    await guest.reload()
    await expect(guest.page.get_by_label("お名前")).to_have_count(0)
    await guest.write(SECOND)
    await guest.sees(FIRST, SECOND)
    assert services.heard[0].message.author == services.heard[1].message.author


async def test_text_stays_exactly_as_written(enter: Enter, services: FakeServices, room: Room) -> None:
    """Indentation, blank lines and full-width characters arrive as typed; Enter begins a new line."""
    mio = await enter(address(room), "澪")
    await mio.box.focus()
    for line in ("　「あ……」", "", "　ｶﾅと――ＡＢＣ。"):
        await mio.page.keyboard.insert_text(line)
        await mio.page.keyboard.press("Enter")
    await mio.page.keyboard.press("Control+Enter")
    heard = await services.until_heard()
    assert heard.message.text == "　「あ……」\n\n　ｶﾅと――ＡＢＣ。\n"
    await expect(mio.texts).to_have_css("white-space", "pre-wrap")


async def test_going_on_streams_to_everybody(
    enter: Enter, services: FakeServices, web: WebAdapter, room: Room
) -> None:
    """続き sends the text with the chosen length and preset; the reply grows for all."""
    mio = await enter(address(room), "澪")
    ken = await enter(address(room), "健")
    await mio.page.get_by_label("長さ").select_option("長め")
    await mio.page.get_by_label("調子").select_option("冒険")
    await mio.box.fill(FIRST)
    await mio.more_button.click()
    heard = await services.until_heard()
    assert (FIRST, GenerationOptions(Length.LONG, "bold")) == (heard.message.text, heard.ask)

    reply = FakeReply(web, room, "job-1/0")
    await reply.show(Reply(ReplyState.WAITING, note="2番目です。"))
    for person in (mio, ken):
        await expect(person.draft).to_contain_text("2番目です。")
    await reply.show(Reply(ReplyState.WRITING, "雨が"))
    await reply.show(Reply(ReplyState.WRITING, "雨が降っていた。"))
    for person in (mio, ken):
        await expect(person.draft.locator(".tz-text")).to_have_text("雨が降っていた。")
        await person.sees(FIRST)
        await expect(person.page.get_by_role("log")).to_contain_text("雨が降っていた。")
    services.tell(room, "雨が降っていた。")
    await reply.show(Reply(ReplyState.DONE, "雨が降っていた。"))
    for person in (mio, ken):
        await person.sees(FIRST, "雨が降っていた。")
        await expect(person.draft).to_have_count(0)
        await expect(person.authors).to_have_text(["澪", MODEL.name])


async def test_going_on_without_own_text(enter: Enter, services: FakeServices, room: Room) -> None:
    """続き with an empty box asks for more of the story as it is."""
    services.tell(room, FIRST, MIO)
    ken = await enter(address(room), "健")
    await ken.more_button.click()
    heard = await services.until_heard()
    assert ("", GenerationOptions()) == (heard.message.text, heard.ask)


async def test_the_storyteller_is_waking_up(
    enter: Enter, services: FakeServices, web: WebAdapter, room: Room
) -> None:
    """While the model loads, everybody reads how far it is."""
    services.tell(room, FIRST, MIO)
    ken = await enter(address(room), "健")
    reply = FakeReply(web, room, "job-1/0")
    await reply.show(Reply(ReplyState.WAITING, note="語り手が目を覚ましています（40%）"))
    await expect(ken.draft).to_contain_text("語り手が目を覚ましています（40%）")


async def test_a_late_joiner_and_a_reload_see_all_once(
    enter: Enter, services: FakeServices, web: WebAdapter, room: Room
) -> None:
    """Who comes late, or loads the page again, gets the whole story and the running stream, each once."""
    services.tell(room, FIRST, MIO)
    ken = await enter(address(room), "健")
    reply = FakeReply(web, room, "job-1/0")
    await reply.show(Reply(ReplyState.WRITING, "雨が"))
    late = await enter(address(room))
    await ken.reload()
    for person in (ken, late):
        await person.sees(FIRST)
        await expect(person.draft.locator(".tz-text")).to_have_text("雨が")
    services.tell(room, "雨が降った。")
    await reply.show(Reply(ReplyState.DONE, "雨が降った。"))
    await late.reload()
    for person in (ken, late):
        await person.sees(FIRST, "雨が降った。")
        await expect(person.draft).to_have_count(0)


async def test_a_lost_connection_duplicates_nothing(
    enter: Enter, services: FakeServices, web: WebAdapter, room: Room
) -> None:
    """What happened while a browser was offline appears once when it is back."""
    services.tell(room, FIRST, MIO)
    ken = await enter(address(room), "健")
    mio = await enter(address(room), "澪")
    await expect(mio.people).to_have_text(["健", "澪"])
    await ken.page.evaluate("window.socket.io.engine.close()")
    await expect(mio.people).to_have_text(["澪"])
    await mio.write(SECOND)
    await ken.sees(FIRST, SECOND)
    await expect(mio.people).to_have_text(["澪", "健"])
    await mio.write("三つめ。")
    await ken.sees(FIRST, SECOND, "三つめ。")


async def test_a_page_that_was_away_too_long_comes_back_whole(
    enter: Enter, services: FakeServices, room: Room
) -> None:
    """A page that the server no longer knows, as after a restart, loads itself again and loses nothing."""
    services.tell(room, FIRST, MIO)
    ken = await enter(address(room), "健")
    await ken.box.fill("書きかけ")
    async with ken.page.expect_event("load"):
        for client in [each for each in Client.instances.values() if each.has_socket_connection]:
            client.delete()
        await ken.page.evaluate("window.socket.io.engine.close()")
    await ken.alive()
    await ken.sees(FIRST)
    await expect(ken.box).to_have_value("書きかけ")
    await ken.write_button.click()
    await ken.sees(FIRST, "書きかけ")


async def test_a_refused_request_keeps_the_text(
    enter: Enter, services: FakeServices, room: Room, phrases: StrictPhrases
) -> None:
    """A full queue is told kindly, in the reader's language, and the text stays in the box."""
    mio = await enter(address(room), "Mio", locale="en-GB")
    services.refuse(QueueFull(limit=100))
    await mio.box.fill(FIRST)
    await mio.more_button.click()
    await expect(mio.notice).to_have_text(phrases("error.queue_full", "en", limit=100))
    await expect(mio.box).to_have_value(FIRST)
    await mio.more_button.click()
    await mio.sees(FIRST)
    await expect(mio.box).to_have_value("")


async def test_nothing_to_add_is_said_kindly(
    enter: Enter, services: FakeServices, room: Room, phrases: StrictPhrases
) -> None:
    """Adding a blank text is refused before it reaches the story."""
    services.tell(room, FIRST, MIO)
    mio = await enter(address(room), "澪")
    await mio.write(" \n")
    await expect(mio.notice).to_have_css("color", "rgb(42, 37, 33)")
    await expect(mio.notice).to_have_text(phrases("error.empty_prompt", "ja"))
    assert services.heard == []


class Silent:
    """A watcher that nobody looks at."""

    def show(self, change: RoomChange) -> None:
        """Nothing."""

    def rename(self, name: str) -> None:
        """Nothing."""

    def show_people(self, people: tuple[Visitor, ...]) -> None:
        """Nothing."""

    def show_settings(self, rules: RoomSettings) -> None:
        """Nothing."""


class BrokenServices(FakeServices):
    """Services whose store is gone."""

    async def receive_message(self, message: Message, ask: GenerationOptions | None) -> JobReceipt | None:
        """Fail as no rule foresees."""
        raise OSError("disk full")

    async def cancel(self, room: Room, by: Author) -> bool:
        """Likewise."""
        raise OSError("disk full")


async def test_what_nobody_foresaw_is_no_loss(
    enter: Enter,
    stage: Stage,
    web: WebAdapter,
    room: Room,
    phrases: StrictPhrases,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A failure behind the page is told and logged; the text stays and the buttons work again."""
    stage.services = BrokenServices()
    mio = await enter(address(room), "澪")
    await mio.write(FIRST)
    await expect(mio.notice).to_have_text(phrases("web.trouble", "ja"))
    await expect(mio.box).to_have_value(FIRST)
    await FakeReply(web, room, "job/0").show(Reply(ReplyState.WRITING, "雨が"))
    # Two that are alike become one with a number, unless the first has gone by then.
    await expect(mio.notice).to_have_count(0)
    await mio.draft.get_by_role("button").click()
    await expect(mio.notice).to_have_text(phrases("web.trouble", "ja"))
    ours = [record for record in caplog.records if record.name.startswith("adapters.")]
    assert [str(record.exc_info[1]) for record in ours if record.exc_info] == ["disk full"] * 2
    stage.services = FakeServices()
    await mio.write_button.click()
    await mio.sees(FIRST)


async def test_a_double_click_is_one_request(enter: Enter, services: FakeServices, room: Room) -> None:
    """Two quick clicks add one passage and ask once."""
    mio = await enter(address(room), "澪")
    await mio.box.fill(FIRST)
    await mio.more_button.dblclick()
    await mio.sees(FIRST)
    await mio.box.fill(SECOND)
    await mio.write_button.dblclick()
    await mio.sees(FIRST, SECOND)
    assert len(services.heard) == 2


async def test_a_running_continuation_can_be_stopped(
    enter: Enter, services: FakeServices, web: WebAdapter, room: Room
) -> None:
    """止める reaches the rules; the stopped reply says so and gives way to the next one."""
    services.tell(room, FIRST, MIO)
    ken = await enter(address(room), "健")
    reply = FakeReply(web, room, "job-1/0")
    await reply.show(Reply(ReplyState.WRITING, "雨が"))
    await ken.draft.get_by_role("button", name="止める").click()
    await expect(ken.notice).to_have_count(0)
    await reply.show(Reply(ReplyState.CANCELLED, note="止めました。"))
    await expect(ken.draft).to_contain_text("止めました。")
    await expect(ken.draft.get_by_role("button")).to_have_count(0)
    await FakeReply(web, room, "job-2/0").show(Reply(ReplyState.WAITING, note="次です。"))
    await expect(ken.draft).to_have_count(1)
    assert [room] == services.cancelled


async def test_text_is_never_read_as_html(
    enter: Enter, services: FakeServices, web: WebAdapter, room: Room
) -> None:
    """Tags and templates in names, passages, drafts, notes, candidates and titles are shown as text."""
    evil = (
        "<script>window.hit=1</script><img src=x onerror='window.hit=1'>"
        "{{ constructor.constructor('hit=1')() }}"
    )
    services.tell(room, evil, Author("web", "x", "<b onclick=1>悪</b>"))
    ken = await enter(address(room), "<i>健</i>")
    await ken.write(evil)
    draft = Reply(ReplyState.WRITING, evil, evil, (Candidate("", evil),))
    await FakeReply(web, room, "job/0").show(draft)
    await ken.sees(evil, evil)
    await expect(ken.authors.first).to_have_text("<b onclick=1>悪</b>")
    await expect(ken.people).to_have_text(["<i>健</i>"])
    await expect(ken.draft.locator(".tz-text")).to_have_text([evil, evil])
    assert await ken.page.evaluate("window.hit") is None
    await ken.reload()
    await ken.sees(evil, evil)
    await ken.open("/")
    await expect(ken.page.locator(".tz-stories a").first).to_contain_text("<script>")
    assert await ken.page.evaluate("window.hit") is None


async def test_a_crowd_is_counted(enter: Enter, services: FakeServices, web: WebAdapter, room: Room) -> None:
    """The first names stand in the bar; behind the count of all lie everybody's, and how many only read."""
    mio = await enter(address(room), "澪")
    await enter(address(room))
    await expect(mio.people).to_have_text(["澪"])
    assert web._feeds is not None
    live = web._feeds.room(room)
    for number in range(9):
        live.connected(Silent(), Visitor(f"visitor-{number}", f"客{number}"))
    await expect(mio.people).to_have_text(["澪", "客0", "客1", "客2"])
    await mio.page.get_by_role("button", name="11人").click()
    names = ["澪", *(f"客{number}" for number in range(9))]
    everybody = mio.page.locator("#tz-everybody li:visible")
    await expect(everybody).to_have_text([*names, "読む人 1"])


async def test_typed_text_survives_a_reload(enter: Enter, services: FakeServices, room: Room) -> None:
    """A page that loads again still holds what was being typed, and the choices made."""
    mio = await enter(address(room), "澪")
    await mio.box.fill(SECOND)
    await mio.page.get_by_label("長さ").select_option("短め")
    await mio.reload()
    await expect(mio.box).to_have_value(SECOND)
    await expect(mio.page.get_by_label("長さ")).to_have_value("short")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_phone_needs_no_sideways_scrolling(
    enter: Enter, services: FakeServices, web: WebAdapter, room: Room, scheme: str
) -> None:
    """On a 360-pixel screen everything fits, in the light and in the dark."""
    services.tell(room, "あ" * 400 + "W" * 200, Author("web", "x", "とても長い名前" * 4))
    ken = await enter(address(room), "健" * 30, width=360, height=640)
    await ken.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await FakeReply(web, room, "job/0").show(Reply(ReplyState.WRITING, "い" * 300))
    await expect(ken.draft).to_be_visible()
    assert await ken.page.evaluate("document.documentElement.scrollWidth") == 360
    paper = await ken.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert {"light": "rgb(247, 242, 232)", "dark": "rgb(27, 25, 23)"}[scheme] == paper


async def test_the_page_speaks_the_readers_language(enter: Enter, services: FakeServices, room: Room) -> None:
    """Accept-Language decides between Japanese and English, for the words and for the document."""
    ja = await enter(address(room), locale="ja")
    en = await enter(address(room), locale="de-DE")
    assert await ja.page.evaluate("document.documentElement.lang") == "ja"
    assert await en.page.evaluate("document.documentElement.lang") == "en-US"
    await expect(ja.more_button).to_have_text("続き")
    await expect(en.more_button).to_have_text("Go on")


async def test_everything_can_be_reached_by_keyboard(
    enter: Enter, services: FakeServices, room: Room
) -> None:
    """From the box, Tab leads over the choices to the buttons; Space presses them; each has a name."""
    mio = await enter(address(room), "澪")
    await mio.box.fill(FIRST)
    reached = []
    for _ in range(7):
        await mio.page.keyboard.press("Tab")
        reached.append(
            await mio.page.evaluate("document.activeElement.name || document.activeElement.className")
        )
    assert reached == ["length", "preset", "scores", "tz-as", "tz-write", "tz-several", "tz-more"]
    await mio.page.keyboard.press("Space")
    await mio.sees(FIRST)
    unnamed = await mio.page.evaluate(
        "[...document.querySelectorAll('button, input, textarea, select, a')]"
        ".filter(e => !(e.labels?.length || e.ariaLabel || e.textContent.trim())).length"
    )
    assert unnamed == 0


async def test_every_sentence_is_there_in_both_languages(phrases: StrictPhrases) -> None:
    """Nothing that the pages showed so far lacked a sentence."""
    assert phrases.missing == []
