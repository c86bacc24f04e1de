"""Jobs: kept, read, and given another state."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.jobs import Job, JobState
from bot.store import tables
from bot.store.rows import author_columns, job_of, options_columns, room_columns

UNFINISHED = (JobState.WAITING, JobState.RUNNING)

_columns = tables.jobs.c


async def add(connection: AsyncConnection, job: Job, place_id: str | None, now: datetime) -> None:
    """Keep a new job, behind a passage (None: at the story's beginning)."""
    values = (
        room_columns(job.room)
        | author_columns(job.author)
        | options_columns(job.options)
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
    wanted = query().where(_columns.id == job_id)
    if lock:
        wanted = wanted.with_for_update(of=tables.jobs)
    row = (await connection.execute(wanted)).mappings().one_or_none()
    return None if row is None else job_of(row)


async def unfinished_of(connection: AsyncConnection, story_id: str) -> Job | None:
    """The oldest job of a story that waits or runs."""
    mine = (_columns.story_id == story_id) & _columns.state.in_(UNFINISHED)
    wanted = query().where(mine).order_by(_columns.number).limit(1)
    row = (await connection.execute(wanted)).mappings().one_or_none()
    return None if row is None else job_of(row)


async def end(
    connection: AsyncConnection, job_id: str, state: JobState, now: datetime, reason: str | None = None
) -> None:
    """Set the final state of a job that waits or runs; one that is over already is left as it is."""
    changes: dict[str, Any] = {"state": state.value, "changed_at": now}
    if reason is not None:
        changes["reason"] = reason
    unfinished = (_columns.id == job_id) & _columns.state.in_(UNFINISHED)
    await connection.execute(update(tables.jobs).where(unfinished).values(changes))


def query() -> Select[Any]:
    """Jobs as `job_of` reads them, with what their story remembers of its room."""
    own = [column for column in _columns if column is not _columns.within]
    story = tables.stories.c
    return select(*own, story.within, story.adult).join(tables.stories, story.id == _columns.story_id)
