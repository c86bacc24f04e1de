"""What was kept under one address and is told at another; inside a transaction that the caller owns."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.chat import Room
from bot.domain.story import Passage
from bot.store import tables
from bot.store.repositories import messages as hearing
from bot.store.repositories import passages, stories
from bot.store.rows import room_columns
from bot.story.joining import title_of, writable
from bot.text.out_of_character import without_asides

_jobs, _outbox, _heard = tables.jobs.c, tables.outbox.c, tables.heard.c


async def move(connection: AsyncConnection, room: Room, to: Room, now: datetime) -> bool:
    """Tell the story that is open in a room in another one, whose own is closed; False: there is none.

    Its jobs and what they show go along.

    Raises:
        StoryBusy: the other room's story is being written.
    """
    story = await stories.taken_to(connection, room, to, now)
    if story is None:
        return False
    mine = (_jobs.story_id == story["id"]) & (_jobs.room_id == room.id)
    theirs = select(_jobs.id).where(mine)
    shown = _outbox.job_id.in_(theirs) & (_outbox.room_id == room.id)
    await connection.execute(update(tables.outbox).where(shown).values(room_columns(to)))
    place = room_columns(to) | {"within": list(to.parent_scopes)}
    await connection.execute(update(tables.jobs).where(mine).values(place))
    return True


async def show_by(
    connection: AsyncConnection,
    platform: str,
    event_id: str,
    message_id: str,
    name: str | None,
    text: str | None,
    now: datetime,
) -> Passage | None:
    """Let a message show the passage of an event, under another name and with another text where given.

    The event stays known, and shows nothing any more. None where it shows nothing that is there.
    """
    known = await hearing.known(connection, platform, event_id)
    if known is None or known.passage is None or known.passage.deleted:
        return None
    if await hearing.known(connection, platform, message_id) is not None:
        return None  # somebody took that one into a story by itself
    story = await stories.locked(connection, known.story_id)
    before = await passages.there(connection, known.passage.id)
    where = (_heard.platform == platform) & (_heard.event_id == event_id)
    await connection.execute(update(tables.heard).where(where).values(passage_id=None))
    job_id = known.job.id if known.job is not None else None
    row = {"platform": platform, "event_id": message_id, "story_id": known.story_id, "heard_at": now}
    await connection.execute(insert(tables.heard).values(row | {"passage_id": before.id, "job_id": job_id}))
    values = {
        "event_id": message_id,
        "author_name": before.author.name if name is None else writable(name),
        "text": before.text if text is None else writable(text),
    }
    mine = tables.passages.c.id == before.id
    await connection.execute(update(tables.passages).where(mine).values(values))
    if values["text"] != before.text and story["title"] == _named(before.text, story):
        await stories.change(connection, story["id"], {"title": _named(values["text"], story)})
    return await passages.there(connection, before.id)


def _named(text: str, story: RowMapping) -> str:
    return title_of(without_asides(text, parentheses=story["parentheses_aside"]))
