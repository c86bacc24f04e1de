"""Passages: read, and made to read otherwise; what they read before is kept."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.aio.clock import UtcClock
from bot.domain.chat import Author
from bot.domain.errors import PassageGone
from bot.domain.inference import Score
from bot.domain.story import Passage, candidate_id
from bot.store import tables
from bot.store.database import Database, reads, writes
from bot.store.repositories import acts, stories, tree
from bot.story.joining import writable

_passages, _scores = tables.passages.c, tables.scores.c


@dataclass(frozen=True, slots=True)
class PassageRepository:
    """`bot.domain.repositories.Passages` in the database."""

    database: Database
    clock: UtcClock

    @reads
    async def existing(self, connection: AsyncConnection, passage_id: str) -> Passage:
        return await _existing(connection, passage_id)

    @reads
    async def by_message(self, connection: AsyncConnection, platform: str, message_id: str) -> Passage | None:
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
        return await tree.by_id(connection, found)

    @reads
    async def alternatives(self, connection: AsyncConnection, passage_id: str) -> Sequence[Passage]:
        row = await tree.locate(connection, passage_id)
        if row is None:
            return []
        beside = tree.query().where(tree.is_sibling(row)).order_by(_passages.number)
        return await tree.read(connection, beside)

    @reads
    async def of_story(self, connection: AsyncConnection, story_id: str) -> Sequence[Passage]:
        whole = tree.query().where(_passages.story_id == story_id).order_by(_passages.number)
        return await tree.read(connection, whole)

    @writes
    async def edit(self, connection: AsyncConnection, passage_id: str, text: str) -> Passage:
        before = await _locked(connection, passage_id)
        text = writable(text)
        if text == before.text:
            return before
        return await self._replace(connection, before, text, "edited_at")

    @writes
    async def delete(
        self, connection: AsyncConnection, passage_id: str, *, by: Author | None = None
    ) -> Passage:
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
        return await tree.existing(connection, before.id)

    @writes
    async def save_scores(
        self, connection: AsyncConnection, passage_id: str, scores: Sequence[Score]
    ) -> None:
        await _drop_scores(connection, passage_id)
        if scores:
            values = {"passage_id": passage_id, "tokens": _score_columns(scores)}
            await connection.execute(insert(tables.scores).values(values))

    @reads
    async def scores(self, connection: AsyncConnection, passage_id: str) -> Sequence[Score]:
        wanted = select(_scores.tokens).where(_scores.passage_id == passage_id)
        return [_score_of(kept) for kept in (await connection.execute(wanted)).scalar() or ()]


async def _locked(connection: AsyncConnection, passage_id: str) -> Passage:
    """A passage that is not deleted, its story kept from other writers to the end of the transaction."""
    place = await tree.locate(connection, passage_id)
    if place is None:
        raise PassageGone
    await stories.locked(connection, place["story_id"])
    return await _existing(connection, passage_id)


async def _existing(connection: AsyncConnection, passage_id: str) -> Passage:
    passage = await tree.by_id(connection, passage_id)
    if passage is None or passage.deleted:
        raise PassageGone
    return passage


async def _drop_scores(connection: AsyncConnection, passage_id: str) -> None:
    await connection.execute(delete(tables.scores).where(_scores.passage_id == passage_id))


def _score_columns(scores: Iterable[Score]) -> list[list[Any]]:
    """Scores as JSON, which knows no infinity: an impossible token's log probability is null."""
    return [
        [
            score.token,
            _finite(score.logprob),
            [[token, _finite(logprob)] for token, logprob in score.top],
            score.offset,
        ]
        for score in scores
    ]


def _score_of(kept: Sequence[Any]) -> Score:
    """A score."""
    token, logprob, top, offset = kept
    return Score(token, _logprob(logprob), tuple((one, _logprob(value)) for one, value in top), offset)


def _finite(logprob: float) -> float | None:
    return logprob if math.isfinite(logprob) else None


def _logprob(kept: float | None) -> float:
    return -math.inf if kept is None else kept
