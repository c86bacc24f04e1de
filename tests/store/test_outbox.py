"""The outbox in the store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.errors import StoreError
from bot.messages import Draft, DraftState
from bot.seams import OutboxRow
from bot.store import SqlStore
from tests.store.told import ROOM, asked


def row(job_id: str, part: int = 0, **changes: object) -> OutboxRow:
    """An outbox row that was not posted yet."""
    fresh = OutboxRow(job_id, part, ROOM, None, Draft(DraftState.WRITING, "雨が"), delivered=False)
    return replace(fresh, **changes)  # type: ignore[arg-type]


async def test_a_reply_is_remembered_by_part(store: SqlStore) -> None:
    """Rows come back whole and in order, with notes and choices."""
    await asked(store, "j1")
    draft = Draft(DraftState.DONE, "風。", "ノート", ("一", "二"))
    rows = [row("j1", 0, message_id="m0", delivered=True), row("j1", 1, draft=draft)]

    for one in reversed(rows):
        await store.save_outbox(one)

    assert await store.outbox("j1") == rows


async def test_a_row_is_replaced(store: SqlStore) -> None:
    """The last one saved of a part counts."""
    await asked(store, "j1")
    await store.save_outbox(row("j1"))

    last = row("j1", message_id="m1", draft=Draft(DraftState.DONE, "雨が降る。"), delivered=True)
    await store.save_outbox(last)

    assert await store.outbox("j1") == [last]


async def test_undelivered_rows_are_listed_longest_waiting_first(store: SqlStore) -> None:
    """What people have seen is not among them."""
    for name in ("j1", "j2", "j3"):
        await asked(store, name)
        await store.save_outbox(row(name))
    await store.save_outbox(row("j1", message_id="m"))
    await store.save_outbox(row("j2", delivered=True))

    assert [left.job_id for left in await store.undelivered()] == ["j3", "j1"]


async def test_a_reply_belongs_to_a_job(store: SqlStore) -> None:
    """A row of an unknown job is refused, so that none is left without an owner."""
    with pytest.raises(StoreError):
        await store.save_outbox(row("nobody's"))
