"""The whole bot but its model, connected to a loopback Discord."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from adapters.discord import DiscordAdapter
from bot.aio.clock import Clock
from bot.core.dispatcher import Dispatcher
from bot.core.outbox import Outbox
from bot.core.queue import JobQueue
from bot.core.services import build_services
from bot.domain.chat import Room
from bot.domain.inference import (
    ContextPiece,
    ContextWindow,
    Delta,
    EngineStatus,
    GenerationRequest,
    Health,
    TokenCount,
)
from bot.domain.inference import ContextSpan as SeenPiece
from bot.domain.ports import Engine
from bot.domain.repositories import Heartbeats
from bot.domain.sampling import Sampling
from bot.domain.story import Story
from bot.store import Store, open_store
from config.i18n import Translations
from tests.servers.bot_process import BotProcess, bot_process
from tests.servers.discord import Channel, LoopbackDiscord
from tests.servers.gated_worker import GatedWorker

ROW = 5
Seen = Callable[[str], Awaitable[object]]


@dataclass(slots=True)
class ReadAlongEngine:
    """An engine that goes on with its next sentence only once people have seen the last one.

    Each request gets the next of `texts`, the last one again and again.
    """

    texts: tuple[tuple[str, ...], ...]
    seen: Seen
    prompts: list[str] = field(default_factory=list)
    samplings: list[Sampling] = field(default_factory=list)

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        """The sentences, one by one."""
        sentences = self.texts[min(len(self.prompts), len(self.texts) - 1)]
        self.prompts.append(request.prompt)
        self.samplings.append(request.sampling)
        for index in range(request.n):
            for sentence in sentences[:-1]:
                yield Delta(index, sentence)
                await self.seen(sentence)
            yield Delta(index, sentences[-1] + "もう一つ。" * index, "stop")

    async def context_window(self, request: GenerationRequest) -> ContextWindow:
        """All of the prompt."""
        return ContextWindow((SeenPiece(ContextPiece("story", request.prompt), 1),), 1, 2048, 256)

    async def health(self) -> Health:
        """Always ready."""
        return Health(EngineStatus.READY, 1.0, model="fake")

    async def count_tokens(self, text: str) -> TokenCount:
        """One token a character."""
        return TokenCount(len(text))


@dataclass(slots=True)
class House:
    """What a test looks at."""

    discord: LoopbackDiscord
    store: Store
    engine: ReadAlongEngine
    adapter: DiscordAdapter

    def idle(self, channel: Channel) -> bool:
        """Whether the last reply there has its buttons: nothing is being written."""
        replies = self.discord.by_bot(channel)
        return bool(replies) and len(replies[-1].buttons) >= ROW


@asynccontextmanager
async def whole_house(
    discord: LoopbackDiscord,
    *texts: tuple[str, ...],
    slots: int = 2,
    heartbeats: Heartbeats | None = None,
) -> AsyncIterator[House]:
    """The bot as the composition root builds it, in this process, with a store in memory.

    `heartbeats`: what it knows of the time before. It keeps no moment of its own where it has none.

    `texts` are the continuations, as sentences; the last one is written for all further requests.
    """

    async def seen(text: str) -> None:
        await discord.until(lambda: any(text in message.content for message in _everything(discord)))

    engine = ReadAlongEngine(texts, seen)
    house = house_of(discord, engine, JobQueue(), slots=slots, heartbeats=heartbeats)
    async with house as (store, adapter):
        yield House(discord, store, engine, adapter)


@asynccontextmanager
async def house_of(
    discord: LoopbackDiscord,
    engine: Engine,
    queue: JobQueue,
    *,
    slots: int,
    clock: Clock | None = None,
    heartbeats: Heartbeats | None = None,
) -> AsyncIterator[tuple[Store, DiscordAdapter]]:
    """The same around any engine and queue."""
    say = Translations.load()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(discord)
        store = await open_store("sqlite:///:memory:")
        stack.push_async_callback(store.close)
        adapter = DiscordAdapter(discord.token, say, api_url=discord.api_url, clock=clock)
        if heartbeats is not None:
            adapter.remember_in(heartbeats)
        outbox = Outbox(store, {adapter.name: adapter}, clock)
        dispatcher = Dispatcher(store, queue, engine, outbox, say, slots=slots, clock=clock)
        adapter.attach(build_services(store, queue, engine, outbox, dispatcher, say))
        for part in (adapter.run(), outbox.run(), dispatcher.run()):
            await stack.enter_async_context(_working(part))
        await discord.until_connected()
        yield store, adapter
        await dispatcher_idle(outbox)


async def dispatcher_idle(outbox: Outbox) -> None:
    """Let the last texts go out before the connection closes."""
    await outbox.close(10)


@asynccontextmanager
async def _working(part: Coroutine[object, object, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(part)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@dataclass(frozen=True, slots=True)
class BotRuns:
    """The bot as `tsuzuki run`, one process after the other on one store in `folder`."""

    discord: LoopbackDiscord
    worker: GatedWorker
    folder: Path

    @asynccontextmanager
    async def process(self) -> AsyncIterator[BotProcess]:
        """A process that is connected; ended by the test, and gone from Discord after."""
        async with bot_process(
            self.folder,
            DISCORD_TOKEN=self.discord.token,
            TSUZUKI_DISCORD__API_URL=self.discord.api_url,
            TSUZUKI_ENGINE__URL=self.worker.url,
            TSUZUKI_WEB__ENABLED="false",
        ) as bot:
            await self.discord.until_connected()
            yield bot
        await self.discord.until(lambda: not self.discord.gateway.live)

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        """What the processes keep."""
        store = await open_store(f"sqlite:///{self.folder / 'stories.db'}")
        try:
            yield store
        finally:
            await store.close()

    async def story_in(self, thread: Channel) -> Story:
        """The story that is told in a thread."""
        async with self.store() as store:
            story = await store.stories.open_in(Room("discord", str(thread.id)))
        assert story is not None
        return story


def _everything(discord: LoopbackDiscord) -> list:  # type: ignore[type-arg]
    return [message for message in discord.world.messages.values() if message.author is discord.bot]
