"""What somebody did to a story that everybody sees; None where nothing changed, or nobody is named for it.

An act names where it led from and to: passages (a story's ends), or the stories that were open in the room.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.chat import Author, Room
from bot.domain.story import Act, ActKind, Passage, Story
from bot.store import tables
from bot.store.tables import (
    Row,
    author_columns,
    author_of,
    room_columns,
    room_of,
)


def moved(kind: ActKind, by: Author | None, before: Story, after: Story, former: str | None) -> Act | None:
    """A story's end moved. `former`: the passage that an alternative took the place of."""
    ends = (before.head, after.head) if former is None else (former, after.hangs_on or after.head)
    if by is None or ends[0] == ends[1]:
        return None
    return _made(kind, by, after, ends, len(before.passages), len(after.passages))


def deleted(by: Author, passage: Passage, after: Story) -> Act:
    """A passage was taken out of a story."""
    count = len(after.passages)
    return _made(ActKind.DELETE, by, after, (passage.id, None), count + 1, count)


def opened(kind: ActKind, by: Author | None, before: Story | None, after: Story | None) -> Act | None:
    """Another story is open in a room than was, or none."""
    if by is None or before is None or (after is not None and after.id == before.id):
        return None
    ends = (before.id, None if after is None else after.id)
    counts = (len(one.passages) if one is not None else 0 for one in (before, after))
    return _made(kind, by, after or before, ends, *counts)


def _made(
    kind: ActKind, by: Author, story: Story, ends: tuple[str | None, str | None], before: int, after: int
) -> Act:
    return Act(uuid.uuid4().hex, story.id, story.room, by, kind, *ends, before, after)


async def latest(connection: AsyncConnection, room: Room) -> Act | None:
    """What was done last in a room, taken back or not."""
    acts = tables.acts.c
    here = (acts.platform == room.platform) & (acts.room_id == room.id)
    query = select(tables.acts).where(here).order_by(acts.number.desc()).limit(1)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else act_of(row)


async def add(connection: AsyncConnection, act: Act | None, now: datetime) -> None:
    """Keep an act, where there is one."""
    if act is not None:
        await connection.execute(insert(tables.acts).values(_act_columns(act) | {"made_at": now}))


def _act_columns(act: Act) -> dict[str, Any]:
    """What is kept of an act when it is made."""
    return {
        **room_columns(act.room),
        **author_columns(act.by),
        "id": act.id,
        "story_id": act.story_id,
        "kind": act.kind.value,
        "before": act.before,
        "after": act.after,
        "passages_before": act.passages_before,
        "passages_after": act.passages_after,
    }


def act_of(row: Row) -> Act:
    """An act; of its room the name alone."""
    return Act(
        row["id"],
        row["story_id"],
        room_of(row),
        author_of(row),
        ActKind(row["kind"]),
        row["before"],
        row["after"],
        row["passages_before"],
        row["passages_after"],
        taken_back=row["taken_back_at"] is not None,
    )
