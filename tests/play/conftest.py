"""A play on a store in memory, with an engine that only reads."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.play import StoryPlay
from bot.queue import JobQueue
from bot.store import SqlStore, open_store
from tests.play.stage import ReadingEngine, Stage, say


@pytest.fixture
async def store() -> AsyncIterator[SqlStore]:
    """An empty store."""
    store = await open_store("sqlite:///:memory:")
    yield store
    await store.close()


@pytest.fixture
def stage(store: SqlStore) -> Stage:
    """Everything around the play, and the play."""
    queue, engine, shown = JobQueue(limit=4, per_author=3), ReadingEngine(), []
    play = StoryPlay(
        store,
        queue,
        engine,
        lambda job, draft: shown.append((job.id, draft)),
        say,
        max_characters=20,
        patience_s=0,
        draw=lambda: 42,
    )
    return Stage(play, store, queue, engine, shown)
