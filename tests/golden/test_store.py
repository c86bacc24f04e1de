"""The store: its schema on both databases, its migrations, and the words that are kept in it."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.golden import doors
from tests.golden.conftest import Golden
from tests.golden.stored import schema_of

COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity
FROM information_schema.columns
WHERE table_schema = 'public' ORDER BY table_name, ordinal_position
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype <> 'n' ORDER BY 1, 2
"""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2"


def made(url: str, folder: Path) -> None:
    """Let the command make a store there."""
    subprocess.run(  # noqa: S603  our own command
        [*doors.COMMAND, "export"],
        check=True,
        capture_output=True,
        cwd=folder,
        env=doors.clean_environ(TSUZUKI_STORE__URL=url),
        timeout=60,
    )


def test_schema_of_sqlite(golden: Golden, tmp_path: Path) -> None:
    """After all migrations."""
    made(f"sqlite:///{tmp_path}/stories.db", tmp_path)
    golden(store_sqlite=schema_of(tmp_path / "stories.db"))


async def test_schema_of_postgresql(golden: Golden, tmp_path: Path) -> None:
    """After all migrations."""
    asyncpg = pytest.importorskip("asyncpg")
    try:
        with doors.postgres_server() as server:
            url = server.url("postgres")
            await asyncio.to_thread(made, url, tmp_path)
            connection = await asyncpg.connect(url)
            found = [await connection.fetch(query) for query in (COLUMNS, CONSTRAINTS, INDEXES)]
            await connection.close()
    except doors.NoServer as reason:
        pytest.skip(str(reason))
    parts = zip(("columns", "constraints", "indexes"), found, strict=True)
    told = [f"# {name}\n" + "".join(f"{' | '.join(map(str, row))}\n" for row in rows) for name, rows in parts]
    golden(store_postgresql="\n".join(told))


def test_migrations(golden: Golden) -> None:
    """Their ids and their order: a database knows by its id where it is."""
    told = []
    for path in sorted(doors.MIGRATIONS.glob("v*.py")):
        text = path.read_text("utf-8")
        ids = [
            re.search(rf"^{name}\b[^=]*= *(.+)$", text, re.MULTILINE)
            for name in ("revision", "down_revision")
        ]
        told.append(" <- ".join(found[1] if found else "?" for found in ids))
    golden(store_migrations="\n".join(told) + "\n")


def test_kept_words(golden: Golden) -> None:
    """Values of enumerations, names of rules and presets: they stand in databases, buttons and settings."""
    kinds = (
        ("acts.kind", doors.ActKind),
        ("outbox.state", doors.ReplyState),
        ("jobs.state", doors.JobState),
        ("jobs.length", doors.Length),
        ("rules filter", doors.Filter),
        ("health status", doors.EngineStatus),
    )
    told: dict[str, Any] = {name: [str(each.value) for each in kind] for name, kind in kinds}
    told["rules"] = {field.name: _shown(field.default) for field in dataclasses.fields(doors.RoomSettings)}
    told["presets"] = {name: dataclasses.asdict(sampling) for name, sampling in doors.PRESETS.items()}
    told["preset names"] = dict(doors.PRESET_NAMES)
    golden(store_kept_words=told)


def _shown(value: object) -> Any:
    return list(value) if isinstance(value, tuple) else value
