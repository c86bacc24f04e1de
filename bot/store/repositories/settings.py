"""Rules as they were set at each scope, inside a transaction that the caller owns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store import tables

_columns = tables.rules.c


async def read(connection: AsyncConnection, platform: str, scopes: Sequence[str]) -> list[dict[str, Any]]:
    """What is set at each scope, in their order; empty where nothing is."""
    query = select(_columns.scope, _columns.settings).where(
        _columns.platform == platform, _columns.scope.in_(scopes)
    )
    there: dict[str, dict[str, Any]] = {row.scope: row.settings for row in await connection.execute(query)}
    return [there.get(scope, {}) for scope in scopes]


async def save(
    connection: AsyncConnection, platform: str, scope: str, values: Mapping[str, object], now: datetime
) -> None:
    """Replace what is set at a scope."""
    key = {"platform": platform, "scope": scope}
    changes = {"settings": dict(values), "changed_at": now}
    replaced = await connection.execute(update(tables.rules).filter_by(**key).values(changes))
    if not replaced.rowcount:
        await connection.execute(insert(tables.rules).values(key | changes))
