"""Stores on both databases."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bot.store import Store, open_store
from bot.store.tables import metadata
from tests.bot.store.told import Calendar
from tests.servers.postgres import NoServer, Server, server


@pytest.fixture(scope="session")
def postgres_or_reason() -> Iterator[Server | str]:
    """One server for all tests, or why there is none."""
    with ExitStack() as stack:
        try:
            yield stack.enter_context(server())
        except NoServer as reason:
            yield str(reason)


@pytest.fixture
async def postgres_url(postgres_or_reason: Server | str) -> str:
    """The URL of an empty PostgreSQL database: the same for every test, since making one takes long."""
    if isinstance(postgres_or_reason, str):
        pytest.skip(postgres_or_reason)
    url = postgres_or_reason.url("postgres")
    await _execute(url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that is not there yet, on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new/stories.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite store, to be copied: migrating one for every test takes long."""
    path = tmp_path_factory.mktemp("store") / "empty.db"
    asyncio.run(_make(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_or_reason: Server | str) -> str:
    """The URL of a second PostgreSQL database, whose tables stay from test to test."""
    if isinstance(postgres_or_reason, str):
        pytest.skip(postgres_or_reason)
    asyncio.run(_execute(postgres_or_reason.url("postgres"), "CREATE DATABASE kept"))
    url = postgres_or_reason.url("kept")
    asyncio.run(_make(url))
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store that is up to date, on each kind of database."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated"), tmp_path / "stories.db")
        return f"sqlite:///{tmp_path}/stories.db"
    url = str(request.getfixturevalue("migrated_postgres"))
    asyncio.run(_execute(url, f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY CASCADE"))
    return url


@pytest.fixture
async def store(empty: str) -> AsyncIterator[Store]:
    """An empty store whose clock ticks once a look."""
    store = await open_store(empty, clock=Calendar())
    yield store
    await store.close()


async def _make(url: str) -> None:
    await (await open_store(url)).close()


async def _execute(url: str, statement: str) -> None:
    asyncpg = pytest.importorskip("asyncpg")
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
