"""What becomes of a message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.aio.clock import UtcClock
from bot.domain.chat import Message
from bot.domain.errors import PassageGone, StoryMoved
from bot.domain.jobs import GenerationOptions, Job
from bot.domain.repositories import ReceivedMessage
from bot.domain.story import Passage
from bot.store import tables
from bot.store.database import Database, reads, writes
from bot.store.repositories import jobs, stories, story_head, tree
from bot.story.joining import is_blank, title_of, writable
from bot.text.out_of_character import without_out_of_character

_events = tables.received_events.c


@dataclass(frozen=True, slots=True)
class MessageRepository:
    """`bot.domain.repositories.Messages` in the database."""

    database: Database
    clock: UtcClock

    @writes
    async def receive(
        self,
        connection: AsyncConnection,
        message: Message,
        options: GenerationOptions | None,
        job_id: str,
        seed: int,
        *,
        parentheses_aside: bool = False,
        earlier: Sequence[Message] = (),
    ) -> ReceivedMessage:
        known = await _known(connection, message.room.platform, message.event_id)
        if known is not None:
            return known
        new = stories.NewStory(message.room, message.title, parentheses_aside)
        for line in earlier:
            if await _known(connection, line.room.platform, line.event_id) is None:
                await self._receive(connection, line, None, "", 0, new)
        return await self._receive(connection, message, options, job_id, seed, new)

    async def _receive(
        self,
        connection: AsyncConnection,
        message: Message,
        options: GenerationOptions | None,
        job_id: str,
        seed: int,
        new: stories.NewStory,
    ) -> ReceivedMessage:
        """Keep a message that was not received before, and what it asks for."""
        now = self.clock()
        story = await stories.locked_in(connection, new, now)
        received = await _job_in_progress(connection, story) if message.after is not None else None
        if received is None:
            await _require_last(connection, story, message, options)
            received = await _keep(connection, story, message, options, job_id, seed, now)
        await _remember(connection, message.room.platform, message.event_id, received, now)
        return received

    @reads
    async def find(self, connection: AsyncConnection, platform: str, event_id: str) -> ReceivedMessage | None:
        return await _known(connection, platform, event_id)

    @writes
    async def replace(
        self,
        connection: AsyncConnection,
        platform: str,
        event_id: str,
        message_id: str,
        *,
        name: str | None = None,
        text: str | None = None,
    ) -> Passage | None:
        known = await _known(connection, platform, event_id)
        if known is None or known.passage is None or known.passage.deleted:
            return None
        if await _known(connection, platform, message_id) is not None:
            return None  # somebody took that one into a story by itself
        story = await stories.locked(connection, known.story_id)
        before = await tree.existing(connection, known.passage.id)
        former = (_events.platform == platform) & (_events.event_id == event_id)
        await connection.execute(update(tables.received_events).where(former).values(passage_id=None))
        await _remember(connection, platform, message_id, known, self.clock())
        values = {
            "event_id": message_id,
            "author_name": before.author.name if name is None else writable(name),
            "text": before.text if text is None else writable(text),
        }
        mine = tables.passages.c.id == before.id
        await connection.execute(update(tables.passages).where(mine).values(values))
        if values["text"] != before.text and story["title"] == _title_from(before.text, story):
            await stories.change(connection, story["id"], {"title": _title_from(values["text"], story)})
        return await tree.existing(connection, before.id)


async def _known(connection: AsyncConnection, platform: str, event_id: str) -> ReceivedMessage | None:
    query = select(tables.received_events).where(_events.platform == platform, _events.event_id == event_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    passage = await tree.by_id(connection, row["passage_id"]) if row["passage_id"] else None
    job = await jobs.by_id(connection, row["job_id"]) if row["job_id"] else None
    return ReceivedMessage(row["story_id"], passage, job, repeated=True)


async def _job_in_progress(connection: AsyncConnection, story: RowMapping) -> ReceivedMessage | None:
    job = await jobs.unfinished_of(connection, story["id"])
    return None if job is None else ReceivedMessage(story["id"], None, job, repeated=True)


async def _require_last(
    connection: AsyncConnection, story: RowMapping, message: Message, options: GenerationOptions | None
) -> None:
    if message.after is not None and not await story_head.is_last(connection, story, message.after):
        raise StoryMoved
    if options is None or options.instead_of is None:
        return
    place = await tree.locate(connection, options.instead_of)
    if place is None or place["story_id"] != story["id"]:
        raise PassageGone
    if not await story_head.is_last(connection, story, options.instead_of):
        raise StoryMoved


async def _keep(
    connection: AsyncConnection,
    story: RowMapping,
    message: Message,
    options: GenerationOptions | None,
    job_id: str,
    seed: int,
    now: datetime,
) -> ReceivedMessage:
    passage = job = None
    head_id = story["head_id"]
    if not is_blank(message.text):
        passage = await tree.insert_message(connection, story, message, now)
        await story_head.insert_passage(connection, story, passage, (), now)
        head_id = passage.id
    if options is not None:
        job = Job(job_id, story["id"], message.room, message.author, options, seed)
        replaced = await tree.locate(connection, options.instead_of)
        await jobs.add(connection, job, head_id if replaced is None else replaced["parent_id"], now)
    return ReceivedMessage(story["id"], passage, job)


async def _remember(
    connection: AsyncConnection, platform: str, event_id: str, received: ReceivedMessage, now: datetime
) -> None:
    values = {
        "platform": platform,
        "event_id": event_id,
        "story_id": received.story_id,
        "passage_id": received.passage.id if received.passage else None,
        "job_id": received.job.id if received.job else None,
        "heard_at": now,
    }
    await connection.execute(insert(tables.received_events).values(values))


def _title_from(text: str, story: RowMapping) -> str:
    return title_of(without_out_of_character(text, parentheses=story["parentheses_aside"]))
