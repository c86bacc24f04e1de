"""A secret that outlives a restart, so that whom it vouched for is known again.

It lies beside an SQLite file, for nobody else to read; on PostgreSQL in the database, where several processes
agree on it; of a store that is kept nowhere it is drawn anew.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store import tables

SUFFIX = ".secret"
"""What the file's name has behind the database's."""

_NAME = "cookies"
_BYTES = 32
_MODE = 0o600
_columns = tables.secrets.c


def generate() -> str:
    """A secret that nobody guesses."""
    return secrets.token_urlsafe(_BYTES)


async def in_database(connection: AsyncConnection) -> str:
    """The secret, drawn where there is none; of two processes at once the second is run again."""
    query = select(_columns.value).where(_columns.name == _NAME)
    kept = (await connection.execute(query)).scalar()
    if kept is None:
        kept = generate()
        await connection.execute(insert(tables.secrets).values(name=_NAME, value=kept))
    return str(kept)


def in_file(database: Path) -> str:
    """The secret in the file beside a database, drawn where there is none. Raises OSError."""
    path = database.with_name(database.name + SUFFIX)
    return _read(path) or _keep(path, generate())


def _read(path: Path) -> str:
    try:
        kept = path.read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
    if path.stat().st_mode & 0o777 != _MODE:  # copied about, perhaps
        path.chmod(_MODE)
    return kept


def _keep(path: Path, secret: str) -> str:
    """Let a whole secret appear at once: of two processes the first one's counts."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    written = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
        written.chmod(_MODE)
        try:
            os.link(written, path)
        except OSError:  # somebody was faster, or the file system knows no links
            if kept := _read(path):
                return kept
            written.replace(path)
    finally:
        written.unlink(missing_ok=True)
    return secret
