"""The bot as the composition root builds it, around the real adapter; only the model is a stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from adapters.slack import SlackAdapter
from bot.aio.clock import Clock
from bot.core.dispatcher import Dispatcher
from bot.core.outbox import Outbox
from bot.core.queue import JobQueue
from bot.core.services import Services, build_services
from bot.domain.ports import Engine
from bot.store import Store, open_store
from config.i18n import Translations
from tests.fakes.clock import InstantClock
from tests.integration.slack.running import adapter_for, running
from tests.servers.slack import SlackServer
from tests.servers.slack_workspace import Posted

BUTTONS = ["続き", "やり直し", "取り消し", "候補", "編集"]
"""What stands below the end of a story."""

Deliver = Callable[[dict[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class RunningBot:
    """What a test needs of the running bot."""

    store: Store
    services: Services
    adapter: SlackAdapter
    deliver: Deliver


@asynccontextmanager
async def running_bot(
    slack: SlackServer,
    engine: Engine,
    mode: str = "socket",
    url: str = "sqlite:///:memory:",
    clock: Clock | None = None,
    *,
    remembers: bool = False,
) -> AsyncIterator[RunningBot]:
    """The bot at work; it stops in the order in which nothing is lost."""
    store, queue, say = await open_store(url), JobQueue(), Translations.load()
    paced = clock or InstantClock()
    adapter = adapter_for(slack, mode=mode, translate=say, clock=paced)
    if remembers:
        adapter.remember_in(store.heartbeats)
    outbox = Outbox(store, {"slack": adapter}, paced)
    dispatcher = Dispatcher(store, queue, engine, outbox, say, clock=clock)
    services = build_services(store, queue, engine, outbox, dispatcher, say)
    sending, writing = (asyncio.create_task(work) for work in (outbox.run(), dispatcher.run()))
    try:
        async with running(adapter, services):
            deliver = slack.deliver if mode == "socket" else slack.sender(adapter.port).deliver
            yield RunningBot(store, services, adapter, deliver)
            await _ended(writing)
            await outbox.close(1.0)
    finally:
        await _ended(writing)
        await _ended(sending)
        await outbox.close(1.0)
        await store.close()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def shows(slack: SlackServer, text: str, count: int = 1) -> Posted:
    """Wait until the bot's message number `count` shows exactly `text` as the story, without a mark."""

    def reached() -> bool:
        posts = slack.workspace.by_bot()
        return len(posts) >= count and posts[count - 1].story == text

    await slack.until(reached)
    return slack.workspace.by_bot()[count - 1]
