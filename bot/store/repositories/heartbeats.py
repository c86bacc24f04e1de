"""Until when each place was listened to, inside a transaction that the caller owns."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store import tables

_columns = tables.heartbeats.c


async def read(connection: AsyncConnection, platform: str) -> dict[str, datetime]:
    """The last moment of each place."""
    query = select(_columns.place, _columns.heard_until).where(_columns.platform == platform)
    return {row.place: _utc(row.heard_until) for row in await connection.execute(query)}


async def beat(connection: AsyncConnection, platform: str, places: Collection[str], now: datetime) -> None:
    """Places are being listened to now."""
    known = await read(connection, platform)
    there = [place for place in places if place in known]
    await connection.execute(
        update(tables.heartbeats)
        .where(_columns.platform == platform, _columns.place.in_(there))
        .values(heard_until=now)
    )
    new = [
        {"platform": platform, "place": place, "heard_until": now} for place in places if place not in known
    ]
    if new:
        await connection.execute(insert(tables.heartbeats), new)


def _utc(moment: datetime) -> datetime:
    """SQLite gives it without a zone; what is stored is UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
