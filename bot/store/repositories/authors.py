"""What is kept of people, and how it is forgotten."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.aio.clock import UtcClock
from bot.domain.chat import Author
from bot.domain.repositories import ForgetResult
from bot.domain.story import Passage, candidate_id
from bot.store import tables
from bot.store.database import Database, writes
from bot.store.repositories import tree
from bot.store.repositories.outbox import rows_of_job, save_row
from bot.story.joining import title_of
from bot.text.message_split import EMPTY_MESSAGE
from bot.text.out_of_character import without_out_of_character

_passages, _revisions = tables.passages.c, tables.revisions.c


@dataclass(frozen=True, slots=True)
class AuthorRepository:
    """`bot.domain.repositories.Authors` in the database."""

    database: Database
    clock: UtcClock

    @writes
    async def forget(self, connection: AsyncConnection, author: Author) -> ForgetResult:
        now = self.clock()
        await _lock_stories(connection, author)
        await _untitle(connection, await _texts_of(connection, author))
        restored = await _take_edits_back(connection, author)
        for job_id in dict.fromkeys(passage.id.rpartition(".")[0] for passage in restored):
            await _show_again(connection, job_id, now)
        emptied = await _empty(connection, author, now)
        nobody = {"author_id": uuid.uuid4().hex, "author_name": ""}
        for table in (tables.passages, tables.jobs, tables.acts):
            await connection.execute(update(table).where(_is_by(table, author)).values(nobody))
        return ForgetResult(emptied, tuple(restored))


async def _lock_stories(connection: AsyncConnection, author: Author) -> None:
    stories = tables.stories.c
    theirs = select(_passages.story_id).where(_is_by(tables.passages, author))
    query = select(stories.id).where(stories.id.in_(theirs)).order_by(stories.id).with_for_update()
    await connection.execute(query)


async def _texts_of(connection: AsyncConnection, author: Author) -> list[Any]:
    """Every text that the author wrote, with its story and that one's rule, and every former one."""
    stories = tables.stories.c
    theirs = _is_by(tables.passages, author) & (stories.id == _passages.story_id)
    texts = select(stories.id, stories.parentheses_aside, _passages.text).where(theirs)
    former = select(stories.id, stories.parentheses_aside, _revisions.text).where(
        theirs, _revisions.passage_id == _passages.id
    )
    return [row for query in (texts, former) for row in await connection.execute(query)]


async def _untitle(connection: AsyncConnection, texts: Iterable[Any]) -> None:
    """Take away titles that were made of these texts; the story's next passage gives another."""
    stories = tables.stories
    for story_id, title in {(row.id, _title_from(row)) for row in texts}:
        taken = (stories.c.id == story_id) & (stories.c.title == title)
        await connection.execute(update(stories).where(taken).values(title=""))


def _title_from(row: Any) -> str:
    return title_of(without_out_of_character(row.text, parentheses=row.parentheses_aside))


async def _take_edits_back(connection: AsyncConnection, author: Author) -> list[Passage]:
    """A passage that the model wrote for the author was changed by nobody but them."""
    edited = (
        select(_passages.id, _passages.deleted_at)
        .join(tables.jobs, tables.jobs.c.id == _passages.job_id)
        .where(_is_by(tables.jobs, author), _passages.edited_at.is_not(None))
    )
    rows = (await connection.execute(edited)).all()
    for row in rows:
        mine = _revisions.passage_id == row.id
        query = select(_revisions.number, _revisions.text).where(mine).order_by(_revisions.number).limit(1)
        original = (await connection.execute(query)).one()
        await connection.execute(delete(tables.revisions).where(mine, _revisions.number != original.number))
        if row.deleted_at is None:
            await connection.execute(delete(tables.revisions).where(mine))
            changes = {"text": original.text, "edited_at": None}
            await connection.execute(update(tables.passages).where(_passages.id == row.id).values(changes))
    return [await tree.existing(connection, row.id) for row in rows]


async def _show_again(connection: AsyncConnection, job_id: str, now: datetime) -> None:
    """Let nothing that a reply showed be kept but its passage as it reads now."""
    for row in await rows_of_job(connection, job_id):
        shown = await tree.by_id(connection, row.reply.passage or candidate_id(job_id, 0))
        text = shown.text if shown is not None and row.part == 0 else ""
        draft = replace(row.reply, text=text or EMPTY_MESSAGE, other_candidates=())
        await save_row(connection, replace(row, reply=draft, delivered=False), now)


async def _empty(connection: AsyncConnection, author: Author, now: datetime) -> int:
    theirs = _is_by(tables.passages, author)
    ids: Select[Any] = select(_passages.id).where(theirs)
    for table in (tables.revisions, tables.scores):
        await connection.execute(delete(table).where(table.c.passage_id.in_(ids)))
    events = tables.received_events
    await connection.execute(update(events).where(events.c.passage_id.in_(ids)).values(passage_id=None))
    erased = {"text": "", "event_id": None, "deleted_at": func.coalesce(_passages.deleted_at, now)}
    return (await connection.execute(update(tables.passages).where(theirs).values(erased))).rowcount


def _is_by(table: Table, author: Author) -> ColumnElement[bool]:
    return (table.c.author_platform == author.platform) & (table.c.author_id == author.id)
