"""A story's row: locked, read with its passages, begun, closed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.chat import Room
from bot.domain.errors import NoSuchStory, StoryBusy
from bot.domain.story import ReplyInProgress, Story
from bot.store import tables
from bot.store.rows import place_columns, room_columns, story_of
from bot.store.statements import jobs, passages, story_head
from bot.story.joining import writable

_columns = tables.stories.c


@dataclass(frozen=True, slots=True)
class NewStory:
    """With what a story begins in a room. `title`: as somebody typed it; empty: the first line names it."""

    room: Room
    title: str = ""
    parentheses_aside: bool = False


async def locked(connection: AsyncConnection, story_id: str) -> RowMapping:
    """The story's row, kept from other writers to the end of the transaction: they queue up behind it.

    Raises:
        NoSuchStory
    """
    row = await _locked(connection, _columns.id == story_id)
    if row is None:
        raise NoSuchStory(story=story_id)
    return row


async def locked_at_rest(connection: AsyncConnection, story_id: str) -> RowMapping:
    """The same of a story that the model does not write. Raises StoryBusy."""
    row = await locked(connection, story_id)
    await _require_rest(connection, row)
    return row


async def locked_in(connection: AsyncConnection, new: NewStory, now: datetime) -> RowMapping:
    """The row of the room's open story, which is begun where there is none."""
    room = new.room
    row = await _locked(connection, _is_open_in(room))
    if row is None:
        await _lock_room(connection, room)
        row = await _locked(connection, _is_open_in(room))
    if row is None:
        return await _insert(connection, new, now)
    if (row["within"], row["adult"]) != (list(room.parent_scopes), room.adult):
        await change(connection, row["id"], place_columns(room))
    return row


async def begin(connection: AsyncConnection, new: NewStory, now: datetime) -> Story:
    """Begin a story in a room, whose open one is closed."""
    await _lock_room(connection, new.room)
    await _close_in(connection, new.room, now)
    return await read(connection, (await _insert(connection, new, now))["id"])


async def reopen(connection: AsyncConnection, story_id: str, room: Room, now: datetime) -> Story:
    """Go on with a story in a room, whose open one is closed."""
    await _lock_room(connection, room)
    row = await locked_at_rest(connection, story_id)
    if row["platform"] != room.platform:
        raise NoSuchStory(story=story_id)
    await _close_in(connection, room, now, but=story_id)
    here = room_columns(room) | place_columns(room)
    await change(connection, story_id, here | {"closed_at": None, "changed_at": now})
    return await read(connection, story_id)


async def move(connection: AsyncConnection, room: Room, to: Room, now: datetime) -> RowMapping | None:
    """The row of the story that is open in a room, and from now on in another, whose own is closed.

    It may be being written. Raises StoryBusy where the other room's is.
    """
    await _lock_room(connection, to)
    row = await _locked(connection, _is_open_in(room))
    if row is not None:
        await _close_in(connection, to, now, but=row["id"])
        await change(connection, row["id"], room_columns(to) | place_columns(to))
    return row


async def change(connection: AsyncConnection, story_id: str, values: Mapping[str, Any]) -> None:
    """Set columns of a story."""
    await connection.execute(update(tables.stories).where(_columns.id == story_id).values(values))


async def find(connection: AsyncConnection, room: Room) -> Story | None:
    """The room's open story with its passages."""
    return await _read(connection, _is_open_in(room))


async def read(connection: AsyncConnection, story_id: str) -> Story:
    """A story with its passages. Raises NoSuchStory."""
    story = await _read(connection, _columns.id == story_id)
    if story is None:
        raise NoSuchStory(story=story_id)
    return story


async def read_to(connection: AsyncConnection, story_id: str, passage_id: str | None) -> Story:
    """A story with its passages as far as one of them (None: none of them). Raises NoSuchStory."""
    query = select(tables.stories).where(_columns.id == story_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise NoSuchStory(story=story_id)
    path = await passages.path_to(connection, passage_id)
    return replace(story_of(row), passages=path, head=passage_id)


async def _lock_room(connection: AsyncConnection, room: Room) -> None:
    """Let one transaction at a time change which story is open in a room.

    PostgreSQL locks rows, and a story that is just beginning has none; SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        key = func.hashtextextended(f"{room.platform} {room.id}", 0)
        await connection.execute(select(func.pg_advisory_xact_lock(key)))


async def _insert(connection: AsyncConnection, new: NewStory, now: datetime) -> RowMapping:
    story_id = uuid.uuid4().hex
    made = {
        "id": story_id,
        "title": writable(new.title),
        "lore": [],
        "parentheses_aside": new.parentheses_aside,
        "created_at": now,
        "changed_at": now,
    }
    values = room_columns(new.room) | place_columns(new.room) | made
    await connection.execute(insert(tables.stories).values(values))
    return await locked(connection, story_id)


async def _close_in(connection: AsyncConnection, room: Room, now: datetime, but: str = "") -> None:
    row = await _locked(connection, _is_open_in(room) & (_columns.id != but))
    if row is not None:
        await _require_rest(connection, row)
        await change(connection, row["id"], {"closed_at": now})


async def _require_rest(connection: AsyncConnection, story: RowMapping) -> None:
    if await jobs.unfinished_of(connection, story["id"]) is not None:
        raise StoryBusy


async def _locked(connection: AsyncConnection, wanted: ColumnElement[bool]) -> RowMapping | None:
    query = select(tables.stories).where(wanted).with_for_update()
    return (await connection.execute(query)).mappings().one_or_none()


async def _read(connection: AsyncConnection, wanted: ColumnElement[bool]) -> Story | None:
    row = (await connection.execute(select(tables.stories).where(wanted))).mappings().one_or_none()
    if row is None:
        return None
    path = await passages.path_to(connection, row["head_id"])
    last = await story_head.last_passage(connection, row)
    place = await story_head.anchor_of(connection, last)
    return replace(
        story_of(row),
        passages=path,
        can_redo=await story_head.forward(connection, row) is not None,
        hangs_on=None if place is None or place["deleted_at"] is not None else place["id"],
        alternatives=await _others(connection, place or last),
        reply_in_progress=await _reply_in_progress(connection, row),
    )


async def _reply_in_progress(connection: AsyncConnection, story: RowMapping) -> ReplyInProgress | None:
    """A story's reply that was begun and is not over, at its place."""
    wanted = (
        (tables.jobs.c.story_id == story["id"])
        & tables.jobs.c.placed
        & tables.jobs.c.state.in_(jobs.UNFINISHED)
    )
    query = (
        select(tables.jobs.c.id, tables.jobs.c.place_id, tables.jobs.c.instead_of)
        .where(wanted)
        .order_by(tables.jobs.c.number)
        .limit(1)
    )
    job = (await connection.execute(query)).mappings().one_or_none()
    if job is None:
        return None
    former = [] if job["instead_of"] is None else await _replaced(connection, story, job["place_id"])
    there = [row["id"] for row in former if row["deleted_at"] is None]
    if there:
        return ReplyInProgress(job["id"], there[-1])
    before = await story_head.present(connection, job["place_id"])
    return ReplyInProgress(job["id"], None if before is None else before["id"])


async def _replaced(
    connection: AsyncConnection, story: RowMapping, place_id: str | None
) -> Sequence[RowMapping]:
    """What stands at a place and is to be replaced, with what does not go along when it is."""
    behind = await passages.between(connection, story["head_id"], place_id) or []
    return behind[: len(behind) - len(story_head.goes_along(story, behind[1:]))]


async def _others(connection: AsyncConnection, last: RowMapping | None) -> int:
    if last is None:
        return 0
    beside = passages.is_sibling(last) & (tables.passages.c.id != last["id"])
    query = select(func.count()).select_from(tables.passages).where(beside)
    return (await connection.execute(query)).scalar_one()


def is_in(room: Room) -> ColumnElement[bool]:
    """Whether a story is, or was last, told in a room."""
    return (_columns.platform == room.platform) & (_columns.room_id == room.id)


def _is_open_in(room: Room) -> ColumnElement[bool]:
    return is_in(room) & _columns.closed_at.is_(None)
