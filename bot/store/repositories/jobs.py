"""Jobs: kept, claimed, given back, ended; and where a job's reply stands in its story (see `tables`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import dropwhile
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, and_, case, false, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.aio.clock import UtcClock
from bot.domain.chat import MODEL, Author, room_of_scope
from bot.domain.errors import NoOpenJob, StoryBusy
from bot.domain.jobs import GenerationOptions, Job, JobState, Length
from bot.domain.story import Passage
from bot.store import tables
from bot.store.database import Database, reads, writes
from bot.store.repositories import stories, story_head, tree
from bot.store.tables import Row, author_columns, author_of, placed_room_of, room_columns

_jobs, _outbox = tables.jobs.c, tables.outbox.c


@dataclass(frozen=True, slots=True)
class JobRepository:
    """`bot.domain.repositories.Jobs` in the database."""

    database: Database
    clock: UtcClock

    @reads
    async def get(self, connection: AsyncConnection, job_id: str) -> Job | None:
        return await by_id(connection, job_id)

    @reads
    async def by_message(self, connection: AsyncConnection, platform: str, message_id: str) -> Job | None:
        query = select(_outbox.job_id).where(_outbox.platform == platform, _outbox.message_id == message_id)
        job_id = (await connection.execute(query)).scalar()
        return None if job_id is None else await by_id(connection, job_id)

    @reads
    async def unfinished(self, connection: AsyncConnection) -> Sequence[Job]:
        query = _query().where(tables.unfinished).order_by(_jobs.placed.desc(), _jobs.number)
        return [_job_of(row) for row in (await connection.execute(query)).mappings()]

    @reads
    async def count_since(
        self,
        connection: AsyncConnection,
        platform: str,
        since: datetime,
        *,
        author: Author | None = None,
        scope: str | None = None,
    ) -> int:
        made = (_jobs.platform == platform) & (_jobs.created_at >= since)
        query = select(func.count()).select_from(tables.jobs).where(made)
        if author is not None:
            query = query.where(_jobs.author_platform == author.platform, _jobs.author_id == author.id)
        if scope is not None:
            room_id = room_of_scope(scope)
            here = tables.lies_in(_jobs.within, scope) if room_id is None else _jobs.room_id == room_id
            query = query.where(here)
        return (await connection.execute(query)).scalar_one()

    @writes
    async def claim(self, connection: AsyncConnection, job_id: str) -> Job | None:
        waiting = (_jobs.id == job_id) & (_jobs.state == JobState.WAITING)
        query = select(tables.jobs).where(waiting).with_for_update(skip_locked=True)
        job = (await connection.execute(query)).mappings().one_or_none()
        if job is None:
            return None
        story = await stories.locked(connection, job["story_id"])
        await _require_turn(connection, job)
        if not job["placed"]:
            await _place(connection, story, job)
        attempt = {
            "state": JobState.RUNNING.value,
            "attempts": _jobs.attempts + 1,
            "changed_at": self.clock(),
        }
        await connection.execute(update(tables.jobs).where(_jobs.id == job_id).values(attempt))
        return await by_id(connection, job_id)

    @writes
    async def release(self, connection: AsyncConnection, job_id: str, *, begun: bool = True) -> None:
        changes: dict[str, Any] = {"state": JobState.WAITING.value, "changed_at": self.clock()}
        if not begun:
            placed = case((_jobs.attempts > 1, _jobs.placed), else_=false())
            changes |= {"attempts": _jobs.attempts - 1, "placed": placed}
        running = (_jobs.id == job_id) & (_jobs.state == JobState.RUNNING)
        await connection.execute(update(tables.jobs).where(running).values(changes))

    @writes
    async def finish(
        self, connection: AsyncConnection, job_id: str, state: JobState, reason: str = ""
    ) -> None:
        if not state.final or state is JobState.DONE:
            raise ValueError(f"a job cannot be finished as {state}")
        await _end(connection, job_id, state, self.clock(), reason)

    @writes
    async def complete(
        self, connection: AsyncConnection, job_id: str, texts: Sequence[str]
    ) -> Sequence[Passage]:
        if not texts:
            raise ValueError("a job cannot be done without a text")
        job, now = await by_id(connection, job_id, lock=True), self.clock()
        if job is None:
            raise NoOpenJob(f"no job has the id {job_id!r}")
        if job.state is JobState.DONE:
            return await tree.of_job(connection, job_id)
        if job.state.final:
            raise NoOpenJob(f"the job {job_id!r} is over: {job.state}")
        story = await stories.locked(connection, job.story_id)
        parent_id, meanwhile = await _reply_place(connection, story, job)
        await _end(connection, job_id, JobState.DONE, now)
        kept = await tree.insert_candidates(connection, story["id"], parent_id, job_id, texts, now)
        if meanwhile is not None:
            await story_head.insert_passage(connection, story, kept[0], meanwhile, now)
        return kept


async def add(connection: AsyncConnection, job: Job, place_id: str | None, now: datetime) -> None:
    """Keep a new job, behind a passage (None: at the story's beginning)."""
    values = {
        **room_columns(job.room),
        **author_columns(job.author),
        **_options_columns(job.options),
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
    await connection.execute(insert(tables.jobs).values(values))


async def by_id(connection: AsyncConnection, job_id: str, *, lock: bool = False) -> Job | None:
    """A job; with `lock`, kept from other writers to the end of the transaction."""
    wanted = _query().where(_jobs.id == job_id)
    if lock:
        wanted = wanted.with_for_update(of=tables.jobs)
    row = (await connection.execute(wanted)).mappings().one_or_none()
    return None if row is None else _job_of(row)


async def unfinished_of(connection: AsyncConnection, story_id: str) -> Job | None:
    """The oldest job of a story that waits or runs."""
    mine = (_jobs.story_id == story_id) & tables.unfinished
    wanted = _query().where(mine).order_by(_jobs.number).limit(1)
    row = (await connection.execute(wanted)).mappings().one_or_none()
    return None if row is None else _job_of(row)


async def _end(
    connection: AsyncConnection, job_id: str, state: JobState, now: datetime, reason: str | None = None
) -> None:
    """Set the final state of a job that waits or runs; one that is over already is left as it is."""
    changes: dict[str, Any] = {"state": state.value, "changed_at": now}
    if reason is not None:
        changes["reason"] = reason
    unfinished = (_jobs.id == job_id) & tables.unfinished
    await connection.execute(update(tables.jobs).where(unfinished).values(changes))


def _query() -> Select[Any]:
    """Jobs as `_job_of` reads them, with what their story remembers of its room."""
    own = [column for column in _jobs if column is not _jobs.within]
    story = tables.stories.c
    return select(*own, story.within, story.adult).join(tables.stories, story.id == _jobs.story_id)


async def _reply_place(
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
    behind = await tree.between(connection, story["head_id"], row.place_id)
    if behind is None:
        return row.place_id, None
    if replaces:
        behind = story_head.goes_along(story, behind[1:])
    went_on = any(one["author_platform"] == MODEL.platform for one in _not_deleted(behind))
    return row.place_id, None if went_on else list(dropwhile(_is_deleted, behind))


async def _place(connection: AsyncConnection, story: RowMapping, job: RowMapping) -> None:
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
    since = await tree.between(connection, story["head_id"], job["place_id"])
    if since is None or any(one["author_platform"] != MODEL.platform for one in _not_deleted(since)):
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


async def _require_turn(connection: AsyncConnection, job: RowMapping) -> None:
    """Raises StoryBusy where another reply of the job's story was begun and is not over."""
    begun: ColumnElement[bool] = _jobs.state == JobState.RUNNING
    if not job["placed"]:
        begun = or_(begun, _jobs.placed)
    others = (_jobs.story_id == job["story_id"]) & (_jobs.id != job["id"]) & tables.unfinished
    if (await connection.execute(select(_jobs.id).where(others, begun).limit(1))).scalar() is not None:
        raise StoryBusy


def _not_deleted(rows: Sequence[RowMapping]) -> list[RowMapping]:
    return [row for row in rows if not _is_deleted(row)]


def _is_deleted(row: RowMapping) -> bool:
    return row["deleted_at"] is not None


def _job_of(row: Row) -> Job:
    """A job."""
    length = row["length"]
    options = GenerationOptions(
        length=int(length) if length.isdecimal() else Length(length),
        preset=row["preset"],
        candidates=row["candidates"],
        seed=row["asked_seed"],
        instead_of=row["instead_of"],
        scores=row["scores"],
    )
    return Job(
        id=row["id"],
        story_id=row["story_id"],
        room=placed_room_of(row),
        author=author_of(row),
        options=options,
        seed=row["seed"],
        state=JobState(row["state"]),
        attempts=row["attempts"],
        moved=row["moved"],
    )


def _options_columns(options: GenerationOptions) -> dict[str, Any]:
    """What was asked, as a job keeps it."""
    return {
        "length": str(options.length),
        "preset": options.preset,
        "candidates": options.candidates,
        "asked_seed": options.seed,
        "instead_of": options.instead_of,
        "scores": options.scores,
    }
