"""The outbox in the store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.errors import StoreError
from bot.messages import Choice, Draft, DraftState, JobState
from bot.seams import OutboxRow
from bot.store import SqlStore
from tests.store.told import ELSEWHERE, ROOM, asked


def row(job_id: str, part: int = 0, **changes: object) -> OutboxRow:
    """An outbox row that was not posted yet."""
    fresh = OutboxRow(
        job_id, part, ROOM, None, Draft(DraftState.WRITING, "雨が", job=job_id), delivered=False
    )
    return replace(fresh, **changes)  # type: ignore[arg-type]


async def test_a_reply_is_remembered_by_part(store: SqlStore) -> None:
    """Rows come back whole and in order, with notes and choices."""
    await asked(store, "j1")
    choices = (Choice("j1.1", "一"), Choice("", "二"))
    draft = Draft(DraftState.DONE, "風。", "ノート", choices, "j1", "j1.0", live=False)
    rows = [row("j1", 0, message_id="m0", delivered=True), row("j1", 1, draft=draft)]

    for one in reversed(rows):
        await store.save_outbox(one)

    assert await store.outbox("j1") == rows


async def test_a_row_is_replaced(store: SqlStore) -> None:
    """The last one saved of a part counts."""
    await asked(store, "j1")
    await store.save_outbox(row("j1"))

    last = row("j1", message_id="m1", draft=Draft(DraftState.DONE, "雨が降る。", job="j1"), delivered=True)
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


async def test_messages_with_buttons_are_listed_once_their_job_is_over(store: SqlStore) -> None:
    """Not those of another room, that were never posted, or whose job still runs."""
    for name, room in (("j1", ROOM), ("j2", ROOM), ("j3", ELSEWHERE), ("j4", ROOM)):
        await asked(store, name, room)
        await store.save_outbox(
            row(name, 0, room=room, message_id=f"m {name}", draft=told_by(name, live=False))
        )
        await store.save_outbox(row(name, 1, room=room, message_id=f"n {name}", draft=told_by(name)))
        await store.save_outbox(row(name, 2, room=room, draft=told_by(name)))
    await store.append_model("j2", ["二。"])
    await store.append_model("j3", ["三。"])
    await store.finish("j1", JobState.CANCELLED)

    live = await store.live(ROOM)

    assert [(one.job_id, one.part, one.message_id) for one in live] == [("j1", 1, "n j1"), ("j2", 1, "n j2")]
    await store.save_outbox(replace(live[0], draft=replace(live[0].draft, live=False)))
    assert [one.job_id for one in await store.live(ROOM)] == ["j2"]


def told_by(job_id: str, *, live: bool = True) -> Draft:
    """A last draft of a job."""
    return Draft(DraftState.DONE, "雨。", job=job_id, live=live)
