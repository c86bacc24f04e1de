"""The composition root: everything is built here, started in order, and stopped so that nothing is lost.

Nothing here imports torch: the model lives in the worker's process.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.app.platforms import Adapter, HasAddress, RecordsPresence, SignsCookies, UsesDatabase, connect
from bot.app.task_supervisor import TaskSupervisor, stop_on_signals
from bot.app.worker_entry import worker_command
from bot.core.dispatcher import Dispatcher
from bot.core.outbox import Outbox
from bot.core.queue import JobQueue
from bot.core.services import Services, build_services
from bot.core.settings_resolver import merge_settings
from bot.core.validation import TextLimits
from bot.domain.errors import ConfigurationError
from bot.domain.ports import Platform, Translate
from bot.store import Store, open_store
from bot.store.url import address, shown
from bot.worker_client.client import HttpEngine
from bot.worker_client.worker_process import LocalWorker
from config.settings import Settings

Announce = Callable[[str], None]
"""Is told a line for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """The built parts, not yet running. `worker` is None where the worker runs elsewhere."""

    store: Store
    engine: HttpEngine
    queue: JobQueue
    outbox: Outbox
    dispatcher: Dispatcher
    services: Services
    worker: LocalWorker | None

    def start(self, tasks: TaskSupervisor) -> None:
        """Let the parts work. The worker comes first: it takes longest to be ready."""
        if self.worker is not None:
            tasks.start("worker", self.worker.run(), needed=True)
        tasks.start("outbox", self.outbox.run(), needed=True)
        tasks.start("dispatcher", self.dispatcher.run(), needed=True)

    async def stop(self, tasks: TaskSupervisor, platforms: Sequence[Adapter], grace_s: float) -> None:
        """End in the order in which nothing is lost.

        First the dispatcher, which puts running jobs back to waiting; then the outbox sends the last texts,
        for which the platforms must still be connected; then the rest.
        """
        await tasks.cancel("dispatcher", grace_s)
        await self.outbox.close(grace_s)
        for platform in reversed(platforms):
            await tasks.cancel(platform.name, grace_s)
        await tasks.cancel("outbox", grace_s)
        await tasks.cancel("worker", grace_s)


async def run(settings: Settings, translate: Translate, locale: str, announce: Announce) -> None:
    """Be the bot until SIGINT or SIGTERM; a second signal ends it at once.

    Raises:
        ConfigurationError: nothing could be connected, or the store cannot be opened.
    """
    platforms = tuple(connect(settings, translate))
    if not platforms:
        raise ConfigurationError(translate("app.nothing_connected", locale))
    stop = asyncio.Event()
    with stop_on_signals(stop):
        async with build(settings, translate, platforms, settings.store.url) as runtime:
            tasks = TaskSupervisor()
            for platform in platforms:
                platform.attach(runtime.services)
                if isinstance(platform, UsesDatabase):
                    platform.keep_in(runtime.store.engine)
                if isinstance(platform, SignsCookies) and settings.web.secret is None:
                    platform.sign_with(await runtime.store.cookie_secret())
                if isinstance(platform, RecordsPresence):
                    platform.remember_in(runtime.store.heartbeats)
            runtime.start(tasks)
            for platform in platforms:
                tasks.start(platform.name, platform.run(), needed=False)
            async with _announcing(settings, platforms, translate, locale, announce):
                try:
                    await tasks.watch(stop)
                finally:
                    await runtime.stop(tasks, platforms, settings.grace_s)
    if not stop.is_set():
        raise ConfigurationError(translate("app.nothing_connected", locale))


@asynccontextmanager
async def build(
    settings: Settings, translate: Translate, platforms: Sequence[Platform], store_url: str
) -> AsyncIterator[Runtime]:
    """Put the parts together around `platforms`; they are closed at the end, not stopped."""
    async with AsyncExitStack() as stack:
        store = await open_store(store_url)
        stack.push_async_callback(store.close)
        where, worker = stack.enter_context(_worker(settings))
        engine = await stack.enter_async_context(HttpEngine(where))
        queue = JobQueue(settings.queue.limit, settings.queue.per_author)
        outbox = Outbox(store, {platform.name: platform for platform in platforms})
        defaults = merge_settings([settings.rules.model_dump()])
        limits = TextLimits(settings.story.max_characters, settings.story.max_file_characters)
        slots = settings.engine.slots
        dispatcher = Dispatcher(store, queue, engine, outbox, translate, slots=slots, defaults=defaults)
        yield Runtime(
            store=store,
            engine=engine,
            queue=queue,
            outbox=outbox,
            dispatcher=dispatcher,
            services=build_services(
                store, queue, engine, outbox, dispatcher, translate, limits=limits, defaults=defaults
            ),
            worker=worker,
        )


@contextmanager
def _worker(settings: Settings) -> Iterator[tuple[str, LocalWorker | None]]:
    if settings.engine.url is not None:
        yield settings.engine.url, None
        return
    # A folder of our own: only this user may enter it, and a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="tsuzuki-") as folder:
        socket = Path(folder) / "worker.sock"
        yield (
            f"unix:{socket}",
            LocalWorker(worker_command(settings.engine, settings.log.level, socket), socket),
        )


@asynccontextmanager
async def _announcing(
    settings: Settings, platforms: Sequence[Adapter], translate: Translate, locale: str, announce: Announce
) -> AsyncIterator[None]:
    """Tell where the room is as soon as it is open."""

    async def announce_address(room: HasAddress) -> None:
        announce(translate("app.room_open", locale, url=await room.started()))
        announce(translate("app.stop_hint", locale, store=shown(address(settings.store.url))))

    tasks = [
        asyncio.create_task(announce_address(platform))
        for platform in platforms
        if isinstance(platform, HasAddress)
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
