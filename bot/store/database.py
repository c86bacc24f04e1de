"""Connections and whole transactions, the same for SQLite and PostgreSQL.

SQLite gets one writer connection whose transactions begin with the write lock: with the driver's defaults two
transactions that read and then write lose updates silently. Readers have connections of their own.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import URL, Connection, event
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool
from sqlalchemy.util import await_only

from bot.domain.errors import StoreError
from bot.store.url import is_memory, without_secrets

_BUSY_TIMEOUT_S = 30.0
"""How long SQLite waits for another process (a backup, an export) to let go of the file."""
_PRAGMA_PAUSE_S = 0.05
_PRAGMA_ATTEMPTS = int(_BUSY_TIMEOUT_S / _PRAGMA_PAUSE_S)
_SQLITE_READERS = 4
_TRIES = 3
"""A transaction that lost a race (PostgreSQL only) is run again: the second time it sees the winner."""
_LOST_RACES = {"40001", "40P01"}
"""SQLSTATE of a serialization failure and of a deadlock."""

Result = TypeVar("Result")
Work = Callable[[AsyncConnection], Awaitable[Result]]


class Database:
    """Runs transactions whole: a caller that is cancelled neither breaks nor halves one."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._gate = asyncio.Lock()
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False
        if url.get_backend_name() == "sqlite":
            self._writer = _sqlite(url, begin="BEGIN IMMEDIATE")
            self._reader = self._writer if is_memory(url) else _sqlite(url, begin="BEGIN", query_only=True)
            self._gated = {self._writer}
        else:
            self._writer = self._reader = create_async_engine(url, pool_pre_ping=True, hide_parameters=True)
            self._gated = set()

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._writer.dialect.name

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database; None where it is kept nowhere, or elsewhere."""
        if self.dialect != "sqlite" or is_memory(self._url):
            return None
        return Path(str(self._url.database).removeprefix("file:").partition("?")[0])

    @property
    def engine(self) -> AsyncEngine:
        """What writes: for tables of a library's own, in transactions of its own."""
        return self._writer

    async def write(self, work: Work[Result]) -> Result:
        """Run `work` in a transaction of its own.

        Raises:
            StoreError: the database cannot be used.
        """
        return await self._whole(self._write(work))

    async def read(self, work: Work[Result]) -> Result:
        """Run `work`, which changes nothing, on one snapshot.

        Raises:
            StoreError: the database cannot be used.
        """
        return await self._whole(self._read(work))

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """The writer's connection outside any transaction, for migrations."""
        async with self._gate, self._writer.connect() as connection:
            yield connection

    async def close(self) -> None:
        """Let running transactions end and drop the connections."""
        self._closed = True
        while self._running:
            await asyncio.wait(self._running)
        await self._writer.dispose()
        if self._reader is not self._writer:
            await self._reader.dispose()

    async def _whole(self, transaction: Coroutine[Any, Any, Result]) -> Result:
        task = asyncio.create_task(transaction)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _write(self, work: Work[Result]) -> Result:
        for attempt in range(1, _TRIES + 1):
            try:
                return await self._run(self._writer, work)
            except DBAPIError as error:
                if attempt == _TRIES or not _lost_race(error):
                    raise self._translated(error) from error
            except (SQLAlchemyError, OSError) as error:
                raise self._translated(error) from error
        raise StoreError("unreachable")  # pragma: no cover

    async def _read(self, work: Work[Result]) -> Result:
        try:
            return await self._run(self._reader, work)
        except (SQLAlchemyError, OSError) as error:
            raise self._translated(error) from error

    async def _run(self, engine: AsyncEngine, work: Work[Result]) -> Result:
        if self._closed:
            raise StoreError("the store is closed")
        async with AsyncExitStack() as stack:
            if engine in self._gated:
                await stack.enter_async_context(self._gate)
            connection = await stack.enter_async_context(engine.begin())
            return await work(connection)

    def _translated(self, error: Exception) -> StoreError:
        return StoreError(f"the store cannot be used: {reason_of(error, self._url)}")


def reason_of(error: Exception, url: URL) -> str:
    """What the database said, without the statement and without a password."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return without_secrets(str(cause) or type(cause).__name__, url)


def _lost_race(error: DBAPIError) -> bool:
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", None) in _LOST_RACES


def _set_pragma(cursor: Any, pragma: str) -> None:
    """SQLite's own waiting does not hold for the change to WAL: who comes second is refused at once."""
    for attempt in range(_PRAGMA_ATTEMPTS):
        try:
            cursor.execute(f"PRAGMA {pragma}")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or attempt == _PRAGMA_ATTEMPTS - 1:
                raise
            await_only(asyncio.sleep(_PRAGMA_PAUSE_S))
        else:
            return


def _sqlite(url: URL, *, begin: str, query_only: bool = False) -> AsyncEngine:
    pool: dict[str, Any] = {"pool_size": _SQLITE_READERS if query_only else 1, "max_overflow": 0}
    engine = create_async_engine(
        url,
        # isolation_level None: the driver starts no transactions behind our back.
        connect_args={"isolation_level": None, "timeout": _BUSY_TIMEOUT_S},
        hide_parameters=True,
        **({"poolclass": StaticPool} if is_memory(url) else pool),
    )
    # FULL: a power cut loses nothing that was acknowledged. secure_delete: what is forgotten is overwritten.
    pragmas = ["journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"]
    if query_only:
        pragmas.append("query_only=ON")

    def on_connect(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            _set_pragma(cursor, pragma)
        cursor.close()

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine.sync_engine, "connect", on_connect)
    event.listen(engine.sync_engine, "begin", on_begin)
    return engine


class HasDatabase(Protocol):
    """A repository."""

    @property
    def database(self) -> Database:
        """Where its transactions run."""


Repository = TypeVar("Repository", bound=HasDatabase)
Parameters = ParamSpec("Parameters")

_InTransaction = Callable[Concatenate[Repository, AsyncConnection, Parameters], Awaitable[Result]]
_Whole = Callable[Concatenate[Repository, Parameters], Coroutine[Any, Any, Result]]


def writes(method: _InTransaction[Repository, Parameters, Result]) -> _Whole[Repository, Parameters, Result]:
    """Run a method in a transaction of its own, whose connection it is given first.

    It is run again where it lost a race against another process. The method then raises StoreError where the
    database cannot be used.
    """

    @wraps(method)
    async def whole(self: Repository, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        return await self.database.write(lambda connection: method(self, connection, *args, **kwargs))

    return whole


def reads(method: _InTransaction[Repository, Parameters, Result]) -> _Whole[Repository, Parameters, Result]:
    """Run a method that changes nothing on one snapshot. It then raises StoreError, too."""

    @wraps(method)
    async def whole(self: Repository, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        return await self.database.read(lambda connection: method(self, connection, *args, **kwargs))

    return whole
