"""The web room as a browser gets it: addresses, cookies, the page, and what its scripts send."""

from __future__ import annotations

import html
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.golden.conftest import Golden
from tests.golden.doors import bot_process
from tests.golden.normal import alike
from tests.golden.story_worker import story_worker

LANGUAGES = ("ja", "en")
ASKED = (
    ("GET", "/"),
    ("HEAD", "/"),
    ("GET", "/r/golden"),
    ("HEAD", "/r/golden"),
    ("GET", "/r/Not%20One"),
    ("HEAD", "/r/Not%20One"),
    ("GET", "/nothing"),
    ("POST", "/"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
)
SENDING = re.compile(r"\$emit\(|\bdo: |emits: ")


@asynccontextmanager
async def visited(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A running web room; it has to end well."""
    async with story_worker() as worker, bot_process(folder, TSUZUKI_ENGINE__URL=worker.url) as bot:
        await bot.until_said("http://127.0.0.1:")
        found = re.search(r"http://127\.0\.0\.1:\d+", bot.said)
        assert found is not None
        async with httpx.AsyncClient(base_url=found[0], timeout=30, trust_env=False) as browser:
            yield browser
        assert await bot.stop() == 0
    assert "Traceback" not in bot.said


async def test_the_room(golden: Golden, tmp_path: Path) -> None:
    """Addresses and cookies, elements with their classes, words and events, and what their scripts send."""
    async with visited(tmp_path) as browser:
        addresses = await addresses_of(browser)
        pages, lines = await pages_of(browser)
    golden(web_addresses=addresses, web_pages=alike(pages), web_scripts_send="\n".join(lines) + "\n")


async def addresses_of(browser: httpx.AsyncClient) -> dict[str, Any]:
    """What each answers, in both languages; which cookies it sets."""
    told: dict[str, Any] = {}
    for language in LANGUAGES:
        for method, path in ASKED:
            browser.cookies.clear()
            answer = await browser.request(method, path, headers={"Accept-Language": language})
            title = re.search(r"<title>(.*?)</title>", answer.text)
            told[f"{language} {method} {path}"] = {
                "status": answer.status_code,
                "type": answer.headers.get("content-type"),
                "title": title and title[1],
                "cookies": sorted(answer.cookies),
            }
    return told


async def pages_of(browser: httpx.AsyncClient) -> tuple[dict[str, Any], list[str]]:
    """The pages' elements, and those lines of their scripts that send something."""
    told: dict[str, Any] = {}
    lines: set[str] = set()
    for language in LANGUAGES:
        for path in ("/", "/r/golden"):
            page = (await browser.get(path, headers={"Accept-Language": language})).text
            told[f"{language} {path}"] = tree_of(page)
            for script in sorted(set(re.findall(r"/_nicegui/[\w.]+/components/[\w./]+\.js", page))):
                text = (await browser.get(script)).text
                lines |= {line.strip() for line in text.splitlines() if SENDING.search(line)}
    return told, sorted(lines)


def tree_of(page: str) -> Any:
    """A page's elements, each with those in it. Parts with a script of their own are all called `part`."""
    found = re.search(r"parseElements\(String\.raw`(.*?)`\)", page, re.DOTALL)
    assert found is not None
    elements = json.loads(html.unescape(found[1]))
    inside = {child for each in elements.values() for child in each.get("children", ())}
    return [_shown(elements, key) for key in sorted(elements, key=int) if int(key) not in inside]


def _shown(elements: dict[str, Any], key: str) -> dict[str, Any]:
    element = elements[key]
    told = {name: element[name] for name in ("text", "class", "props") if name in element}
    tag = "part" if "words" in element.get("props", {}) else element["tag"]
    events = sorted(event["type"] for event in element.get("events", ()))
    children = [_shown(elements, str(child)) for child in element.get("children", ())]
    return {
        "tag": tag,
        **told,
        **({"events": events} if events else {}),
        **({"in it": children} if children else {}),
    }
