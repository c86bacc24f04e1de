"""Moving a story's end to and fro, and taking back what somebody did to a story that everybody sees.

An act is taken back only while it is still the last word: where the story went on, or moved, since, it stays.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import RowMapping, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.aio.clock import UtcClock
from bot.domain.chat import Author
from bot.domain.errors import ActOvertaken, NothingToTakeBack, NotYours
from bot.domain.story import Act, ActKind, Story
from bot.store import tables
from bot.store.database import Database, writes
from bot.store.repositories import acts, stories, story_head, tree

_acts = tables.acts.c
_Target = TypeVar("_Target")
_Move = Callable[[AsyncConnection, RowMapping, _Target, datetime], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class HistoryRepository:
    """`bot.domain.repositories.History` in the database."""

    database: Database
    clock: UtcClock

    @writes
    async def undo(
        self,
        connection: AsyncConnection,
        story_id: str,
        expected: str | None = None,
        *,
        by: Author | None = None,
    ) -> Story:
        return await self._move_head(connection, story_id, ActKind.UNDO, by, story_head.undo, expected)

    @writes
    async def redo(
        self,
        connection: AsyncConnection,
        story_id: str,
        expected: str | None = None,
        *,
        by: Author | None = None,
    ) -> Story:
        return await self._move_head(connection, story_id, ActKind.REDO, by, story_head.redo, expected)

    @writes
    async def go_to(
        self, connection: AsyncConnection, story_id: str, passage_id: str, *, by: Author | None = None
    ) -> Story:
        return await self._move_head(connection, story_id, ActKind.BRANCH, by, story_head.go_to, passage_id)

    @writes
    async def choose(
        self, connection: AsyncConnection, story_id: str, passage_id: str, *, by: Author | None = None
    ) -> Story:
        return await self._move_head(connection, story_id, ActKind.CHOOSE, by, story_head.choose, passage_id)

    async def _move_head(
        self,
        connection: AsyncConnection,
        story_id: str,
        kind: ActKind,
        by: Author | None,
        move: _Move[_Target],
        target: _Target,
    ) -> Story:
        """Move a story's end, and keep who did it."""
        story, now = await stories.locked_at_rest(connection, story_id), self.clock()
        before = await stories.read(connection, story_id)
        former = await move(connection, story, target, now)
        after = await stories.read(connection, story_id)
        await acts.add(connection, acts.moved(kind, by, before, after, former), now)
        return after

    @writes
    async def take_back(self, connection: AsyncConnection, act_id: str, by: Author) -> Act:
        query = select(tables.acts).where(_acts.id == act_id).with_for_update()
        row = (await connection.execute(query)).mappings().one_or_none()
        if row is None or row["taken_back_at"] is not None:
            raise NothingToTakeBack
        act, now = acts.act_of(row), self.clock()
        await _RETURNS[act.kind](connection, act, by, now)
        await connection.execute(update(tables.acts).where(_acts.id == act_id).values(taken_back_at=now))
        return act


async def _return_head(connection: AsyncConnection, act: Act, _: Author, now: datetime) -> None:
    story = await stories.locked_at_rest(connection, act.story_id)
    if story["head_id"] != act.after:
        raise ActOvertaken
    await _lead_to(connection, story, act.before, now)


async def _lead_to(connection: AsyncConnection, story: RowMapping, head: str | None, now: datetime) -> None:
    if head is None:
        await story_head.to_beginning(connection, story, now)
    else:
        await story_head.go_to(connection, story, head, now)


async def _return_choice(connection: AsyncConnection, act: Act, _: Author, now: datetime) -> None:
    story = await stories.locked_at_rest(connection, act.story_id)
    if act.before is None or act.after is None or not await story_head.is_last(connection, story, act.after):
        raise ActOvertaken
    await story_head.choose(connection, story, act.before, now)


async def _return_passage(connection: AsyncConnection, act: Act, by: Author, now: datetime) -> None:
    if by.person != act.by.person:
        raise NotYours
    if act.before is None or not await _put_back(connection, act.before, now):
        raise NothingToTakeBack


async def _put_back(connection: AsyncConnection, passage_id: str, now: datetime) -> bool:
    """Bring a deleted passage back with the text that it had; whether there was one to bring back."""
    place = await tree.locate(connection, passage_id)
    if place is None or place["deleted_at"] is None:
        return False
    await stories.locked(connection, place["story_id"])
    mine = tables.revisions.c.passage_id == passage_id
    query = select(tables.revisions).where(mine).order_by(tables.revisions.c.number.desc()).limit(1)
    former = (await connection.execute(query)).mappings().one_or_none()
    if former is None:  # its writer had all of theirs forgotten
        return False
    await connection.execute(delete(tables.revisions).where(tables.revisions.c.number == former["number"]))
    values = {"text": former["text"], "deleted_at": None}
    await connection.execute(update(tables.passages).where(tables.passages.c.id == passage_id).values(values))
    await stories.change(connection, place["story_id"], {"changed_at": now})
    return True


async def _return_story(connection: AsyncConnection, act: Act, _: Author, now: datetime) -> None:
    there = await stories.find_open(connection, act.room)
    if (None if there is None else there.id) != act.after or act.before is None:
        raise ActOvertaken
    await stories.open_again(connection, act.before, (await stories.read(connection, act.before)).room, now)


_Return = Callable[[AsyncConnection, Act, Author, datetime], Awaitable[None]]

_RETURNS: Mapping[ActKind, _Return] = {
    ActKind.UNDO: _return_head,
    ActKind.REDO: _return_head,
    ActKind.BRANCH: _return_head,
    ActKind.CHOOSE: _return_choice,
    ActKind.DELETE: _return_passage,
    ActKind.BEGIN: _return_story,
    ActKind.CLOSE: _return_story,
    ActKind.REOPEN: _return_story,
}
