"""Stores on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bot.store import SqlStore, open_store
from tests.store.postgres import NoServer, Server, server
from tests.store.told import Calendar


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
    asyncpg = pytest.importorskip("asyncpg")
    url = postgres_or_reason.url("postgres")
    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that is not there yet, on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new/stories.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlStore]:
    """An empty store whose clock ticks once a look."""
    store = await open_store(url, clock=Calendar())
    yield store
    await store.close()
