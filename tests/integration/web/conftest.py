"""One server and one browser for all tests of the web room; a new story and new people for each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from adapters.web import WebAdapter
from adapters.web.payloads import new_slug, room_of
from bot.core.services import Services
from bot.domain.chat import Room
from config.i18n import Translations
from tests.fakes.house import House, opened
from tests.fakes.services import FakeServices
from tests.integration.web.chromium import FLAGS, find_chromium
from tests.integration.web.person import Person

PATIENCE_MS = 20_000
"""Other tests run beside these, on as few as two cores."""
expect.set_options(timeout=PATIENCE_MS)


class StrictPhrases:
    """The real sentences; a key that is missing in either language fails the test that used it."""

    def __init__(self) -> None:
        self._phrases = Translations.load()
        self.missing: list[str] = []

    def __call__(self, key: str, locale: str, **values: object) -> str:
        """The sentence."""
        self.missing += [f"{key} ({each})" for each in ("ja", "en") if key not in self._phrases.keys(each)]
        return self._phrases(key, locale, **values)


@dataclass
class Stage:
    """Passes on to the services of the test that runs, so that one server does for all of them."""

    services: Services

    def __getattr__(self, name: str) -> Any:
        """Whatever is asked of services."""
        return getattr(self.services, name)


@pytest.fixture(scope="session")
def stage() -> Stage:
    """What the served room speaks to."""
    return Stage(FakeServices())


@pytest.fixture(scope="session")
def phrases() -> StrictPhrases:
    """The sentences that the pages under test show."""
    return StrictPhrases()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def web(phrases: StrictPhrases, stage: Stage) -> AsyncIterator[WebAdapter]:
    """A served web room on a free port."""
    adapter = WebAdapter(phrases, port=0)
    adapter.attach(cast("Services", stage))
    running = asyncio.create_task(adapter.run())
    await asyncio.wait_for(adapter.started(), 20)
    yield adapter
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """Chromium without a window."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    home: Path = tmp_path_factory.mktemp("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium,
            args=list(FLAGS),
            headless=True,
            env={"HOME": str(home), "LANG": "C.UTF-8"},
        )
        yield browser
        await browser.close()


@pytest.fixture
def services(stage: Stage) -> FakeServices:
    """The services of this test, empty."""
    services = FakeServices()
    stage.services = services
    return services


@pytest.fixture
def room() -> Room:
    """A room of this test's own."""
    return room_of(new_slug())


@pytest_asyncio.fixture(loop_scope="session")
async def house(
    tmp_path: Path, web: WebAdapter, stage: Stage, phrases: StrictPhrases
) -> AsyncIterator[House]:
    """The house around the room, at work."""
    async with opened(tmp_path, web, phrases) as house:
        stage.services = house.services
        yield house


@pytest.fixture
def path() -> str:
    """The address of a room of this test's own."""
    return f"/r/{new_slug()}"


Enter = Callable[..., Awaitable[Person]]


@pytest_asyncio.fixture(loop_scope="session")
async def enter(web: WebAdapter, browser: Browser) -> AsyncIterator[Enter]:
    """Open a page as a new person with a browser of their own."""
    people: list[Person] = []

    async def enter(
        path: str, name: str | None = None, *, locale: str = "ja", width: int = 1100, height: int = 800
    ) -> Person:
        context = await browser.new_context(locale=locale, viewport={"width": width, "height": height})
        context.set_default_timeout(PATIENCE_MS)
        person = Person(await context.new_page(), web.url)
        people.append(person)
        if name:
            await person.gave_name_before(name)
        await person.open(path)
        return person

    yield enter
    for person in people:
        await person.page.context.close()
    complaints = [complaint for person in people for complaint in person.complaints]
    assert complaints == []
