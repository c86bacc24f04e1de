"""Two bots on one database: what one of them did, the other does not do again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.messages import Ask
from bot.store import SqlStore, open_store
from tests.store.told import asked, says, texts


@pytest.fixture
async def bots(url: str) -> AsyncIterator[tuple[SqlStore, SqlStore]]:
    """Two stores with connections of their own."""
    first, second = await open_store(url), await open_store(url)
    yield first, second
    await first.close()
    await second.close()


async def test_a_job_is_claimed_by_one_of_them(bots: tuple[SqlStore, SqlStore]) -> None:
    """Each of ten jobs goes to exactly one, though both try at once."""
    for i in range(10):
        await asked(bots[0], f"j{i}")

    claims = await asyncio.gather(*(bot.claim(f"j{i}") for i in range(10) for bot in bots))

    assert sorted(claim.id for claim in claims if claim) == [f"j{i}" for i in range(10)]


async def test_an_event_is_heard_by_one_of_them(bots: tuple[SqlStore, SqlStore]) -> None:
    """Both are told of the same passage and job."""
    heard = await asyncio.gather(
        *(bot.hear(says("雨。", "e1"), Ask(), f"j{i}", 0) for i, bot in enumerate(bots))
    )

    assert [h.repeated for h in heard].count(True) == 1
    assert heard[0].passage == heard[1].passage
    assert await texts(bots[0]) == ["雨。"]


async def test_both_write_into_a_story(bots: tuple[SqlStore, SqlStore]) -> None:
    """No passage of either is lost."""
    await asyncio.gather(*(bots[i % 2].hear(says(str(i), f"e{i}"), None, "", 0) for i in range(20)))

    assert sorted(await texts(bots[0]), key=int) == [str(i) for i in range(20)]
    assert await texts(bots[1]) == await texts(bots[0])
