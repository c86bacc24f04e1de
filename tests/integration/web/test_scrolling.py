"""The page stays where its reader is, and goes along where they are at the end, in real browsers."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from adapters.web import WebAdapter
from adapters.web.render.values import Participant as Visitor
from bot.domain.chat import MODEL, Author, Room
from bot.domain.replies import Candidate, Reply, ReplyState
from tests.fakes.house import House
from tests.fakes.services import FakeReply, FakeServices
from tests.integration.web.conftest import Enter
from tests.integration.web.person import Person
from tests.integration.web.test_room import Silent

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

KEN = Author("web", "ken", "健")
LINE = "　雨は夜半を過ぎても降りやまず、坂の上の灯りが一つ、また一つと消えていった。"
FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
TOP = "(e) => e.getBoundingClientRect().top"


def fill(services: FakeServices, room: Room, count: int = 40) -> None:
    """A story that is longer than a page."""
    for number in range(count):
        services.tell(room, f"{number}{LINE}", KEN if number % 2 else MODEL)


async def top(person: Person) -> float:
    """How far the page is scrolled down, once it has come to rest."""
    await person.page.evaluate(FRAME)
    return float(await person.page.evaluate("window.scrollY"))


async def below(person: Person) -> float:
    """How much of the page is below what is seen."""
    await person.page.evaluate(FRAME)
    return float(
        await person.page.evaluate(
            "document.documentElement.scrollHeight - window.innerHeight - window.scrollY"
        )
    )


async def go_to(person: Person, y: int) -> float:
    """Scroll by hand."""
    await person.page.evaluate(f"window.scrollTo({{ top: {y}, behavior: 'instant' }})")
    return await top(person)


async def test_typing_moves_no_page(enter: Enter, services: FakeServices, room: Room) -> None:
    """Somebody who reads further up and types sees the same lines, key by key."""
    fill(services, room)
    mio = await enter(f"/r/{room.id}", "澪")
    before = await go_to(mio, 600)
    await mio.box.evaluate("(box) => box.focus({ preventScroll: true })")
    for key in "abcdefgh":
        await mio.page.keyboard.press(key)
    assert before == await top(mio)


async def test_a_notch_of_the_wheel_leaves_the_end(
    enter: Enter, services: FakeServices, web: WebAdapter, room: Room
) -> None:
    """While text streams, one notch up is enough to be left alone; at the end the page goes along again."""
    fill(services, room)
    mio = await enter(f"/r/{room.id}", "澪")
    reply = FakeReply(web, room, "job-1/0")
    await reply.show(Reply(ReplyState.WRITING, LINE))
    await expect(mio.draft).to_contain_text(LINE)
    assert await below(mio) < 1

    await mio.page.mouse.move(500, 300)
    await mio.page.mouse.wheel(0, -60)
    await mio.page.wait_for_function("document.documentElement.scrollHeight - innerHeight - scrollY > 50")
    before = await top(mio)
    await reply.show(Reply(ReplyState.WRITING, LINE * 5))
    await expect(mio.draft).to_contain_text(LINE * 5)
    assert before == await top(mio)

    await mio.page.get_by_role("button", name="新しい文").click()
    assert await below(mio) < 1
    await reply.show(Reply(ReplyState.WRITING, LINE * 9))
    await expect(mio.draft).to_contain_text(LINE * 9)
    assert await below(mio) < 1
    await expect(mio.page.get_by_role("button", name="新しい文")).to_have_count(0)


async def test_a_draft_that_grows_further_up_moves_no_reader(
    enter: Enter, services: FakeServices, web: WebAdapter, room: Room
) -> None:
    """At the end the page goes along; who went back keeps the line they read, though text grows above it."""
    fill(services, room)
    mio = await enter(f"/r/{room.id}", "澪")
    services.editing.begin(room, "job-1")
    reply = FakeReply(web, room, "job-1/0")
    await reply.show(Reply(ReplyState.WRITING, LINE, job="job-1"))
    await expect(mio.draft).to_contain_text(LINE)
    for number in range(30):
        services.tell(room, f"続{number}{LINE}", KEN)
    await mio.write("　彼女は傘をひらいた。")
    await expect(mio.passages).to_have_count(71)
    await expect(mio.page.locator(".tz-passage").nth(40)).to_contain_class("tz-draft")
    assert await below(mio) < 1
    await reply.show(Reply(ReplyState.WRITING, LINE * 5, job="job-1"))
    await expect(mio.draft).to_contain_text(LINE * 5)
    assert await below(mio) < 1

    line = mio.texts.nth(60)
    await mio.page.mouse.move(500, 300)
    await mio.page.mouse.wheel(0, -1200)
    await mio.page.wait_for_function("document.documentElement.scrollHeight - innerHeight - scrollY > 1000")
    await top(mio)
    before = await line.evaluate(TOP)
    await reply.show(Reply(ReplyState.WRITING, LINE * 9, job="job-1"))
    await expect(mio.draft).to_contain_text(LINE * 9)
    await top(mio)
    assert abs(before - await line.evaluate(TOP)) < 2
    assert await below(mio) > 1000


async def test_what_others_write_moves_no_reader(
    enter: Enter, services: FakeServices, web: WebAdapter, room: Room
) -> None:
    """A reader further up stays there; a button that covers nothing says that there is more."""
    fill(services, room)
    mio = await enter(f"/r/{room.id}", "澪")
    before = await go_to(mio, 600)
    await FakeReply(web, room, "job-1/0").show(Reply(ReplyState.WRITING, LINE))
    newer = mio.page.get_by_role("button", name="新しい文")
    await expect(newer).to_be_visible()
    assert before == await top(mio)
    assert await newer.evaluate(
        """(one) => {
          const a = one.getBoundingClientRect();
          const box = one.closest(".tz-composer");
          return [...box.querySelectorAll("button, select, textarea, input")].every((e) => {
            if (e === one) return true;
            const b = e.getBoundingClientRect();
            return b.left >= a.right || b.right <= a.left || b.top >= a.bottom || b.bottom <= a.top;
          });
        }"""
    )


async def test_own_words_are_seen(enter: Enter, services: FakeServices, room: Room) -> None:
    """Whoever writes while they read further up sees what they wrote."""
    fill(services, room)
    mio = await enter(f"/r/{room.id}", "澪")
    await go_to(mio, 300)
    await mio.write("　彼女は傘をひらいた。")
    await expect(mio.texts.last).to_have_text("　彼女は傘をひらいた。")
    await expect(mio.texts.last).to_be_in_viewport()
    assert await below(mio) < 1


async def test_a_growing_box_hides_no_end(enter: Enter, services: FakeServices, room: Room) -> None:
    """At the end of the story a box that takes more lines leaves its last line in view."""
    fill(services, room)
    mio = await enter(f"/r/{room.id}", "澪")
    await mio.box.fill("\n".join("一二三四五"))
    assert await below(mio) < 1


async def test_candidates_begin_at_their_beginnings(
    enter: Enter, services: FakeServices, web: WebAdapter, room: Room
) -> None:
    """Long candidates are shown from their first lines, while they grow and when they can be chosen."""
    fill(services, room)
    mio = await enter(f"/r/{room.id}", "澪", height=700)
    texts = [f"{first}　{LINE * 14}" for first in "甲乙丙"]
    others = tuple(Candidate("", text) for text in texts[1:])
    reply = FakeReply(web, room, "job-1/0")
    await reply.show(Reply(ReplyState.WRITING, texts[0], other_candidates=others, job="job-1"))
    await expect(mio.draft.locator(".tz-column")).to_have_count(3)
    await expect(mio.draft.locator(".tz-compare")).to_be_in_viewport()
    first = await mio.draft.locator(".tz-compare").evaluate("(e) => e.getBoundingClientRect().top")
    bar = await mio.page.locator(".tz-head").evaluate("(e) => e.getBoundingClientRect().bottom")
    assert bar <= first <= bar + 40


async def test_the_bar_stays(enter: Enter, services: FakeServices, room: Room) -> None:
    """Title, people and notebook are there wherever one reads, in a bar of one line."""
    fill(services, room)
    mio = await enter(f"/r/{room.id}", "澪")
    for y in (0, 700, 100_000):
        await go_to(mio, y)
        for part in (".tz-home", "h1", ".tz-people", ".tz-open"):
            await expect(mio.page.locator(part)).to_be_in_viewport()
    bar = await mio.page.locator(".tz-head").bounding_box()
    assert bar is not None
    assert (bar["y"], bar["height"] < 60) == (0, True)


async def test_a_phone_is_for_reading(
    enter: Enter, services: FakeServices, web: WebAdapter, room: Room
) -> None:
    """With eight people on a phone, bar and box leave most of the screen to the story."""
    fill(services, room)
    mio = await enter(f"/r/{room.id}", "澪", width=390, height=664)
    assert web._feeds is not None
    for number in range(7):
        web._feeds.room(room).connected(Silent(), Visitor(f"visitor-{number}", f"長い名前の客{number}"))
    await expect(mio.page.get_by_role("button", name="8人")).to_be_visible()
    heights = [
        await mio.page.locator(part).evaluate("(e) => e.offsetHeight")
        for part in (".tz-head", ".tz-composer")
    ]
    assert heights[0] <= 52
    assert heights[1] <= 175


async def test_an_open_editor_stays_in_view(
    enter: Enter, services: FakeServices, web: WebAdapter, room: Room
) -> None:
    """What others write moves it nowhere; a page that loads again shows it."""
    fill(services, room)
    mio = await enter(f"/r/{room.id}", "澪")
    await mio.write("　彼女は傘をひらいた。")
    await expect(mio.passages).to_have_count(41)
    await mio.choose_of(40, "直す")
    editor = mio.page.locator("textarea[name=edit]")
    await editor.fill("　彼は傘をひらいた。")
    for number in range(30):
        services.tell(room, f"続{number}{LINE}", KEN)
    await FakeReply(web, room, "job-1/0").show(Reply(ReplyState.WRITING, LINE))
    await expect(mio.passages).to_have_count(71)
    await mio.page.evaluate(FRAME)
    await expect(editor).to_be_in_viewport()
    await expect(mio.page.get_by_role("button", name="新しい文")).to_be_visible()
    await mio.reload()
    await expect(editor).to_be_focused()
    await expect(editor).to_be_in_viewport()
    await expect(editor).to_have_value("　彼は傘をひらいた。")


async def test_who_comes_back_to_the_end_by_hand_goes_along(
    enter: Enter, services: FakeServices, web: WebAdapter, room: Room
) -> None:
    """From the very top, and to the very place where the page had gone by itself before."""
    fill(services, room)
    mio = await enter(f"/r/{room.id}", "澪")
    reply = FakeReply(web, room, "job-1/0")
    await reply.show(Reply(ReplyState.WRITING, LINE))
    await expect(mio.draft).to_contain_text(LINE)
    assert await below(mio) < 1
    await go_to(mio, 0)
    await reply.show(Reply(ReplyState.WRITING, LINE, note="まだ"))
    await expect(mio.draft).to_contain_text("まだ")
    assert await top(mio) == 0
    await go_to(mio, 100_000)
    await reply.show(Reply(ReplyState.WRITING, LINE * 9))
    await expect(mio.draft).to_contain_text(LINE * 9)
    assert await below(mio) < 1
    await expect(mio.page.get_by_role("button", name="新しい文")).to_have_count(0)


async def test_where_all_is_in_view_nothing_is_said_to_be_below(
    enter: Enter, house: House, path: str
) -> None:
    """A story that became short under somebody who read further up has no way down to offer."""
    mio, ken = await enter(path, "澪"), await enter(path, "健")
    for number in range(14):
        await ken.write(f"{number}{LINE}")
        await expect(mio.passages).to_have_count(number + 1)
    await go_to(mio, 0)
    await ken.write("終わり。")
    newer = mio.page.get_by_role("button", name="新しい文")
    await expect(newer).to_be_visible()
    await ken.choose_of(0, "ここから分岐")
    await expect(mio.passages).to_have_count(1)
    await expect(newer).to_have_count(0)


@pytest.mark.parametrize("width", [360, 390, 721, 768, 860, 1024])
async def test_no_page_is_wider_than_its_window(
    enter: Enter, services: FakeServices, room: Room, width: int
) -> None:
    """Nothing but the text's own length is scrolled."""
    fill(services, room, 2)
    mio = await enter(f"/r/{room.id}", "澪", width=width)
    assert await mio.page.evaluate("document.documentElement.scrollWidth") == width


async def test_the_box_fits_its_text_at_any_width(enter: Enter, services: FakeServices, room: Room) -> None:
    """Where the page becomes narrower, by the notebook or a turned phone, no line of it is cut off."""
    mio = await enter(f"/r/{room.id}", "澪", width=1100)
    await mio.box.fill(LINE * 3)
    await mio.page.set_viewport_size({"width": 500, "height": 900})
    await mio.page.wait_for_function("innerWidth === 500")
    await mio.page.evaluate(FRAME)
    await mio.page.evaluate(FRAME)
    assert await mio.box.evaluate("(box) => box.scrollHeight - box.clientHeight") <= 0
