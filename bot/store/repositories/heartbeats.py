"""Until when each place was listened to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.aio.clock import UtcClock
from bot.store import tables
from bot.store.database import Database, reads, writes

_columns = tables.heartbeats.c


@dataclass(frozen=True, slots=True)
class HeartbeatRepository:
    """`bot.domain.repositories.Heartbeats` in the database."""

    database: Database
    clock: UtcClock

    @reads
    async def listened_until(self, connection: AsyncConnection, platform: str) -> Mapping[str, datetime]:
        return await _known(connection, platform)

    @writes
    async def record(self, connection: AsyncConnection, platform: str, places: Collection[str]) -> None:
        known, now = await _known(connection, platform), self.clock()
        there = [place for place in places if place in known]
        here = (_columns.platform == platform) & _columns.place.in_(there)
        await connection.execute(update(tables.heartbeats).where(here).values(heard_until=now))
        new = [
            {"platform": platform, "place": place, "heard_until": now}
            for place in places
            if place not in known
        ]
        if new:
            await connection.execute(insert(tables.heartbeats), new)


async def _known(connection: AsyncConnection, platform: str) -> dict[str, datetime]:
    query = select(_columns.place, _columns.heard_until).where(_columns.platform == platform)
    return {row.place: tables.in_utc(row.heard_until) for row in await connection.execute(query)}
