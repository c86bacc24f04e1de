"""Passages that read otherwise than they did; inside a transaction that the caller owns."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.errors import PassageGone
from bot.domain.story import Passage
from bot.store import tables
from bot.store.repositories import passages, stories
from bot.story.joining import writable


async def edit(connection: AsyncConnection, passage_id: str, text: str, now: datetime) -> Passage:
    """Give a passage another text; what it read before is kept, its scores are not."""
    before = await _locked(connection, passage_id)
    text = writable(text)
    if text == before.text:
        return before
    return await _replace(connection, before, {"text": text, "edited_at": now}, now)


async def take_out(connection: AsyncConnection, passage_id: str, now: datetime) -> Passage:
    """Delete a passage: it keeps its place, and what it read is kept."""
    before = await _locked(connection, passage_id)
    return await _replace(connection, before, {"text": "", "deleted_at": now}, now)


async def put_back(connection: AsyncConnection, passage_id: str, now: datetime) -> bool:
    """Bring a deleted passage back with the text that it had; whether there was one to bring back."""
    place = await passages.locate(connection, passage_id)
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


async def _locked(connection: AsyncConnection, passage_id: str) -> Passage:
    """A passage that is not deleted, its story kept from other writers to the end of the transaction."""
    place = await passages.locate(connection, passage_id)
    if place is None:
        raise PassageGone
    await stories.locked(connection, place["story_id"])
    passage = await passages.there(connection, passage_id)
    if passage.deleted:
        raise PassageGone
    return passage


async def _replace(
    connection: AsyncConnection, before: Passage, values: dict[str, Any], now: datetime
) -> Passage:
    revision = {"passage_id": before.id, "text": before.text, "replaced_at": now}
    await connection.execute(insert(tables.revisions).values(revision))
    mine = tables.passages.c.id == before.id
    await connection.execute(update(tables.passages).where(mine).values(values))
    await passages.drop_scores(connection, before.id)
    await stories.change(connection, before.story_id, {"changed_at": now})
    return await passages.there(connection, before.id)
