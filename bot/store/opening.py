"""Opening a store: the folder made, the database reached, its tables up to date."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from bot.domain.errors import ConfigurationError
from bot.store.database import Database, reason_of
from bot.store.migrate import migrate
from bot.store.sql import SqlStore, utc_now
from bot.store.url import address, make_folder, shown


async def open_store(url: str, *, clock: Callable[[], datetime] = utc_now) -> SqlStore:
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
    return SqlStore(database, clock)


def _cannot_open(where: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f"The store at {where} cannot be opened: {reason}")
