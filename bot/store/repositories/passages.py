"""Passages: read, and made to read otherwise; what they read before is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.aio.clock import UtcClock
from bot.domain.chat import Author
from bot.domain.errors import PassageGone
from bot.domain.inference import Score
from bot.domain.story import Passage, candidate_id
from bot.store import tables
from bot.store.database import Database
from bot.store.rows import score_columns, score_of
from bot.store.statements import acts, passages, stories
from bot.store.transactions import reads, writes
from bot.story.joining import writable

_passages, _scores = tables.passages.c, tables.scores.c


@dataclass(frozen=True, slots=True)
class PassageRepository:
    """`bot.domain.repositories.Passages` in the database."""

    database: Database
    clock: UtcClock

    @reads
    async def get(self, connection: AsyncConnection, passage_id: str) -> Passage | None:
        """A passage by id; a deleted one too."""
        return await passages.by_id(connection, passage_id)

    @reads
    async def by_message(self, connection: AsyncConnection, platform: str, message_id: str) -> Passage | None:
        """The passage that a message shows: a person's by its event id, the model's by its reply."""
        events, outbox = tables.received_events.c, tables.outbox.c
        theirs = select(events.passage_id).where(events.platform == platform, events.event_id == message_id)
        found = (await connection.execute(theirs)).scalar()
        if found is None:
            ours = select(outbox.job_id, outbox.passage).where(
                outbox.platform == platform, outbox.message_id == message_id
            )
            row = (await connection.execute(ours)).first()
            if row is None:
                return None
            found = row.passage or candidate_id(row.job_id, 0)
        return await passages.by_id(connection, found)

    @reads
    async def alternatives(self, connection: AsyncConnection, passage_id: str) -> Sequence[Passage]:
        """The passages with the same parent, itself among them, in order of making; no deleted ones."""
        row = await passages.locate(connection, passage_id)
        if row is None:
            return []
        beside = passages.query().where(passages.is_sibling(row)).order_by(_passages.number)
        return await passages.read(connection, beside)

    @reads
    async def of_story(self, connection: AsyncConnection, story_id: str) -> Sequence[Passage]:
        """All passages of a story in the order they were made, deleted ones too."""
        tree = passages.query().where(_passages.story_id == story_id).order_by(_passages.number)
        return await passages.read(connection, tree)

    @writes
    async def edit(self, connection: AsyncConnection, passage_id: str, text: str) -> Passage:
        """Give a passage another text, in its place; its scores are dropped. Raises PassageGone."""
        before = await _locked(connection, passage_id)
        text = writable(text)
        if text == before.text:
            return before
        return await self._replace(connection, before, text, "edited_at")

    @writes
    async def delete(
        self, connection: AsyncConnection, passage_id: str, *, by: Author | None = None
    ) -> Passage:
        """Take a passage out of the story; what came after stays. Raises PassageGone."""
        before = await _locked(connection, passage_id)
        passage = await self._replace(connection, before, "", "deleted_at")
        if by is not None:
            story = await stories.read(connection, passage.story_id)
            await acts.add(connection, acts.deleted(by, passage, story), self.clock())
        return passage

    async def _replace(self, connection: AsyncConnection, before: Passage, text: str, noted: str) -> Passage:
        """Let a passage read otherwise, and note the moment in a column."""
        now = self.clock()
        revision = {"passage_id": before.id, "text": before.text, "replaced_at": now}
        await connection.execute(insert(tables.revisions).values(revision))
        mine = update(tables.passages).where(_passages.id == before.id)
        await connection.execute(mine.values({"text": text, noted: now}))
        await _drop_scores(connection, before.id)
        await stories.change(connection, before.story_id, {"changed_at": now})
        return await passages.existing(connection, before.id)

    @writes
    async def save_scores(
        self, connection: AsyncConnection, passage_id: str, scores: Sequence[Score]
    ) -> None:
        """Keep the probabilities of a passage's tokens, in place of earlier ones."""
        await _drop_scores(connection, passage_id)
        if scores:
            values = {"passage_id": passage_id, "tokens": score_columns(scores)}
            await connection.execute(insert(tables.scores).values(values))

    @reads
    async def scores(self, connection: AsyncConnection, passage_id: str) -> Sequence[Score]:
        """What was kept; empty where nothing was, or where the passage was changed since."""
        wanted = select(_scores.tokens).where(_scores.passage_id == passage_id)
        return [score_of(kept) for kept in (await connection.execute(wanted)).scalar() or ()]


async def _locked(connection: AsyncConnection, passage_id: str) -> Passage:
    """A passage that is not deleted, its story kept from other writers to the end of the transaction."""
    place = await passages.locate(connection, passage_id)
    if place is None:
        raise PassageGone
    await stories.locked(connection, place["story_id"])
    passage = await passages.existing(connection, passage_id)
    if passage.deleted:
        raise PassageGone
    return passage


async def _drop_scores(connection: AsyncConnection, passage_id: str) -> None:
    await connection.execute(delete(tables.scores).where(_scores.passage_id == passage_id))
