"""Jobs, inside a transaction that the caller owns."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, false, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.chat import Author
from bot.domain.jobs import Job, JobState
from bot.domain.scopes import room_of
from bot.store import tables
from bot.store.rows import ask_columns, author_columns, job_of, room_columns

UNFINISHED = (JobState.WAITING, JobState.RUNNING)

_columns = tables.jobs.c


async def add(connection: AsyncConnection, job: Job, place_id: str | None, now: datetime) -> None:
    """Keep a new job, behind a passage (None: at the story's beginning)."""
    values = (
        room_columns(job.room)
        | author_columns(job.author)
        | ask_columns(job.options)
        | {
            "id": job.id,
            "story_id": job.story_id,
            "within": list(job.room.parent_scopes),
            "seed": job.seed,
            "place_id": place_id,
            "state": job.state.value,
            "attempts": job.attempts,
            "reason": "",
            "created_at": now,
            "changed_at": now,
        }
    )
    await connection.execute(insert(tables.jobs).values(values))


async def by_id(connection: AsyncConnection, job_id: str, *, lock: bool = False) -> Job | None:
    """A job; with `lock`, kept from other writers to the end of the transaction."""
    query = _query().where(_columns.id == job_id)
    if lock:
        query = query.with_for_update(of=tables.jobs)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else job_of(row)


async def shown_by(connection: AsyncConnection, platform: str, message_id: str) -> Job | None:
    """The job whose reply a platform's message is."""
    outbox = tables.outbox.c
    query = select(outbox.job_id).where(outbox.platform == platform, outbox.message_id == message_id)
    job_id = (await connection.execute(query)).scalar()
    return None if job_id is None else await by_id(connection, job_id)


async def unfinished(connection: AsyncConnection) -> list[Job]:
    """Jobs that wait or run: those that were begun, then the others, oldest first."""
    query = _query().where(_columns.state.in_(UNFINISHED)).order_by(_columns.placed.desc(), _columns.number)
    return [job_of(row) for row in (await connection.execute(query)).mappings()]


async def unfinished_of(connection: AsyncConnection, story_id: str) -> Job | None:
    """The oldest job of a story that waits or runs."""
    mine = (_columns.story_id == story_id) & _columns.state.in_(UNFINISHED)
    query = _query().where(mine).order_by(_columns.number).limit(1)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else job_of(row)


async def count_since(
    connection: AsyncConnection, platform: str, since: datetime, author: Author | None, scope: str | None
) -> int:
    """How many jobs were made since then, of an author, or where rules of a scope hold."""
    made = (_columns.platform == platform) & (_columns.created_at >= since)
    query = select(func.count()).select_from(tables.jobs).where(made)
    if author is not None:
        query = query.where(_columns.author_platform == author.platform, _columns.author_id == author.id)
    if scope is not None:
        room_id = room_of(scope)
        here = tables.lies_in(_columns.within, scope) if room_id is None else _columns.room_id == room_id
        query = query.where(here)
    return (await connection.execute(query)).scalar_one()


async def begin(connection: AsyncConnection, job_id: str, now: datetime) -> Job | None:
    """Make a job running and count the attempt."""
    changes = {"state": JobState.RUNNING.value, "attempts": _columns.attempts + 1, "changed_at": now}
    await connection.execute(update(tables.jobs).where(_columns.id == job_id).values(changes))
    return await by_id(connection, job_id)


async def release(connection: AsyncConnection, job_id: str, now: datetime, *, begun: bool) -> None:
    """Make a running job waiting; `begun` False: it does not count as an attempt.

    A job that never began has no place: it goes on from what stands there when it does begin.
    """
    changes: dict[str, Any] = {"state": JobState.WAITING.value, "changed_at": now}
    if not begun:
        placed = case((_columns.attempts > 1, _columns.placed), else_=false())
        changes |= {"attempts": _columns.attempts - 1, "placed": placed}
    running = (_columns.id == job_id) & (_columns.state == JobState.RUNNING)
    await connection.execute(update(tables.jobs).where(running).values(changes))


async def move(
    connection: AsyncConnection,
    job_id: str,
    origins: Collection[JobState],
    state: JobState,
    now: datetime,
    reason: str | None = None,
) -> None:
    """Set the state of a job that is in one of `origins`; another job is left as it is."""
    changes: dict[str, Any] = {"state": state.value, "changed_at": now}
    if reason is not None:
        changes["reason"] = reason
    await connection.execute(
        update(tables.jobs).where(_columns.id == job_id, _columns.state.in_(origins)).values(changes)
    )


def _query() -> Select[Any]:
    """Jobs, with what their story remembers of its room."""
    own = [column for column in _columns if column is not _columns.within]
    story = tables.stories.c
    return select(*own, story.within, story.adult).join(tables.stories, story.id == _columns.story_id)
