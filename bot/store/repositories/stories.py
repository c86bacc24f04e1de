"""Stories: found, begun, closed, told in another room, renamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.aio.clock import UtcClock
from bot.domain.chat import Author, Room
from bot.domain.errors import NoOpenJob, NotesChanged
from bot.domain.story import ActKind, Notes, Story
from bot.store import tables
from bot.store.database import Database
from bot.store.rows import notes_columns, placed_room_of, room_columns, story_of
from bot.store.statements import acts, stories
from bot.store.transactions import reads, writes
from bot.story.joining import writable

DEFAULT_LIMIT = 200
"""How many stories people are shown."""

_stories, _jobs, _outbox = tables.stories.c, tables.jobs.c, tables.outbox.c


@dataclass(frozen=True, slots=True)
class StoryRepository:
    """`bot.domain.repositories.Stories` in the database."""

    database: Database
    clock: UtcClock

    @reads
    async def open_in(self, connection: AsyncConnection, room: Room) -> Story | None:
        """The story that is open in a room, with its passages from first to last."""
        return await stories.find(connection, room)

    @reads
    async def get(self, connection: AsyncConnection, story_id: str) -> Story:
        """The story with this id. Raises NoSuchStory."""
        return await stories.read(connection, story_id)

    @reads
    async def before_reply(self, connection: AsyncConnection, job_id: str) -> Story:
        """The story as far as the place of a job's reply, which is what it goes on from. Raises NoOpenJob."""
        query = select(_jobs.story_id, _jobs.place_id, _jobs.placed).where(_jobs.id == job_id)
        job = (await connection.execute(query)).one_or_none()
        if job is None:
            raise NoOpenJob(f"no job has the id {job_id!r}")
        if not job.placed:
            return await stories.read(connection, job.story_id)
        return await stories.read_to(connection, job.story_id, job.place_id)

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
        """Stories of a platform, latest first (`limit` of them), without their passages; closed ones too.

        Only those within a place (`guild/1`), of one room, or that an author wrote in, where one is named.
        """
        query = select(tables.stories).where(_stories.platform == platform)
        if within is not None:
            query = query.where(tables.lies_in(_stories.within, within))
        if room is not None:
            query = query.where(stories.is_in(room))
        if author is not None:
            theirs = tables.passages.c
            wrote = (theirs.author_platform == author.platform) & (theirs.author_id == author.id)
            query = query.where(_stories.id.in_(select(theirs.story_id).where(wrote)))
        query = query.order_by(_stories.changed_at.desc(), _stories.number.desc()).limit(limit)
        return [story_of(row) for row in (await connection.execute(query)).mappings()]

    @reads
    async def open_rooms(self, connection: AsyncConnection, platform: str) -> Sequence[Room]:
        """The rooms in which a story is open, the one whose story changed last first."""
        here = (_stories.platform == platform) & _stories.closed_at.is_(None)
        query = (
            select(tables.stories).where(here).order_by(_stories.changed_at.desc(), _stories.number.desc())
        )
        return [placed_room_of(row) for row in (await connection.execute(query)).mappings()]

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
        """Begin a new story in a room; the one that was open there is closed. Raises StoryBusy."""
        before = await stories.find(connection, room)
        new = stories.NewStory(room, title, parentheses_aside)
        after = await stories.begin(connection, new, self.clock())
        await acts.add(connection, acts.opened(ActKind.BEGIN, by, before, after), self.clock())
        return after

    @writes
    async def reopen(
        self, connection: AsyncConnection, story_id: str, room: Room, *, by: Author | None = None
    ) -> Story:
        """Go on with a story of this platform in a room, whose open one is closed.

        Raises:
            NoSuchStory, StoryBusy
        """
        before = await stories.find(connection, room)
        after = await stories.reopen(connection, story_id, room, self.clock())
        await acts.add(connection, acts.opened(ActKind.REOPEN, by, before, after), self.clock())
        return after

    @writes
    async def close(self, connection: AsyncConnection, story_id: str, *, by: Author | None = None) -> Story:
        """Close a story: its room has none until one is begun or opened again. Raises StoryBusy."""
        before = await stories.read(connection, story_id)
        row = await stories.locked_at_rest(connection, story_id)
        if row["closed_at"] is None:
            await stories.change(connection, story_id, {"closed_at": self.clock()})
        closed = await stories.read(connection, story_id)
        if not before.closed:
            await acts.add(connection, acts.opened(ActKind.CLOSE, by, before, None), self.clock())
        return closed

    @writes
    async def move(self, connection: AsyncConnection, room: Room, to: Room) -> bool:
        """Let a room's open story be told in another room, with its jobs and their replies.

        False: there is none. The other room's story is closed. Raises StoryBusy where that is being written.
        """
        story = await stories.move(connection, room, to, self.clock())
        if story is None:
            return False
        mine = (_jobs.story_id == story["id"]) & (_jobs.room_id == room.id)
        theirs = select(_jobs.id).where(mine)
        shown = _outbox.job_id.in_(theirs) & (_outbox.room_id == room.id)
        await connection.execute(update(tables.outbox).where(shown).values(room_columns(to)))
        place = room_columns(to) | {"within": list(to.parent_scopes)}
        await connection.execute(update(tables.jobs).where(mine).values(place))
        return True

    @writes
    async def rename(self, connection: AsyncConnection, story_id: str, title: str) -> Story:
        """Give a story another title. Raises NoSuchStory."""
        await stories.locked(connection, story_id)
        return await self._change(connection, story_id, {"title": writable(title)})

    @writes
    async def save_notes(
        self, connection: AsyncConnection, story_id: str, notes: Notes, before: Notes
    ) -> Story:
        """Change a story's notes; what is in `notes` as it was `before` stays as it is by now.

        Raises:
            NotesChanged: something that is to be changed reads otherwise by now than it did `before`.
        """
        old = notes_columns(before)
        changed = {name: value for name, value in notes_columns(notes).items() if value != old[name]}
        kept = story_of(await stories.locked(connection, story_id)).notes
        now = notes_columns(kept)
        if any(now[name] not in (old[name], value) for name, value in changed.items()):
            raise NotesChanged(kept)
        return await self._change(connection, story_id, changed)

    async def _change(self, connection: AsyncConnection, story_id: str, values: dict[str, Any]) -> Story:
        await stories.change(connection, story_id, {**values, "changed_at": self.clock()})
        return await stories.read(connection, story_id)
