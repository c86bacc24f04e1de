"""Room settings as they were set at each scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.aio.clock import UtcClock
from bot.store import tables
from bot.store.database import Database, reads, writes

_columns = tables.room_settings.c


@dataclass(frozen=True, slots=True)
class SettingsRepository:
    """`bot.domain.repositories.ScopedSettings` in the database."""

    database: Database
    clock: UtcClock

    @reads
    async def get(
        self, connection: AsyncConnection, platform: str, scopes: Sequence[str]
    ) -> Sequence[Mapping[str, object]]:
        query = select(_columns.scope, _columns.settings).where(
            _columns.platform == platform, _columns.scope.in_(scopes)
        )
        there: dict[str, dict[str, Any]] = {
            row.scope: row.settings for row in await connection.execute(query)
        }
        return [there.get(scope, {}) for scope in scopes]

    @writes
    async def save(
        self, connection: AsyncConnection, platform: str, scope: str, values: Mapping[str, object]
    ) -> None:
        key = {"platform": platform, "scope": scope}
        changes = {"settings": dict(values), "changed_at": self.clock()}
        replaced = await connection.execute(update(tables.room_settings).filter_by(**key).values(changes))
        if not replaced.rowcount:
            await connection.execute(insert(tables.room_settings).values(key | changes))
