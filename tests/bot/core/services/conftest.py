"""A play on a store in memory, with an engine that only reads."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.core.queue import JobQueue
from bot.core.services import build_services
from bot.core.validation import TextLimits
from bot.store import Store, open_store
from tests.bot.core.services.stage import Idle, ReadingEngine, Shown, Stage, Today, say
from tests.bot.core.services.told import Told, telling


@pytest.fixture
def today() -> Today:
    """The moment at which everything happens."""
    return Today()


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store, to be copied: making one for every test takes long."""
    path = tmp_path_factory.mktemp("play") / "empty.db"

    async def make() -> None:
        await (await open_store(f"sqlite:///{path}")).close()

    asyncio.run(make())
    return path


@pytest.fixture
async def store(today: Today, empty: Path, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store."""
    store = await open_store(f"sqlite:///{shutil.copy(empty, tmp_path)}", clock=today)
    yield store
    await store.close()


@pytest.fixture
def stage(store: Store, today: Today) -> Stage:
    """Everything around the play, and the play."""
    queue, engine, replies, writer = JobQueue(limit=4, per_author=3), ReadingEngine(), Shown(), Idle()
    services = build_services(
        store,
        queue,
        engine,
        replies,
        writer,
        say,
        limits=TextLimits(20),
        patience_s=0,
        clock=today,
        draw=lambda: 42,
    )
    return Stage(services, store, queue, engine, replies, writer, today)


@pytest.fixture
async def told(store: Store) -> AsyncIterator[Told]:
    """A whole house at work: what is asked for is written and shown."""
    async with telling(store) as told:
        yield told
