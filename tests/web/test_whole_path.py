"""From the browser through play, store, queue, dispatcher and outbox, and back into both browsers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from adapters.web import WebAdapter
from bot.dispatcher import Dispatcher
from bot.messages import MODEL, Delta, EngineStatus, Health, Request, TokenCount
from bot.outbox import Outbox
from bot.play import StoryPlay
from bot.queue import JobQueue
from bot.store import SqlStore, open_store
from tests.web.conftest import Enter, Stage, StrictPhrases

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FIRST = "　それは九月初旬のある蒸し暑い晩のことであった。"
PIECES = ("雨が", "降っていた。", "\n　街灯が", "ひとつ消えた。")
WHOLE = "雨が降っていた。\n　街灯がひとつ消えた。"


class HeldEngine:
    """Writes `PIECES`; after the second it waits until the test lets it go on."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.requests: list[Request] = []

    async def generate(self, request: Request) -> AsyncIterator[Delta]:
        """Stream the pieces."""
        self.requests.append(request)
        for number, piece in enumerate(PIECES):
            if number == 2:
                await self.go_on.wait()
            yield Delta(0, piece)
        yield Delta(0, "", "stop")

    async def health(self) -> Health:
        """Ready."""
        return Health(EngineStatus.READY, 1.0)

    async def count(self, text: str) -> TokenCount:
        """Sees everything."""
        return TokenCount(len(text))


@pytest.fixture
def engine() -> HeldEngine:
    """The storyteller."""
    return HeldEngine()


@pytest_asyncio.fixture(loop_scope="session")
async def store(
    tmp_path: Path, web: WebAdapter, stage: Stage, phrases: StrictPhrases, engine: HeldEngine
) -> AsyncIterator[SqlStore]:
    """The house around the web room, at work."""
    store = await open_store(f"sqlite:///{tmp_path}/tsuzuki.db")
    queue, outbox = JobQueue(), Outbox(store, {"web": web})
    dispatcher = Dispatcher(store, queue, engine, outbox, phrases, slots=2)
    stage.play = StoryPlay(store, queue, engine, outbox.show, phrases)
    running = [asyncio.create_task(part.run()) for part in (outbox, dispatcher)]
    yield store
    for task in reversed(running):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await outbox.close(5)
    await store.close()


async def test_a_story_from_the_first_line_to_the_stored_continuation(
    enter: Enter, store: SqlStore, engine: HeldEngine
) -> None:
    """One begins and asks; both see it stream; it is stored once, and a reload shows the same."""
    mio = await enter("/", "澪")
    await mio.box.fill(FIRST)
    await mio.more_button.click()
    await mio.page.wait_for_url("**/r/*")
    await mio.alive()
    ken = await enter(mio.page.url.removeprefix(mio.url), "健")
    for person in (mio, ken):
        await person.sees(FIRST)
        await expect(person.draft.locator(".tz-text")).to_have_text("雨が降っていた。")
    engine.go_on.set()
    for person in (mio, ken):
        await person.sees(FIRST, WHOLE)
        await expect(person.draft).to_have_count(0)
        await expect(person.authors).to_have_text(["澪", MODEL.name])
    await ken.reload()
    await ken.sees(FIRST, WHOLE)
    story = (await store.stories("web"))[0]
    passages = (await store.story_by_id(story.id)).passages
    assert [passage.text for passage in passages] == [FIRST, WHOLE]


async def test_stopping_frees_the_room_for_the_next(
    enter: Enter, store: SqlStore, engine: HeldEngine
) -> None:
    """止める ends the running continuation at once; afterwards the story goes on as usual."""
    mio = await enter("/", "澪")
    await mio.box.fill(FIRST)
    await mio.more_button.click()
    await mio.page.wait_for_url("**/r/*")
    await mio.alive()
    await expect(mio.draft.locator(".tz-text")).to_have_text("雨が降っていた。")
    await mio.draft.get_by_role("button", name="止める").click()
    await expect(mio.draft.get_by_role("button", name="止める")).to_have_count(0)
    await mio.write("やがて雨は止んだ。")
    await expect(mio.texts.last).to_have_text("やがて雨は止んだ。")
    engine.go_on.set()
    await mio.more_button.click()
    await expect(mio.texts.last).to_have_text(WHOLE)
