"""Where a job's reply stands in its story (see `tables`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import dropwhile

from sqlalchemy import ColumnElement, RowMapping, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.chat import MODEL
from bot.domain.errors import StoryBusy
from bot.domain.jobs import Job, JobState
from bot.store import tables
from bot.store.statements import jobs, passages, story_head

_jobs, _outbox = tables.jobs.c, tables.outbox.c


async def standing(
    connection: AsyncConnection, story: RowMapping, job: Job
) -> tuple[str | None, list[RowMapping] | None]:
    """The passage that a job's reply follows, and what was written meanwhile, which is to follow the reply.

    None instead of the latter where the reply becomes only an alternative: the story went on with another one
    behind what was to be replaced. A job that never began follows the head.
    """
    query = select(_jobs.place_id, _jobs.placed).where(_jobs.id == job.id)
    row = (await connection.execute(query)).one()
    replaces = job.options.instead_of is not None
    if not row.placed and not replaces:
        return story["head_id"], []
    behind = await passages.between(connection, story["head_id"], row.place_id)
    if behind is None:
        return row.place_id, None
    if replaces:
        behind = story_head.goes_along(story, behind[1:])
    went_on = any(one["author_platform"] == MODEL.platform for one in _there(behind))
    return row.place_id, None if went_on else list(dropwhile(_is_gone, behind))


async def place(connection: AsyncConnection, story: RowMapping, job: RowMapping) -> None:
    """Give the reply of a job that begins its place: behind the story's end as it is now."""
    # What replaces a passage has that one's place, and its message stands where it was asked for.
    if job["instead_of"] is not None:
        changes = {"placed": True}
    else:
        moved = job["moved"] + await _is_covered(connection, story, job)
        changes = {"placed": True, "place_id": story["head_id"], "moved": moved}
    await connection.execute(update(tables.jobs).where(_jobs.id == job["id"]).values(changes))


async def _is_covered(connection: AsyncConnection, story: RowMapping, job: RowMapping) -> bool:
    """Whether something stands below the job's waiting sign that its reply comes after."""
    since = await passages.between(connection, story["head_id"], job["place_id"])
    if since is None or any(one["author_platform"] != MODEL.platform for one in _there(since)):
        return True
    own = select(_outbox.posted_at).where(_outbox.job_id == job["id"], _outbox.part == 0)
    posted_at = (await connection.execute(own)).scalar()
    return posted_at is not None and await _is_passed(connection, job, posted_at)


async def _is_passed(connection: AsyncConnection, job: RowMapping, posted_at: datetime) -> bool:
    """Whether a message of a reply that stands before was posted since then, or is on its way."""
    on_its_way = _outbox.message_id.is_(None) | (_outbox.moved < _jobs.moved)
    below = (_outbox.posted_at > posted_at) | (_outbox.delivered.is_(False) & on_its_way)
    here = and_(_outbox.platform == job["platform"], _outbox.room_id == job["room_id"])
    query = select(_outbox.job_id).join(tables.jobs, _jobs.id == _outbox.job_id)
    query = query.where(here, _jobs.id != job["id"], _jobs.placed, below).limit(1)
    return (await connection.execute(query)).scalar() is not None


async def require_turn(connection: AsyncConnection, job: RowMapping) -> None:
    """Raises StoryBusy where another reply of the job's story was begun and is not over."""
    begun: ColumnElement[bool] = _jobs.state == JobState.RUNNING
    if not job["placed"]:
        begun = or_(begun, _jobs.placed)
    others = (_jobs.story_id == job["story_id"]) & (_jobs.id != job["id"]) & _jobs.state.in_(jobs.UNFINISHED)
    if (await connection.execute(select(_jobs.id).where(others, begun).limit(1))).scalar() is not None:
        raise StoryBusy


def _there(rows: Sequence[RowMapping]) -> list[RowMapping]:
    return [row for row in rows if not _is_gone(row)]


def _is_gone(row: RowMapping) -> bool:
    return row["deleted_at"] is not None
