"""Replies as they are shown, inside a transaction that the caller owns."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.chat import Room
from bot.domain.jobs import JobState
from bot.domain.ports import OutboxRow
from bot.store import tables
from bot.store.rows import outbox_columns, outbox_row_of

_columns = tables.outbox.c
_FINAL = [state for state in JobState if state.final]


async def save(connection: AsyncConnection, row: OutboxRow, now: datetime) -> None:
    """Insert or replace the row of (job_id, part); when its message was posted is noted."""
    values = outbox_columns(row) | {"changed_at": now}
    key = {"job_id": row.job_id, "part": row.part}
    same = _columns.message_id == row.message_id
    posted = {"posted_at": case((same, _columns.posted_at), else_=None if row.message_id is None else now)}
    replaced = await connection.execute(update(tables.outbox).filter_by(**key).values(values | posted))
    if not replaced.rowcount:
        posted_at = None if row.message_id is None else now
        await connection.execute(insert(tables.outbox).values(key | values | {"posted_at": posted_at}))


async def of_job(connection: AsyncConnection, job_id: str) -> list[OutboxRow]:
    """A job's reply, by part."""
    return await _rows(
        connection, select(tables.outbox).where(_columns.job_id == job_id).order_by(_columns.part)
    )


async def undelivered(connection: AsyncConnection) -> list[OutboxRow]:
    """What people may not have seen, or should see no more, the longest waiting first."""
    open_ = _columns.delivered.is_(False) | _columns.former_id.is_not(None)
    return await _rows(connection, _in_order(select(tables.outbox).where(open_)))


async def live(connection: AsyncConnection, room: Room) -> list[OutboxRow]:
    """The posted messages of a room with buttons whose jobs are over, the longest unchanged first."""
    query = select(tables.outbox).join(tables.jobs, tables.jobs.c.id == _columns.job_id)
    here = (_columns.platform == room.platform) & (_columns.room_id == room.id)
    posted = _columns.live & _columns.message_id.is_not(None)
    return await _rows(connection, _in_order(query.where(here, posted, tables.jobs.c.state.in_(_FINAL))))


def _in_order(query: Select[Any]) -> Select[Any]:
    return query.order_by(_columns.changed_at, _columns.job_id, _columns.part)


async def _rows(connection: AsyncConnection, query: Select[Any]) -> list[OutboxRow]:
    return [outbox_row_of(row) for row in (await connection.execute(query)).mappings()]
