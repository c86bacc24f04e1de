"""What a store's file holds, read past all code of the project's own."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from tests.golden.normal import alike

DRAWN = {"seed", "asked_seed"}
"""Columns with random numbers."""
SILENT = {"heartbeats", "alembic_version", "secrets"}
"""Their rows depend on when somebody looks, or on nothing; their columns stand in the schema."""


def rows_of(path: Path) -> Any:
    """Every row of every table, with the JSON in it as JSON."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    try:
        names = [
            row[0]
            for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        ]
        told = {}
        for name in names:
            if name in SILENT or name.startswith("sqlite_"):
                continue
            kinds = {row["name"]: row["type"] for row in connection.execute(f"PRAGMA table_info({name})")}
            found = connection.execute(f"SELECT * FROM {name} ORDER BY rowid")  # noqa: S608  its own names
            told[name] = [{key: _shown(key, kinds[key], row[key]) for key in kinds} for row in found]
        return alike(told)
    finally:
        connection.close()


def _shown(name: str, kind: str, value: Any) -> Any:
    if value is not None and name in DRAWN:
        return "<drawn>"
    return json.loads(value) if kind == "JSON" and value is not None else value


def story_ids(path: Path) -> list[str]:
    """The ids of the stories, in the order in which they were begun."""
    connection = sqlite3.connect(path)
    try:
        return [row[0] for row in connection.execute("SELECT id FROM stories ORDER BY number")]
    finally:
        connection.close()


def schema_of(path: Path) -> str:
    """The schema as SQLite keeps it, table by table."""
    connection = sqlite3.connect(path)
    try:
        found = connection.execute(
            "SELECT type, name, sql FROM sqlite_master ORDER BY tbl_name, type DESC, name"
        )
        return "\n\n".join(f"-- {kind} {name}\n{_lined(sql)}" for kind, name, sql in found) + "\n"
    finally:
        connection.close()


def _lined(sql: str | None) -> str:
    """A table's columns in their order; its constraints, which a changed table has in any, by their names."""
    lines = [line.strip().rstrip(",") for line in (sql or "(by itself)").splitlines() if line.strip()]
    constraints = sorted(line for line in lines if line.startswith("CONSTRAINT"))
    ends = [line for line in lines[1:] if line == ")"]
    return "\n".join([*(line for line in lines if line not in {*constraints, ")"}), *constraints, *ends])
