"""Brings a database to the newest schema.

The migrations lie in the package, so that an installed bot has them; nothing outside configures them.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.errors import ConfigurationError

REVISION = "0008"
"""The newest migration. A database that has it is opened without loading Alembic."""

_FOLDER = Path(__file__).with_name("migrations")
_LOCK = 0x7473_757A_756B_69
"""PostgreSQL's advisory lock while the schema is looked at and changed ("tsuzuki")."""


async def migrate(connection: AsyncConnection, target: str = REVISION) -> None:
    """Upgrade the database to `target`, in one transaction: after a failure it is as it was.

    Raises:
        ConfigurationError: a newer Tsuzuki made it.
    """
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        # A table is changed in SQLite by making it anew, which must not touch the rows that point at it. The
        # switch does nothing inside a transaction, hence past SQLAlchemy, which would begin one.
        await _pragma(connection, "foreign_keys=OFF")
    try:
        async with connection.begin():
            if not is_sqlite:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            if await connection.run_sync(_revision) == target:
                return
            await connection.run_sync(_upgrade, target)
            if is_sqlite:
                await _check_references(connection)
    finally:
        if is_sqlite:
            await _pragma(connection, "foreign_keys=ON")


async def _pragma(connection: AsyncConnection, pragma: str) -> None:
    driver = (await connection.get_raw_connection()).driver_connection
    if driver is not None:
        await (await driver.execute(f"PRAGMA {pragma}")).close()


async def _check_references(connection: AsyncConnection) -> None:
    broken = (await connection.execute(text("PRAGMA foreign_key_check"))).all()
    if broken:
        raise ConfigurationError(f"The store's tables do not fit together after a migration: {broken[:3]}")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection, target: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    try:
        command.upgrade(config, target)
    except CommandError as error:
        raise ConfigurationError(
            f"The store's tables are of a revision that this Tsuzuki does not know ({error}); "
            "a newer one made them. Update Tsuzuki, or give it another store."
        ) from error
