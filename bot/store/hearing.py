"""What becomes of a message, and of what a job wrote; inside a transaction that the caller owns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.brackets import balanced
from bot.errors import NoOpenJob, PassageGone, StoryMoved
from bot.messages import Ask, Job, JobState, Message, Passage
from bot.seams import Heard
from bot.store import jobs, moves, passages, stories, tables
from bot.story import is_blank


async def known(connection: AsyncConnection, platform: str, event_id: str) -> Heard | None:
    """What became of an event that was heard before."""
    columns = tables.heard.c
    query = select(tables.heard).where(columns.platform == platform, columns.event_id == event_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    passage = await passages.by_id(connection, row["passage_id"]) if row["passage_id"] else None
    job = await jobs.by_id(connection, row["job_id"]) if row["job_id"] else None
    return Heard(row["story_id"], passage, job, repeated=True)


async def hear(
    connection: AsyncConnection,
    message: Message,
    ask: Ask | None,
    job_id: str,
    seed: int,
    begun: stories.Beginning,
    now: datetime,
) -> Heard:
    """Keep a message that was not heard before, and what it asks for."""
    story = await stories.locked_in(connection, begun, now)
    heard = await _being_written(connection, story) if message.after is not None else None
    if heard is None:
        await _require_last(connection, story, message, ask)
        heard = await _keep(connection, story, message, ask, job_id, seed, now)
    await _remember(connection, message, heard, now)
    return heard


async def append_model(
    connection: AsyncConnection, job_id: str, texts: Sequence[str], now: datetime
) -> list[Passage]:
    """Keep a job's candidates and end it."""
    job = await jobs.by_id(connection, job_id, lock=True)
    if job is None:
        raise NoOpenJob(f"no job has the id {job_id!r}")
    if job.state is JobState.DONE:
        return await passages.of_job(connection, job_id)
    if job.state.final:
        raise NoOpenJob(f"the job {job_id!r} is over: {job.state}")
    story = await stories.locked(connection, job.story_id)
    replaced = await passages.locate(connection, job.ask.instead_of)
    if replaced is None:
        parent_id, becomes_last = story["head_id"], True
        texts = await _fitted(connection, story, job_id, texts)
    else:
        parent_id = replaced["parent_id"]
        becomes_last = await moves.ends_beside(connection, story, replaced)
    await jobs.move(connection, job_id, jobs.UNFINISHED, JobState.DONE, now)
    kept = await passages.keep_candidates(connection, story["id"], parent_id, job_id, texts, now)
    if becomes_last:
        await moves.put_last(connection, story, kept[0], now)
    return kept


async def _fitted(
    connection: AsyncConnection, story: RowMapping, job_id: str, texts: Sequence[str]
) -> Sequence[str]:
    """What came meanwhile is not what the model went on from: it does not go on in that line."""
    if not await _has_grown(connection, story, job_id):
        return texts
    # In a line of their own they close no bracket that stands in another.
    return [text if text.startswith("\n") else "\n" + balanced(text, "") for text in texts]


async def _being_written(connection: AsyncConnection, story: RowMapping) -> Heard | None:
    job = await jobs.unfinished_of(connection, story["id"])
    return None if job is None else Heard(story["id"], None, job, repeated=True)


async def _require_last(
    connection: AsyncConnection, story: RowMapping, message: Message, ask: Ask | None
) -> None:
    if message.after is not None and not await moves.is_last(connection, story, message.after):
        raise StoryMoved
    if ask is None or ask.instead_of is None:
        return
    place = await passages.locate(connection, ask.instead_of)
    if place is None or place["story_id"] != story["id"]:
        raise PassageGone
    if not await moves.is_last(connection, story, ask.instead_of):
        raise StoryMoved


async def _keep(
    connection: AsyncConnection,
    story: RowMapping,
    message: Message,
    ask: Ask | None,
    job_id: str,
    seed: int,
    now: datetime,
) -> Heard:
    passage = job = None
    if not is_blank(message.text):
        passage = await passages.keep_message(connection, story, message, now)
        await moves.put_last(connection, story, passage, now)
    if ask is not None:
        job = Job(job_id, story["id"], message.room, message.author, ask, seed)
        await jobs.add(connection, job, now)
    return Heard(story["id"], passage, job)


async def _remember(connection: AsyncConnection, message: Message, heard: Heard, now: datetime) -> None:
    values = {
        "platform": message.room.platform,
        "event_id": message.event_id,
        "story_id": heard.story_id,
        "passage_id": heard.passage.id if heard.passage else None,
        "job_id": heard.job.id if heard.job else None,
        "heard_at": now,
    }
    await connection.execute(insert(tables.heard).values(values))


async def _has_grown(connection: AsyncConnection, story: RowMapping, job_id: str) -> bool:
    """Whether the story was told on after the job last changed, that is, after it was claimed."""
    told = await moves.last_told(connection, story)
    last, job = tables.passages.c, tables.jobs.c
    query = select(last.id).where(
        last.id == (told and told["id"]), job.id == job_id, last.created_at > job.changed_at
    )
    return (await connection.execute(query)).scalar() is not None
