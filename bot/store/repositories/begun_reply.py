"""The reply that a story is going on with just now; inside a transaction that the caller owns."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.story import ReplyInProgress
from bot.store import tables
from bot.store.repositories import jobs, passages
from bot.store.repositories import story_head as moves

_jobs = tables.jobs.c


async def begun_in(connection: AsyncConnection, story: RowMapping) -> ReplyInProgress | None:
    """A story's reply that was begun and is not over, at its place."""
    wanted = (_jobs.story_id == story["id"]) & _jobs.placed & _jobs.state.in_(jobs.UNFINISHED)
    query = select(_jobs.id, _jobs.place_id, _jobs.instead_of).where(wanted).order_by(_jobs.number).limit(1)
    job = (await connection.execute(query)).mappings().one_or_none()
    if job is None:
        return None
    former = [] if job["instead_of"] is None else await _replaced(connection, story, job["place_id"])
    there = [row["id"] for row in former if row["deleted_at"] is None]
    if there:
        return ReplyInProgress(job["id"], there[-1])
    before = await moves.present(connection, job["place_id"])
    return ReplyInProgress(job["id"], None if before is None else before["id"])


async def _replaced(
    connection: AsyncConnection, story: RowMapping, place_id: str | None
) -> Sequence[RowMapping]:
    """What stands at a place and is to be replaced, with what does not go along when it is."""
    behind = await passages.behind(connection, story["head_id"], place_id) or []
    return behind[: len(behind) - len(moves.hanging(story, behind[1:]))]
