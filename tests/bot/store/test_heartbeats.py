"""Until when each place was listened to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.store import Store, open_store

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


async def test_a_place_that_was_never_heard_has_no_moment(store: Store) -> None:
    """A first start, and a new server or workspace."""
    assert await store.heartbeats.listened_until("slack") == {}
    await store.heartbeats.record("slack", ["T1"])
    await store.heartbeats.record("slack", [])
    assert list(await store.heartbeats.listened_until("slack")) == ["T1"]
    assert await store.heartbeats.listened_until("discord") == {}


async def test_each_place_keeps_its_last_moment(store: Store) -> None:
    """Those that are not heard any more keep what they have."""
    await store.heartbeats.record("slack", ["T1", "T2"])
    await store.heartbeats.record("slack", ["T2", "T3"])
    await store.heartbeats.record("discord", [""])

    assert await store.heartbeats.listened_until("slack") == {
        "T1": BEGINNING,
        "T2": BEGINNING + timedelta(seconds=1),
        "T3": BEGINNING + timedelta(seconds=1),
    }
    assert await store.heartbeats.listened_until("discord") == {"": BEGINNING + timedelta(seconds=2)}


async def test_it_outlives_the_process(empty: str) -> None:
    """In UTC, whatever the database makes of it."""
    store = await open_store(empty, clock=lambda: BEGINNING)
    await store.heartbeats.record("discord", [""])
    await store.close()

    again = await open_store(empty)

    assert await again.heartbeats.listened_until("discord") == {"": BEGINNING}
    await again.close()
