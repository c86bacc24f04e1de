"""Stories and their passages, inside a transaction that the caller owns."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.messages import Author, Passage, Room, Story
from bot.store import tables
from bot.store.rows import author_columns, author_of, passage_of, room_columns, story_of
from bot.story import title_of, writable


async def locked_story(connection: AsyncConnection, story_id: str) -> RowMapping:
    """The story's row, kept from other writers to the end of the transaction: appends queue up behind it."""
    rows = await connection.execute(
        select(tables.stories).where(tables.stories.c.id == story_id).with_for_update()
    )
    return rows.mappings().one()


async def locked_story_in(
    connection: AsyncConnection, room: Room, now: datetime, title: str = ""
) -> RowMapping:
    """The row of the room's story, which is made where there is none; then `title` names it."""
    found = (await connection.execute(select(tables.stories.c.id).where(_is_in(room)))).scalar()
    if found is None:
        found = uuid.uuid4().hex
        name = title_of(title) if title else ""
        values = room_columns(room) | {"id": found, "title": name, "created_at": now, "changed_at": now}
        await connection.execute(insert(tables.stories).values(values))
    return await locked_story(connection, found)


async def append(
    connection: AsyncConnection, story: RowMapping, author: Author, text: str, event_id: str, now: datetime
) -> Passage:
    """A person's passage behind the story's head, which it becomes."""
    passage = await _insert(connection, story, author, text, now, event_id=event_id)
    await _move_head(connection, story, passage, now)
    return passage


async def append_candidates(
    connection: AsyncConnection,
    story: RowMapping,
    author: Author,
    texts: Sequence[str],
    job_id: str,
    now: datetime,
) -> Passage:
    """Candidates of one job behind the story's head: the first becomes the head, the others are kept."""
    passages = [
        await _insert(connection, story, author, text, now, job_id=job_id, choice=choice)
        for choice, text in enumerate(texts)
    ]
    await _move_head(connection, story, passages[0], now)
    return passages[0]


async def has_grown(connection: AsyncConnection, story: RowMapping, job_id: str) -> bool:
    """Whether the story's head came after the job last changed, that is, after it was claimed."""
    head, job = tables.passages.c, tables.jobs.c
    query = select(head.id).where(
        head.id == story["head_id"], job.id == job_id, head.created_at > job.changed_at
    )
    return (await connection.execute(query)).scalar() is not None


async def passage_by_id(connection: AsyncConnection, passage_id: str) -> Passage:
    """A passage."""
    query = select(tables.passages).where(tables.passages.c.id == passage_id)
    return passage_of((await connection.execute(query)).mappings().one())


async def chosen_passage(connection: AsyncConnection, job_id: str) -> Passage:
    """The first candidate that a job gave."""
    columns = tables.passages.c
    query = select(tables.passages).where(columns.job_id == job_id, columns.choice == 0)
    return passage_of((await connection.execute(query)).mappings().one())


async def story_in(connection: AsyncConnection, room: Room) -> Story | None:
    """The room's story with its passages."""
    return await _story(connection, select(tables.stories).where(_is_in(room)))


async def story_by_id(connection: AsyncConnection, story_id: str) -> Story | None:
    """A story with its passages."""
    return await _story(connection, select(tables.stories).where(tables.stories.c.id == story_id))


async def stories_of(connection: AsyncConnection, platform: str) -> list[Story]:
    """A platform's stories, the one changed last first, without passages."""
    columns = tables.stories.c
    query = (
        select(tables.stories)
        .where(columns.platform == platform)
        .order_by(columns.changed_at.desc(), columns.number.desc())
    )
    return [story_of(row) for row in (await connection.execute(query)).mappings()]


async def _story(connection: AsyncConnection, query: Select[Any]) -> Story | None:
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    return story_of(row, await _path_to(connection, row["head_id"]))


async def _path_to(connection: AsyncConnection, head_id: str | None) -> tuple[Passage, ...]:
    """The passages from the story's first to its head."""
    if head_id is None:
        return ()
    passages = tables.passages
    path = (
        select(passages, literal(0).label("back")).where(passages.c.id == head_id).cte("path", recursive=True)
    )
    parents = select(passages, path.c.back + 1).join(path, passages.c.id == path.c.parent_id)
    path = path.union_all(parents)
    rows = await connection.execute(select(path).order_by(path.c.back.desc()))
    return tuple(passage_of(row) for row in rows.mappings())


async def _insert(
    connection: AsyncConnection,
    story: RowMapping,
    author: Author,
    text: str,
    now: datetime,
    *,
    event_id: str | None = None,
    job_id: str | None = None,
    choice: int = 0,
) -> Passage:
    values = author_columns(author) | {
        "id": uuid.uuid4().hex,
        "story_id": story["id"],
        "parent_id": story["head_id"],
        "text": writable(text),
        "event_id": event_id,
        "job_id": job_id,
        "choice": choice,
        "created_at": now,
    }
    await connection.execute(insert(tables.passages).values(values))
    return Passage(values["id"], story["id"], story["head_id"], author_of(values), values["text"])


async def _move_head(connection: AsyncConnection, story: RowMapping, head: Passage, now: datetime) -> None:
    values = {"head_id": head.id, "changed_at": now, "title": story["title"] or title_of(head.text)}
    await connection.execute(update(tables.stories).where(tables.stories.c.id == story["id"]).values(values))


def _is_in(room: Room) -> ColumnElement[bool]:
    return (tables.stories.c.platform == room.platform) & (tables.stories.c.room_id == room.id)
