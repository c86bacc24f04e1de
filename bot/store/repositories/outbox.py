"""Replies as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.aio.clock import UtcClock
from bot.domain.chat import Room
from bot.domain.jobs import JobState
from bot.domain.replies import Candidate, OutboxRow, Reply, ReplyState
from bot.store import tables
from bot.store.database import Database, reads, writes
from bot.store.tables import (
    Row,
    room_columns,
    room_of,
)
from bot.story.joining import writable

_columns = tables.outbox.c
_FINAL = [state for state in JobState if state.final]


@dataclass(frozen=True, slots=True)
class OutboxRepository:
    """`bot.domain.repositories.OutboxRows` in the database."""

    database: Database
    clock: UtcClock

    @reads
    async def of_job(self, connection: AsyncConnection, job_id: str) -> Sequence[OutboxRow]:
        return await rows_of_job(connection, job_id)

    @writes
    async def save(self, connection: AsyncConnection, row: OutboxRow) -> None:
        await save_row(connection, row, self.clock())

    @reads
    async def undelivered(self, connection: AsyncConnection) -> Sequence[OutboxRow]:
        open_ = _columns.delivered.is_(False) | _columns.former_id.is_not(None)
        return await _rows(connection, _in_order(select(tables.outbox).where(open_)))

    @reads
    async def interactive_in(self, connection: AsyncConnection, room: Room) -> Sequence[OutboxRow]:
        query = select(tables.outbox).join(tables.jobs, tables.jobs.c.id == _columns.job_id)
        here = (_columns.platform == room.platform) & (_columns.room_id == room.id)
        posted = _columns.live & _columns.message_id.is_not(None)
        return await _rows(connection, _in_order(query.where(here, posted, tables.jobs.c.state.in_(_FINAL))))


async def save_row(connection: AsyncConnection, row: OutboxRow, now: datetime) -> None:
    """Insert or replace the row of (job_id, part); when its message was posted is noted."""
    values = _columns_of(row) | {"changed_at": now}
    key = {"job_id": row.job_id, "part": row.part}
    same = _columns.message_id == row.message_id
    posted_at = None if row.message_id is None else now
    posted = {"posted_at": case((same, _columns.posted_at), else_=posted_at)}
    replaced = await connection.execute(update(tables.outbox).filter_by(**key).values(values | posted))
    if not replaced.rowcount:
        await connection.execute(insert(tables.outbox).values(key | values | {"posted_at": posted_at}))


async def rows_of_job(connection: AsyncConnection, job_id: str) -> list[OutboxRow]:
    """A job's reply, by part."""
    query = select(tables.outbox).where(_columns.job_id == job_id).order_by(_columns.part)
    return await _rows(connection, query)


def _in_order(query: Select[Any]) -> Select[Any]:
    return query.order_by(_columns.changed_at, _columns.job_id, _columns.part)


async def _rows(connection: AsyncConnection, query: Select[Any]) -> list[OutboxRow]:
    return [_row_of(row) for row in (await connection.execute(query)).mappings()]


def _columns_of(row: OutboxRow) -> dict[str, Any]:
    """An outbox row without its key."""
    draft = row.reply
    return {
        **room_columns(row.room),
        "message_id": row.message_id,
        "state": draft.state.value,
        "text": writable(draft.text),
        "note": writable(draft.note),
        "choices": [{"passage": one.passage, "text": writable(one.text)} for one in draft.other_candidates],
        "passage": draft.passage,
        "live": draft.interactive,
        "delivered": row.delivered,
        "moved": row.moved,
        "former_id": row.former_id,
    }


def _row_of(row: Row) -> OutboxRow:
    """An outbox row."""
    draft = Reply(
        state=ReplyState(row["state"]),
        text=row["text"],
        note=row["note"],
        other_candidates=tuple(Candidate(one["passage"], one["text"]) for one in row["choices"]),
        job=row["job_id"],
        passage=row["passage"],
        interactive=row["live"],
    )
    return OutboxRow(
        row["job_id"],
        row["part"],
        room_of(row),
        row["message_id"],
        draft,
        row["delivered"],
        row["moved"],
        row["former_id"],
    )
