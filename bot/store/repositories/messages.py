"""What becomes of a message, and of what a job wrote; inside a transaction that the caller owns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.chat import Message
from bot.domain.errors import NoOpenJob, PassageGone, StoryMoved
from bot.domain.jobs import GenerationOptions, Job, JobState
from bot.domain.ports import ReceivedMessage
from bot.domain.story import Passage
from bot.store import tables
from bot.store.repositories import jobs, passages, stories
from bot.store.repositories import reply_places as places
from bot.store.repositories import story_head as moves
from bot.story.joining import is_blank


async def known(connection: AsyncConnection, platform: str, event_id: str) -> ReceivedMessage | None:
    """What became of an event that was heard before."""
    columns = tables.heard.c
    query = select(tables.heard).where(columns.platform == platform, columns.event_id == event_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    passage = await passages.by_id(connection, row["passage_id"]) if row["passage_id"] else None
    job = await jobs.by_id(connection, row["job_id"]) if row["job_id"] else None
    return ReceivedMessage(row["story_id"], passage, job, repeated=True)


async def hear(
    connection: AsyncConnection,
    message: Message,
    ask: GenerationOptions | None,
    job_id: str,
    seed: int,
    begun: stories.Beginning,
    now: datetime,
) -> ReceivedMessage:
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
    parent_id, meanwhile = await places.standing(connection, story, job)
    await jobs.move(connection, job_id, jobs.UNFINISHED, JobState.DONE, now)
    kept = await passages.keep_candidates(connection, story["id"], parent_id, job_id, texts, now)
    if meanwhile is not None:
        await moves.put_in(connection, story, kept[0], meanwhile, now)
    return kept


async def _being_written(connection: AsyncConnection, story: RowMapping) -> ReceivedMessage | None:
    job = await jobs.unfinished_of(connection, story["id"])
    return None if job is None else ReceivedMessage(story["id"], None, job, repeated=True)


async def _require_last(
    connection: AsyncConnection, story: RowMapping, message: Message, ask: GenerationOptions | None
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
    ask: GenerationOptions | None,
    job_id: str,
    seed: int,
    now: datetime,
) -> ReceivedMessage:
    passage = job = None
    head_id = story["head_id"]
    if not is_blank(message.text):
        passage = await passages.keep_message(connection, story, message, now)
        await moves.put_in(connection, story, passage, (), now)
        head_id = passage.id
    if ask is not None:
        job = Job(job_id, story["id"], message.room, message.author, ask, seed)
        replaced = await passages.locate(connection, ask.instead_of)
        await jobs.add(connection, job, head_id if replaced is None else replaced["parent_id"], now)
    return ReceivedMessage(story["id"], passage, job)


async def _remember(
    connection: AsyncConnection, message: Message, heard: ReceivedMessage, now: datetime
) -> None:
    values = {
        "platform": message.room.platform,
        "event_id": message.event_id,
        "story_id": heard.story_id,
        "passage_id": heard.passage.id if heard.passage else None,
        "job_id": heard.job.id if heard.job else None,
        "heard_at": now,
    }
    await connection.execute(insert(tables.heard).values(values))
