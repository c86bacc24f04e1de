"""Stories: found, read with their passages, begun, closed, told in another room, renamed.

Whatever changes a story owns its row first (`locked`): other writers queue up behind it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.aio.clock import UtcClock
from bot.domain.chat import Author, Room
from bot.domain.errors import NoOpenJob, NoSuchStory, NotesChanged, StoryBusy
from bot.domain.story import Act, ActKind, Lore, Notes, ReplyInProgress, Story
from bot.store import tables
from bot.store.database import Database, reads, writes
from bot.store.repositories import acts, story_head, tree
from bot.store.tables import Row, place_columns, placed_room_of, room_columns
from bot.story.joining import writable

DEFAULT_LIMIT = 200
"""How many stories people are shown."""

_stories, _jobs, _outbox = tables.stories.c, tables.jobs.c, tables.outbox.c


@dataclass(frozen=True, slots=True)
class NewStory:
    """With what a story begins in a room. `title`: as somebody typed it; empty: the first line names it."""

    room: Room
    title: str = ""
    parentheses_aside: bool = False


@dataclass(frozen=True, slots=True)
class StoryRepository:
    """`bot.domain.repositories.Stories` in the database."""

    database: Database
    clock: UtcClock

    @reads
    async def open_in(self, connection: AsyncConnection, room: Room) -> Story | None:
        return await find_open(connection, room)

    @reads
    async def get(self, connection: AsyncConnection, story_id: str) -> Story:
        return await read(connection, story_id)

    @reads
    async def before_reply(self, connection: AsyncConnection, job_id: str) -> Story:
        query = select(_jobs.story_id, _jobs.place_id, _jobs.placed).where(_jobs.id == job_id)
        job = (await connection.execute(query)).one_or_none()
        if job is None:
            raise NoOpenJob(f"no job has the id {job_id!r}")
        if not job.placed:
            return await read(connection, job.story_id)
        query = select(tables.stories).where(_stories.id == job.story_id)
        row = (await connection.execute(query)).mappings().one()
        path = await tree.path_to(connection, job.place_id)
        return replace(_story_of(row), passages=path, head=job.place_id)

    @reads
    async def find(
        self,
        connection: AsyncConnection,
        platform: str,
        *,
        within: str | None = None,
        room: Room | None = None,
        author: Author | None = None,
        limit: int | None = DEFAULT_LIMIT,
    ) -> Sequence[Story]:
        """As the port has it; `limit` of them."""
        query = select(tables.stories).where(_stories.platform == platform)
        if within is not None:
            query = query.where(tables.lies_in(_stories.within, within))
        if room is not None:
            query = query.where(_is_in(room))
        if author is not None:
            theirs = tables.passages.c
            wrote = (theirs.author_platform == author.platform) & (theirs.author_id == author.id)
            query = query.where(_stories.id.in_(select(theirs.story_id).where(wrote)))
        query = query.order_by(_stories.changed_at.desc(), _stories.number.desc()).limit(limit)
        rows = (await connection.execute(query)).mappings()
        return [replace(_story_of(row), changed_at=tables.in_utc(row["changed_at"])) for row in rows]

    @reads
    async def open_rooms(self, connection: AsyncConnection, platform: str) -> Sequence[Room]:
        here = (_stories.platform == platform) & _stories.closed_at.is_(None)
        query = select(tables.stories).where(here)
        query = query.order_by(_stories.changed_at.desc(), _stories.number.desc())
        return [placed_room_of(row) for row in (await connection.execute(query)).mappings()]

    @reads
    async def last_act(self, connection: AsyncConnection, room: Room) -> Act | None:
        return await acts.latest(connection, room)

    @writes
    async def begin(
        self,
        connection: AsyncConnection,
        room: Room,
        title: str = "",
        *,
        parentheses_aside: bool = False,
        by: Author | None = None,
    ) -> Story:
        before, now = await find_open(connection, room), self.clock()
        await _lock_room(connection, room)
        await _close_in(connection, room, now)
        row = await _insert(connection, NewStory(room, title, parentheses_aside), now)
        after = await read(connection, row["id"])
        await acts.add(connection, acts.opened(ActKind.BEGIN, by, before, after), now)
        return after

    @writes
    async def reopen(
        self, connection: AsyncConnection, story_id: str, room: Room, *, by: Author | None = None
    ) -> Story:
        before, now = await find_open(connection, room), self.clock()
        after = await open_again(connection, story_id, room, now)
        await acts.add(connection, acts.opened(ActKind.REOPEN, by, before, after), now)
        return after

    @writes
    async def close(self, connection: AsyncConnection, story_id: str, *, by: Author | None = None) -> Story:
        before = await read(connection, story_id)
        row = await locked_at_rest(connection, story_id)
        if row["closed_at"] is None:
            await change(connection, story_id, {"closed_at": self.clock()})
        closed = await read(connection, story_id)
        if not before.closed:
            await acts.add(connection, acts.opened(ActKind.CLOSE, by, before, None), self.clock())
        return closed

    @writes
    async def move(self, connection: AsyncConnection, room: Room, to: Room) -> bool:
        await _lock_room(connection, to)
        story = await _locked(connection, _is_open_in(room))
        if story is None:
            return False
        await _close_in(connection, to, self.clock(), but=story["id"])
        await change(connection, story["id"], room_columns(to) | place_columns(to))
        mine = (_jobs.story_id == story["id"]) & (_jobs.room_id == room.id)
        theirs = select(_jobs.id).where(mine)
        shown = _outbox.job_id.in_(theirs) & (_outbox.room_id == room.id)
        await connection.execute(update(tables.outbox).where(shown).values(room_columns(to)))
        place = room_columns(to) | {"within": list(to.parent_scopes)}
        await connection.execute(update(tables.jobs).where(mine).values(place))
        return True

    @writes
    async def rename(self, connection: AsyncConnection, story_id: str, title: str) -> Story:
        await locked(connection, story_id)
        return await self._change(connection, story_id, {"title": writable(title)})

    @writes
    async def save_notes(
        self, connection: AsyncConnection, story_id: str, notes: Notes, before: Notes
    ) -> Story:
        old = _notes_columns(before)
        changed = {name: value for name, value in _notes_columns(notes).items() if value != old[name]}
        kept = _story_of(await locked(connection, story_id)).notes
        now = _notes_columns(kept)
        if any(now[name] not in (old[name], value) for name, value in changed.items()):
            raise NotesChanged(kept)
        return await self._change(connection, story_id, changed)

    async def _change(self, connection: AsyncConnection, story_id: str, values: dict[str, Any]) -> Story:
        await change(connection, story_id, {**values, "changed_at": self.clock()})
        return await read(connection, story_id)


# For what else changes stories, inside its transaction


async def find_open(connection: AsyncConnection, room: Room) -> Story | None:
    """The room's open story with its passages."""
    return await _read(connection, _is_open_in(room))


async def read(connection: AsyncConnection, story_id: str) -> Story:
    """A story with its passages. Raises NoSuchStory."""
    story = await _read(connection, _stories.id == story_id)
    if story is None:
        raise NoSuchStory(story=story_id)
    return story


async def locked(connection: AsyncConnection, story_id: str) -> RowMapping:
    """The story's row, kept from other writers to the end of the transaction. Raises NoSuchStory."""
    row = await _locked(connection, _stories.id == story_id)
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


async def open_again(connection: AsyncConnection, story_id: str, room: Room, now: datetime) -> Story:
    """Go on with a story in a room, whose open one is closed."""
    await _lock_room(connection, room)
    row = await locked_at_rest(connection, story_id)
    if row["platform"] != room.platform:
        raise NoSuchStory(story=story_id)
    await _close_in(connection, room, now, but=story_id)
    here = room_columns(room) | place_columns(room)
    await change(connection, story_id, here | {"closed_at": None, "changed_at": now})
    return await read(connection, story_id)


async def change(connection: AsyncConnection, story_id: str, values: Mapping[str, Any]) -> None:
    """Set columns of a story."""
    await connection.execute(update(tables.stories).where(_stories.id == story_id).values(values))


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
    row = await _locked(connection, _is_open_in(room) & (_stories.id != but))
    if row is not None:
        await _require_rest(connection, row)
        await change(connection, row["id"], {"closed_at": now})


async def _require_rest(connection: AsyncConnection, story: RowMapping) -> None:
    query = select(_jobs.id).where(_jobs.story_id == story["id"], tables.unfinished).limit(1)
    if (await connection.execute(query)).scalar() is not None:
        raise StoryBusy


async def _locked(connection: AsyncConnection, wanted: ColumnElement[bool]) -> RowMapping | None:
    query = select(tables.stories).where(wanted).with_for_update()
    return (await connection.execute(query)).mappings().one_or_none()


async def _read(connection: AsyncConnection, wanted: ColumnElement[bool]) -> Story | None:
    row = (await connection.execute(select(tables.stories).where(wanted))).mappings().one_or_none()
    if row is None:
        return None
    path = await tree.path_to(connection, row["head_id"])
    last = await story_head.last_passage(connection, row)
    place = await story_head.anchor_of(connection, last)
    return replace(
        _story_of(row),
        passages=path,
        can_redo=await story_head.forward(connection, row) is not None,
        hangs_on=None if place is None or place["deleted_at"] is not None else place["id"],
        alternatives=await _others(connection, place or last),
        reply_in_progress=await _reply_in_progress(connection, row),
    )


async def _reply_in_progress(connection: AsyncConnection, story: RowMapping) -> ReplyInProgress | None:
    """A story's reply that was begun and is not over, at its place."""
    query = select(_jobs.id, _jobs.place_id, _jobs.instead_of)
    query = query.where(_jobs.story_id == story["id"], _jobs.placed, tables.unfinished)
    job = (await connection.execute(query.order_by(_jobs.number).limit(1))).mappings().one_or_none()
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
    behind = await tree.between(connection, story["head_id"], place_id) or []
    return behind[: len(behind) - len(story_head.goes_along(story, behind[1:]))]


async def _others(connection: AsyncConnection, last: RowMapping | None) -> int:
    if last is None:
        return 0
    beside = tree.is_sibling(last) & (tables.passages.c.id != last["id"])
    query = select(func.count()).select_from(tables.passages).where(beside)
    return (await connection.execute(query)).scalar_one()


def _is_in(room: Room) -> ColumnElement[bool]:
    """Whether a story is, or was last, told in a room."""
    return (_stories.platform == room.platform) & (_stories.room_id == room.id)


def _is_open_in(room: Room) -> ColumnElement[bool]:
    return _is_in(room) & _stories.closed_at.is_(None)


def _story_of(row: Row) -> Story:
    """A story without its passages."""
    lore = tuple(Lore(tuple(one["keywords"]), one["text"], one["priority"]) for one in row["lore"])
    return Story(
        id=row["id"],
        room=placed_room_of(row),
        title=row["title"],
        head=row["head_id"],
        notes=Notes(row["memory"], row["note"], lore),
        closed=row["closed_at"] is not None,
        parentheses_aside=row["parentheses_aside"],
    )


def _notes_columns(notes: Notes) -> dict[str, Any]:
    """What a story's row holds of notes."""
    lore = [
        {
            "keywords": [writable(keyword) for keyword in entry.keywords],
            "text": writable(entry.text),
            "priority": entry.priority,
        }
        for entry in notes.lore
    ]
    return {"memory": writable(notes.memory), "note": writable(notes.note), "lore": lore}
