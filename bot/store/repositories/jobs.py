"""Jobs: claimed, given back, ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, false, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.aio.clock import UtcClock
from bot.domain.chat import Author
from bot.domain.errors import NoOpenJob
from bot.domain.jobs import Job, JobState
from bot.domain.scopes import room_of
from bot.domain.story import Passage
from bot.store import tables
from bot.store.database import Database
from bot.store.rows import job_of
from bot.store.statements import jobs, passages, reply_places, stories, story_head
from bot.store.transactions import reads, writes

_jobs, _outbox = tables.jobs.c, tables.outbox.c


@dataclass(frozen=True, slots=True)
class JobRepository:
    """`bot.domain.repositories.Jobs` in the database."""

    database: Database
    clock: UtcClock

    @reads
    async def get(self, connection: AsyncConnection, job_id: str) -> Job | None:
        """A job by id."""
        return await jobs.by_id(connection, job_id)

    @reads
    async def by_message(self, connection: AsyncConnection, platform: str, message_id: str) -> Job | None:
        """The job whose reply a message is."""
        query = select(_outbox.job_id).where(_outbox.platform == platform, _outbox.message_id == message_id)
        job_id = (await connection.execute(query)).scalar()
        return None if job_id is None else await jobs.by_id(connection, job_id)

    @reads
    async def unfinished(self, connection: AsyncConnection) -> Sequence[Job]:
        """Jobs that wait or ran when the process ended: those that were begun first, then the oldest."""
        query = jobs.query().where(_jobs.state.in_(jobs.UNFINISHED))
        rows = await connection.execute(query.order_by(_jobs.placed.desc(), _jobs.number))
        return [job_of(row) for row in rows.mappings()]

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
        """How many jobs were made since then, of an author, or where settings of a scope hold."""
        made = (_jobs.platform == platform) & (_jobs.created_at >= since)
        query = select(func.count()).select_from(tables.jobs).where(made)
        if author is not None:
            query = query.where(_jobs.author_platform == author.platform, _jobs.author_id == author.id)
        if scope is not None:
            room_id = room_of(scope)
            here = tables.lies_in(_jobs.within, scope) if room_id is None else _jobs.room_id == room_id
            query = query.where(here)
        return (await connection.execute(query)).scalar_one()

    @writes
    async def claim(self, connection: AsyncConnection, job_id: str) -> Job | None:
        """Mark a waiting job running and count the attempt.

        None if it is no longer waiting, or another process is just claiming it. The first time its reply gets
        its place: behind the story's end as it is now. Raises StoryBusy where another reply of the story was
        begun and is not over.
        """
        waiting = (_jobs.id == job_id) & (_jobs.state == JobState.WAITING)
        query = select(tables.jobs).where(waiting).with_for_update(skip_locked=True)
        job = (await connection.execute(query)).mappings().one_or_none()
        if job is None:
            return None
        story = await stories.locked(connection, job["story_id"])
        await reply_places.require_turn(connection, job)
        if not job["placed"]:
            await reply_places.place(connection, story, job)
        attempt = {
            "state": JobState.RUNNING.value,
            "attempts": _jobs.attempts + 1,
            "changed_at": self.clock(),
        }
        await connection.execute(update(tables.jobs).where(_jobs.id == job_id).values(attempt))
        return await jobs.by_id(connection, job_id)

    @writes
    async def release(self, connection: AsyncConnection, job_id: str, *, begun: bool = True) -> None:
        """Put a running job back to waiting (the worker died, the process ends).

        `begun` False: the worker would not take it, and the attempt does not count. A reply that never began
        gives its place back: it goes on from what stands there when it does begin.
        """
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
        """Set a final state other than done. A job that is over already stays as it is.

        Raises:
            ValueError: the state is not final, or is done.
        """
        if not state.final or state is JobState.DONE:
            raise ValueError(f"a job cannot be finished as {state}")
        await jobs.end(connection, job_id, state, self.clock(), reason)

    @writes
    async def complete(
        self, connection: AsyncConnection, job_id: str, texts: Sequence[str]
    ) -> Sequence[Passage]:
        """Keep a job's candidates, in their order, and mark the job done, at once.

        They stand where the job began, before what people wrote meanwhile. Doing it again changes nothing
        and returns the same passages.

        Raises:
            ValueError: no texts.
            NoOpenJob: no such job, or it failed or was cancelled.
        """
        if not texts:
            raise ValueError("a job cannot be done without a text")
        job, now = await jobs.by_id(connection, job_id, lock=True), self.clock()
        if job is None:
            raise NoOpenJob(f"no job has the id {job_id!r}")
        if job.state is JobState.DONE:
            return await passages.of_job(connection, job_id)
        if job.state.final:
            raise NoOpenJob(f"the job {job_id!r} is over: {job.state}")
        story = await stories.locked(connection, job.story_id)
        parent_id, meanwhile = await reply_places.standing(connection, story, job)
        await jobs.end(connection, job_id, JobState.DONE, now)
        kept = await passages.insert_candidates(connection, story["id"], parent_id, job_id, texts, now)
        if meanwhile is not None:
            await story_head.insert_passage(connection, story, kept[0], meanwhile, now)
        return kept
