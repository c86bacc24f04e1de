"""Passages and where they stand: read and kept."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CTE, ColumnElement, RowMapping, Select, and_, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.chat import MODEL, Author, Message
from bot.domain.story import Passage, candidate_id
from bot.store import tables
from bot.store.tables import (
    Row,
    author_columns,
    author_of,
)
from bot.story.joining import writable

_columns = tables.passages.c
_asker = [
    tables.jobs.c[f"author_{name}"].label(f"asker_{name}") for name in ("platform", "id", "name", "locale")
]


def query() -> Select[Any]:
    """Passages as `_passage_of` reads them."""
    return select(tables.passages, *_asker).outerjoin(tables.jobs, tables.jobs.c.id == _columns.job_id)


async def read(connection: AsyncConnection, wanted: Select[Any]) -> list[Passage]:
    """The passages of a `query()`."""
    return [_passage_of(row) for row in (await connection.execute(wanted)).mappings()]


async def by_id(connection: AsyncConnection, passage_id: str) -> Passage | None:
    """A passage, deleted or not."""
    found = await read(connection, query().where(_columns.id == passage_id))
    return found[0] if found else None


async def existing(connection: AsyncConnection, passage_id: str) -> Passage:
    """A passage that is known to be there."""
    (passage,) = await read(connection, query().where(_columns.id == passage_id))
    return passage


async def of_job(connection: AsyncConnection, job_id: str) -> list[Passage]:
    """What a job's candidates became, in their order."""
    return await read(connection, query().where(_columns.job_id == job_id).order_by(_columns.choice))


async def path_to(connection: AsyncConnection, head_id: str | None) -> tuple[Passage, ...]:
    """The passages from the story's first to its head, deleted ones left out."""
    if head_id is None:
        return ()
    path = path_of(head_id)
    there = query().join(path, path.c.id == _columns.id).where(_columns.deleted_at.is_(None))
    return tuple(await read(connection, there.order_by(path.c.back.desc())))


def path_of(head_id: str, until: str | None = None) -> CTE:
    """The way from a head (`back` 0) to the story's first, or until a passage.

    Its columns are `id`, `parent_id`, `next_id` and `back`.
    """
    chosen = (_columns.id, _columns.parent_id, _columns.next_id)
    path = select(*chosen, literal(0).label("back")).where(_columns.id == head_id).cte("path", recursive=True)
    further = select(*chosen, path.c.back + 1).join(path, _columns.id == path.c.parent_id)
    return path.union_all(further if until is None else further.where(path.c.id != until))


async def between(
    connection: AsyncConnection, head_id: str | None, place_id: str | None
) -> list[RowMapping] | None:
    """What lies between a place (None: the story's beginning) and the head, deleted passages too, in order.

    Each as `locate` tells of it. None where the way to the head does not lead over the place.
    """
    if head_id is None or head_id == place_id:
        return [] if head_id == place_id else None
    path = path_of(head_id, until=place_id)
    query = _places().join(path, path.c.id == _columns.id).order_by(path.c.back.desc())
    rows = list((await connection.execute(query)).mappings())
    if place_id is None:
        return rows
    return rows[1:] if rows[0]["id"] == place_id else None


def is_sibling(row: RowMapping) -> ColumnElement[bool]:
    """Whether a passage has its place in the story in common with `row`, and is not deleted."""
    parent = _columns.parent_id
    same = parent.is_(None) if row["parent_id"] is None else parent == row["parent_id"]
    return and_(_columns.story_id == row["story_id"], same, _columns.deleted_at.is_(None))


async def locate(connection: AsyncConnection, passage_id: str | None) -> RowMapping | None:
    """Where a passage stands, and what decides whether it belongs to the story as it is told."""
    found = await connection.execute(_places().where(_columns.id == passage_id))
    row: RowMapping | None = found.mappings().one_or_none()
    return row


def _places() -> Select[Any]:
    """What `locate` tells, of all passages."""
    names = ("id", "story_id", "parent_id", "next_id", "deleted_at", "author_platform", "text", "meanwhile")
    return select(*(_columns[name] for name in names))


async def insert_message(
    connection: AsyncConnection, story: RowMapping, message: Message, now: datetime
) -> Passage:
    """Keep a person's passage behind the story's head."""
    passage_id = uuid.uuid4().hex
    values = {"id": passage_id, "text": writable(message.text), "event_id": message.event_id, "choice": 0}
    await _insert(connection, story["id"], story["head_id"], message.author, values, now)
    return await existing(connection, passage_id)


async def insert_candidates(
    connection: AsyncConnection,
    story_id: str,
    parent_id: str | None,
    job_id: str,
    texts: Sequence[str],
    now: datetime,
) -> list[Passage]:
    """Keep a job's candidates behind a passage, as alternatives of each other."""
    for choice, text in enumerate(texts):
        name = candidate_id(job_id, choice)
        values = {"id": name, "text": writable(text), "job_id": job_id, "choice": choice}
        await _insert(connection, story_id, parent_id, MODEL, values, now)
    return await of_job(connection, job_id)


async def _insert(
    connection: AsyncConnection,
    story_id: str,
    parent_id: str | None,
    author: Author,
    values: dict[str, Any],
    now: datetime,
) -> None:
    place = {"story_id": story_id, "parent_id": parent_id, "created_at": now}
    await connection.execute(insert(tables.passages).values(author_columns(author) | place | values))


def _passage_of(row: Row) -> Passage:
    """A passage, from a row that has the author of its job too (`asker_…`)."""
    return Passage(
        id=row["id"],
        story_id=row["story_id"],
        parent_id=row["parent_id"],
        author=author_of(row),
        text=row["text"],
        asker=None if row["asker_id"] is None else author_of(row, "asker"),
        edited=row["edited_at"] is not None,
        deleted=row["deleted_at"] is not None,
    )
