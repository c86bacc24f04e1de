"""What somebody did to a story that everybody sees, and the way back; inside a transaction of the caller's.

An act names where it led from and to: passages (a story's ends), or the stories that were open in the room.
It is taken back only while it is still the last word: where the story went on, or moved, since, it stays.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.chat import Author, Room
from bot.domain.errors import ActOvertaken, NothingToTakeBack, NotYours
from bot.domain.story import Act, ActKind, Passage, Story
from bot.store import tables
from bot.store.repositories import edits as changes
from bot.store.repositories import stories
from bot.store.repositories import story_head as moves
from bot.store.rows import act_columns, act_of

_acts = tables.acts.c


def moved(kind: ActKind, by: Author, before: Story, after: Story, former: str | None) -> Act | None:
    """A story's end moved; `former`: the passage that an alternative took the place of. None: it did not."""
    ends = (before.head, after.head) if former is None else (former, after.hangs_on or after.head)
    if ends[0] == ends[1]:
        return None
    return _made(kind, by, after, ends, len(before.passages), len(after.passages))


def deleted(by: Author, passage: Passage, after: Story) -> Act:
    """A passage was taken out of a story."""
    count = len(after.passages)
    return _made(ActKind.DELETE, by, after, (passage.id, None), count + 1, count)


def opened(kind: ActKind, by: Author, before: Story | None, after: Story | None) -> Act | None:
    """Another story is open in a room than was, or none. None where nothing was left for it."""
    if before is None or (after is not None and after.id == before.id):
        return None
    ends = (before.id, None if after is None else after.id)
    counts = (len(one.passages) if one is not None else 0 for one in (before, after))
    return _made(kind, by, after or before, ends, *counts)


def _made(
    kind: ActKind, by: Author, story: Story, ends: tuple[str | None, str | None], before: int, after: int
) -> Act:
    return Act(uuid.uuid4().hex, story.id, story.room, by, kind, *ends, before, after)


async def add(connection: AsyncConnection, act: Act | None, now: datetime) -> None:
    """Keep an act, where there is one."""
    if act is not None:
        await connection.execute(insert(tables.acts).values(act_columns(act) | {"made_at": now}))


async def latest(connection: AsyncConnection, room: Room) -> Act | None:
    """The last act in a room, taken back or not."""
    here = (_acts.platform == room.platform) & (_acts.room_id == room.id)
    query = select(tables.acts).where(here).order_by(_acts.number.desc()).limit(1)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else act_of(row)


async def take_back(connection: AsyncConnection, act_id: str, by: Author, now: datetime) -> Act:
    """Lead the story back to where an act led it from.

    Raises:
        NothingToTakeBack: no such act, it was taken back, or there is no way back.
        ActOvertaken: something else was done since.
        StoryBusy: the story is being written.
        NotYours: a deleted passage is brought back by whoever deleted it.
    """
    query = select(tables.acts).where(_acts.id == act_id).with_for_update()
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None or row["taken_back_at"] is not None:
        raise NothingToTakeBack
    act = act_of(row)
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
        await moves.to_beginning(connection, story, now)
    else:
        await moves.go_to(connection, story, head, now)


async def _return_choice(connection: AsyncConnection, act: Act, _: Author, now: datetime) -> None:
    story = await stories.locked_at_rest(connection, act.story_id)
    if act.before is None or act.after is None or not await moves.is_last(connection, story, act.after):
        raise ActOvertaken
    await moves.choose(connection, story, act.before, now)


async def _return_passage(connection: AsyncConnection, act: Act, by: Author, now: datetime) -> None:
    if by.person != act.by.person:
        raise NotYours
    if act.before is None or not await changes.put_back(connection, act.before, now):
        raise NothingToTakeBack


async def _return_story(connection: AsyncConnection, act: Act, _: Author, now: datetime) -> None:
    there = await stories.find(connection, act.room)
    if (None if there is None else there.id) != act.after or act.before is None:
        raise ActOvertaken
    await stories.reopen(connection, act.before, (await stories.read(connection, act.before)).room, now)


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
