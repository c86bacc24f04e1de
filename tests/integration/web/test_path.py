"""The web room behind a proxy that shows it under a path, in a real browser."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, expect

from adapters.web import WebAdapter
from tests.fakes.services import FakeServices
from tests.integration.web.person import Person
from tests.servers.bot_process import bot_process
from tests.servers.proxy import proxy

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FIRST = "親譲りの無鉄砲で小供の時から損ばかりしている。"


async def walk(browser: Browser, url: str) -> None:
    """Begin a story, go home, find it in the list, load it anew: never a request outside the path."""
    context = await browser.new_context(locale="ja")
    context.set_default_timeout(20_000)
    person = Person(await context.new_page(), url)
    await person.gave_name_before("澪")
    await person.open("/")
    await person.box.fill(FIRST)
    await person.write_button.click()
    await person.page.wait_for_url(f"{url}/r/*")
    await person.alive()
    await person.sees(FIRST)
    await person.page.get_by_label("はじめのページへ").click()
    await person.page.wait_for_url(f"{url}/")
    await person.page.locator(".tz-stories a").click()
    await person.page.wait_for_url(f"{url}/r/*")
    await person.sees(FIRST)
    await person.reload()
    await person.sees(FIRST)
    await person.page.goto(f"{url}/r/%E3%81%82")
    await person.page.get_by_text("はじめのページへ").click()
    await person.page.wait_for_url(f"{url}/")
    await expect(person.box).to_have_value("")
    await context.close()
    assert person.complaints == []


async def test_a_proxy_that_says_its_path(browser: Browser, web: WebAdapter, services: FakeServices) -> None:
    """X-Forwarded-Prefix is in front of every link, script and socket."""
    async with proxy(web.url, "/room", says=True) as url:
        await walk(browser, url)


async def test_a_path_that_is_set(browser: Browser, tmp_path: Path) -> None:
    """Where the proxy says nothing, the setting does."""
    variables = {"TSUZUKI_WEB__ROOT_PATH": "/deep/room", "TSUZUKI_ENGINE__URL": "http://127.0.0.1:9"}
    async with bot_process(tmp_path, **variables) as bot:
        await bot.until_said("http://127.0.0.1:")
        port = bot.said.split("http://127.0.0.1:")[1].split()[0].strip("/）).")
        async with proxy(f"http://127.0.0.1:{port}", "/deep/room", says=False) as url:
            await walk(browser, url)
        await asyncio.wait_for(bot.stop(), 30)


@pytest.mark.parametrize("said", ["//evil.example", "/a b", "javascript:alert(1)", '/"><script>', "/room/"])
async def test_a_path_that_is_none_is_not_taken_over(
    web: WebAdapter, services: FakeServices, said: str
) -> None:
    """What a request says of its path comes into links: only a path does."""
    async with httpx.AsyncClient() as client:
        page = (await client.get(f"{web.url}/r/%E3%81%82", headers={"X-Forwarded-Prefix": said})).text

    assert ('"href":"/room/"' if said == "/room/" else '"href":"/"') in page.replace(" ", "")
