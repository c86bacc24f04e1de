"""The first page in real browsers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx
import pytest
from playwright.async_api import expect
from sqlalchemy import update

from adapters.web import WebAdapter
from bot.domain.chat import Author, Message, Room
from bot.domain.story import Story
from bot.store import tables
from tests.fakes.house import House
from tests.fakes.services import FakeServices
from tests.integration.web.conftest import Enter

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

NICEGUI_PATIENCE_S = 3.0
FIRST = "親譲りの無鉄砲で小供の時から損ばかりしている。"


async def test_a_story_begins_with_its_first_line(enter: Enter, services: FakeServices) -> None:
    """Name, title and first line lead into a room of its own, which the first page then lists."""
    mio = await enter("/")
    await mio.page.get_by_label("お名前").fill("澪")
    await mio.page.get_by_label("題（").fill("坊っちゃん 二")
    await mio.box.fill(FIRST)
    await mio.write_button.dblclick()
    await mio.page.wait_for_url("**/r/*")
    await mio.alive()
    await mio.sees(FIRST)
    await expect(mio.page.locator("h1")).to_have_text(FIRST)
    heard = await services.until_heard()
    assert (
        heard.message.title,
        heard.message.author.name,
        heard.ask,
        len(services.heard),
    ) == ("坊っちゃん 二", "澪", None, 1)
    await mio.page.get_by_label("はじめのページへ").click()
    await mio.page.wait_for_url(mio.url + "/")
    await expect(mio.box).to_have_value("")
    await expect(mio.page.locator(".tz-stories a")).to_have_text([FIRST])
    await mio.page.locator(".tz-stories a").click()
    await mio.sees(FIRST)


async def test_a_story_can_begin_with_the_model_going_on(enter: Enter, services: FakeServices) -> None:
    """The other button begins the story and asks for its continuation at once."""
    mio = await enter("/", "澪")
    await mio.box.fill(FIRST)
    await mio.more_button.click()
    await mio.page.wait_for_url("**/r/*")
    heard = await services.until_heard()
    assert heard.ask is not None


async def test_the_stories_are_listed_latest_first(enter: Enter, services: FakeServices) -> None:
    """Each story is a link; one without a title has a name all the same."""
    for number in (1, 2):
        services.tell(Room("web", f"room-{number}"), f"{number}番目の話", Author("web", "x", "澪"))
    mio = await enter("/")
    await expect(mio.page.locator(".tz-stories a")).to_have_text(["2番目の話", "1番目の話"])


async def test_an_impossible_address_is_answered_kindly(enter: Enter, services: FakeServices) -> None:
    """An address that no room can have leads back to the first page."""
    mio = await enter("/r/%E3%81%82")
    await expect(mio.page.get_by_text("見つかりませんでした")).to_be_visible()
    await mio.page.get_by_text("はじめのページへ").click()
    await mio.page.wait_for_url(mio.url + "/")


async def test_an_address_that_leads_nowhere_is_ours(
    enter: Enter, services: FakeServices, web: WebAdapter
) -> None:
    """It says so in the reader's language, in our page, with the way back; HEAD is answered, too."""
    mio = await enter("/")
    response = await mio.page.goto(mio.url + "/no/such/page")
    assert response is not None
    assert response.status == 404
    await expect(mio.page.locator("body")).to_contain_text("このページは見つかりませんでした")
    assert await mio.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(247, 242, 232)"
    await mio.page.get_by_role("link", name="はじめのページへ").click()
    await mio.page.wait_for_url(mio.url + "/")
    async with httpx.AsyncClient(base_url=web.url) as client:
        paths = ("/", "/r/a-room", "/r/%E3%81%82", "/no/such/page")
        answers = [await client.head(path) for path in paths]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 404]


async def test_a_page_that_waits_for_the_store_is_whole(
    enter: Enter, services: FakeServices, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when all pages come back at once after a restart: none is an error because it took its time."""
    services.tell(room, FIRST, Author("web", "x", "澪"))
    read, ready = services.stories.open_in, asyncio.Event()

    async def late(where: Room) -> Story | None:
        asyncio.get_running_loop().call_later(NICEGUI_PATIENCE_S + 0.5, ready.set)
        await ready.wait()
        return await read(where)

    monkeypatch.setattr(FakeServices, "open_in", lambda _, where: late(where))
    mio = await enter(f"/r/{room.id}", "澪")
    await mio.sees(FIRST)


async def test_stories_of_one_title_are_told_apart(enter: Enter, house: House) -> None:
    """Each has the moment when it was last written, as the reader's clock has it."""
    for number, (day, hour) in enumerate(((1, 3), (2, 15)), start=1):
        room = Room("web", f"alike-{number}")
        await house.services.generation.receive_message(
            Message(f"e{number}", room, Author("web", "x", "澪"), FIRST, "同じ題"), None
        )
        async with house.store.engine.begin() as connection:
            moment = datetime(2026, 3, day, hour, tzinfo=UTC)
            await connection.execute(
                update(tables.stories).filter_by(room_id=room.id).values(changed_at=moment)
            )
    mio = await enter("/")
    lines = mio.page.locator(".tz-stories a", has_text="同じ題")
    await expect(lines.locator("time")).to_have_text(["2026/03/02 15:00", "2026/03/01 3:00"])


async def test_a_name_is_asked_for(enter: Enter, services: FakeServices, room: Room) -> None:
    """With a word of the text only where there is one."""
    services.tell(room, FIRST, Author("web", "x", "澪"))
    mio = await enter(f"/r/{room.id}")
    await mio.more_button.click()
    await expect(mio.notice).to_have_text("先にお名前を教えてください。")
    await mio.reload()
    await mio.write(FIRST)
    await expect(mio.notice).to_contain_text("書いた文章はそのまま残っています")
