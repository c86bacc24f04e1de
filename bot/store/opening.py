"""Opening a store: the folder made, the database reached, its tables up to date."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.aio.clock import UtcClock, utc_now
from bot.domain.errors import ConfigurationError
from bot.store import secret
from bot.store.database import Database, reason_of
from bot.store.migrate import migrate
from bot.store.repositories.authors import AuthorRepository
from bot.store.repositories.heartbeats import HeartbeatRepository
from bot.store.repositories.history import HistoryRepository
from bot.store.repositories.jobs import JobRepository
from bot.store.repositories.messages import MessageRepository
from bot.store.repositories.outbox import OutboxRepository
from bot.store.repositories.passages import PassageRepository
from bot.store.repositories.settings import SettingsRepository
from bot.store.repositories.stories import StoryRepository
from bot.store.url import address, make_folder, shown


@dataclass(frozen=True, slots=True)
class Store:
    """An open store: `bot.domain.repositories.Repositories` on SQLite or PostgreSQL, and the heartbeats."""

    database: Database
    stories: StoryRepository
    history: HistoryRepository
    passages: PassageRepository
    messages: MessageRepository
    jobs: JobRepository
    outbox: OutboxRepository
    settings: SettingsRepository
    authors: AuthorRepository
    heartbeats: HeartbeatRepository

    @property
    def engine(self) -> AsyncEngine:
        """The database, for what a platform's library keeps in it."""
        return self.database.engine

    async def cookie_secret(self) -> str:
        """What signs the cookies of the web's visitors: drawn once for this store, then the same.

        Raises:
            ConfigurationError: it cannot be kept; says where, and what to do.
        """
        if self.database.dialect == "postgresql":
            return await self.database.write(secret.in_database)
        file = self.database.file
        if file is None:
            return secret.generate()
        try:
            return await asyncio.to_thread(secret.in_file, file)
        except OSError as error:
            raise ConfigurationError(
                f"The secret of the web room cannot be kept at {file}{secret.SUFFIX}: {error.strerror}. "
                "Make it writable, or set TSUZUKI_WEB__SECRET."
            ) from error

    async def close(self) -> None:
        """Let running transactions end and close the database."""
        await self.database.close()


async def open_store(url: str, *, clock: UtcClock = utc_now) -> Store:
    """The store at `url` (`sqlite:///path/file.db`, `sqlite:///:memory:`, `postgresql://…`), up to date.

    A folder that is missing is made, older tables are migrated.

    Raises:
        ConfigurationError: the URL is wrong or the database cannot be opened; says why, without a password.
    """
    where = address(url)
    try:
        make_folder(where)
        database = Database(where)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"The store at {shown(where)} needs {error.name}: pip install 'tsuzuki[postgresql]'."
        ) from error
    except (OSError, SQLAlchemyError, TypeError) as error:
        raise _cannot_open(shown(where), reason_of(error, where)) from error
    try:
        async with database.connection() as connection:
            await migrate(connection)
    except (OSError, SQLAlchemyError) as error:
        await database.close()
        raise _cannot_open(shown(where), reason_of(error, where)) from error
    except BaseException:
        await database.close()
        raise
    return _store(database, clock)


def _store(database: Database, clock: UtcClock) -> Store:
    return Store(
        database=database,
        stories=StoryRepository(database, clock),
        history=HistoryRepository(database, clock),
        passages=PassageRepository(database, clock),
        messages=MessageRepository(database, clock),
        jobs=JobRepository(database, clock),
        outbox=OutboxRepository(database, clock),
        settings=SettingsRepository(database, clock),
        authors=AuthorRepository(database, clock),
        heartbeats=HeartbeatRepository(database, clock),
    )


def _cannot_open(where: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f"The store at {where} cannot be opened: {reason}")
