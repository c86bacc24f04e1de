"""The store: each method is one transaction, whole whatever happens to its caller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import ConfigurationError, StoreError
from bot.messages import MODEL, Ask, Job, JobState, Message, Passage, Room, Story
from bot.seams import Heard, OutboxRow
from bot.store import jobs, stories, tables
from bot.store.address import address, make_folder, shown
from bot.store.database import Database, reason_of
from bot.store.migrate import migrate
from bot.store.rows import outbox_columns, outbox_row_of
from bot.story import is_blank, writable

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time of day, in UTC."""
    return datetime.now(UTC)


async def open_store(url: str, *, clock: Clock = utc_now) -> SqlStore:
    """The store at `url` (`sqlite:///path/file.db`, `sqlite:///:memory:`, `postgresql://…`), up to date.

    A folder that is missing is made, older tables are migrated.

    Raises:
        ConfigurationError: the URL is wrong or the database cannot be opened; says why, without a password.
    """
    where = address(url)
    try:
        make_folder(where)
        database = Database(where)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"The store at {shown(where)} needs {error.name}: pip install 'tsuzuki[postgresql]'."
        ) from error
    except (OSError, SQLAlchemyError, TypeError) as error:
        raise _cannot_open(shown(where), reason_of(error, where)) from error
    try:
        async with database.connection() as connection:
            await migrate(connection)
    except (OSError, SQLAlchemyError) as error:
        await database.close()
        raise _cannot_open(shown(where), reason_of(error, where)) from error
    except BaseException:
        await database.close()
        raise
    return SqlStore(database, clock)


class SqlStore:
    """`bot.seams.Store` on SQLite or PostgreSQL.

    Every method raises StoreError where the database cannot be used.
    """

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def close(self) -> None:
        """Let running transactions end and close the database."""
        await self._database.close()

    # Hearing

    async def hear(self, message: Message, ask: Ask | None, job_id: str, seed: int) -> Heard:
        """Append the message's passage and make a job, once per event id."""

        async def work(connection: AsyncConnection) -> Heard:
            known = await _heard(connection, message.room.platform, message.event_id)
            return known or await _hear(connection, message, ask, job_id, seed, self._clock())

        return await self._database.write(work)

    async def heard(self, platform: str, event_id: str) -> Heard | None:
        """What became of an event, None where it was never heard."""
        return await self._database.read(lambda connection: _heard(connection, platform, event_id))

    # Stories

    async def story(self, room: Room) -> Story | None:
        """The story told in a room, with its passages from first to last."""
        return await self._database.read(lambda connection: stories.story_in(connection, room))

    async def story_by_id(self, story_id: str) -> Story:
        """The story with this id. Raises StoreError where there is none."""
        story = await self._database.read(lambda connection: stories.story_by_id(connection, story_id))
        if story is None:
            raise StoreError(f"no story has the id {story_id!r}")
        return story

    async def stories(self, platform: str) -> Sequence[Story]:
        """The stories of a platform, latest first, without their passages."""
        return await self._database.read(lambda connection: stories.stories_of(connection, platform))

    async def append_model(self, job_id: str, texts: Sequence[str]) -> Passage:
        """Keep a job's continuations (the first becomes the story's last) and mark the job done, at once.

        Behind passages that came while the model wrote, they begin a paragraph. Doing it again changes
        nothing and returns the same passage.

        Raises:
            ValueError: no texts.
            StoreError: no such job, or it failed or was cancelled.
        """
        if not texts:
            raise ValueError("a job cannot be done without a text")

        async def work(connection: AsyncConnection) -> Passage:
            job = await jobs.by_id(connection, job_id, lock=True)
            if job is None:
                raise StoreError(f"no job has the id {job_id!r}")
            if job.state is JobState.DONE:
                return await stories.chosen_passage(connection, job_id)
            if job.state.final:
                raise StoreError(f"the job {job_id!r} is over: {job.state}")
            now = self._clock()
            story = await stories.locked_story(connection, job.story_id)
            # What came meanwhile is not what the model went on from: it does not go on in that line.
            apart = await stories.has_grown(connection, story, job_id)
            kept = [_apart(text) for text in texts] if apart else texts
            await jobs.move(connection, job_id, jobs.UNFINISHED, JobState.DONE, now)
            return await stories.append_candidates(connection, story, MODEL, kept, job_id, now)

        return await self._database.write(work)

    # Jobs

    async def job(self, job_id: str) -> Job | None:
        """A job by id."""
        return await self._database.read(lambda connection: jobs.by_id(connection, job_id))

    async def unfinished_jobs(self) -> Sequence[Job]:
        """Jobs that wait or ran when the process ended, oldest first."""
        return await self._database.read(jobs.unfinished)

    async def claim(self, job_id: str) -> Job | None:
        """Mark a waiting job running and count the attempt; None if it is no longer waiting."""
        return await self._database.write(lambda connection: jobs.claim(connection, job_id, self._clock()))

    async def release(self, job_id: str) -> None:
        """Put a running job back to waiting (the worker died, the process ends)."""
        await self._move(job_id, (JobState.RUNNING,), JobState.WAITING, None)

    async def finish(self, job_id: str, state: JobState, reason: str = "") -> None:
        """Set a final state other than done. A job that is over already stays as it is.

        Raises:
            ValueError: the state is not final, or is done.
        """
        if not state.final or state is JobState.DONE:
            raise ValueError(f"a job cannot be finished as {state}")
        await self._move(job_id, jobs.UNFINISHED, state, reason)

    async def _move(
        self, job_id: str, origins: tuple[JobState, ...], state: JobState, reason: str | None
    ) -> None:
        await self._database.write(
            lambda connection: jobs.move(connection, job_id, origins, state, self._clock(), reason)
        )

    # Outbox

    async def outbox(self, job_id: str) -> Sequence[OutboxRow]:
        """A job's reply as last written, by part."""
        columns = tables.outbox.c
        query = select(tables.outbox).where(columns.job_id == job_id).order_by(columns.part)
        return await self._outbox_rows(query)

    async def undelivered(self) -> Sequence[OutboxRow]:
        """Rows whose last draft people may not have seen, the longest waiting first."""
        columns = tables.outbox.c
        order = (columns.changed_at, columns.job_id, columns.part)
        query = select(tables.outbox).where(columns.delivered.is_(False)).order_by(*order)
        return await self._outbox_rows(query)

    async def save_outbox(self, row: OutboxRow) -> None:
        """Insert or replace the row of (job_id, part). Raises StoreError where there is no such job."""
        values = outbox_columns(row) | {"changed_at": self._clock()}
        key = {"job_id": row.job_id, "part": row.part}

        async def work(connection: AsyncConnection) -> None:
            replaced = await connection.execute(update(tables.outbox).filter_by(**key).values(values))
            if not replaced.rowcount:
                await connection.execute(insert(tables.outbox).values(key | values))

        await self._database.write(work)

    async def _outbox_rows(self, query: Select[Any]) -> list[OutboxRow]:
        async def work(connection: AsyncConnection) -> list[OutboxRow]:
            return [outbox_row_of(row) for row in (await connection.execute(query)).mappings()]

        return await self._database.read(work)


async def _heard(connection: AsyncConnection, platform: str, event_id: str) -> Heard | None:
    columns = tables.heard.c
    query = select(tables.heard).where(columns.platform == platform, columns.event_id == event_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    passage = await stories.passage_by_id(connection, row["passage_id"]) if row["passage_id"] else None
    job = await jobs.by_id(connection, row["job_id"]) if row["job_id"] else None
    return Heard(row["story_id"], passage, job, repeated=True)


async def _hear(
    connection: AsyncConnection, message: Message, ask: Ask | None, job_id: str, seed: int, now: datetime
) -> Heard:
    story = await stories.locked_story_in(connection, message.room, now, writable(message.title))
    passage = job = None
    if not is_blank(message.text):
        passage = await stories.append(connection, story, message.author, message.text, message.event_id, now)
    if ask is not None:
        job = Job(job_id, story["id"], message.room, message.author, ask, seed)
        await jobs.add(connection, job, now)
    values = {
        "platform": message.room.platform,
        "event_id": message.event_id,
        "story_id": story["id"],
        "passage_id": passage.id if passage else None,
        "job_id": job_id if job else None,
        "heard_at": now,
    }
    await connection.execute(insert(tables.heard).values(values))
    return Heard(story["id"], passage, job)


def _apart(text: str) -> str:
    return text if text.startswith("\n") else "\n" + text


def _cannot_open(where: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f"The store at {where} cannot be opened: {reason}")
