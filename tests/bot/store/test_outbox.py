"""The outbox in the store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.errors import StoreError
from bot.domain.jobs import JobState
from bot.domain.replies import Candidate, OutboxRow, Reply, ReplyState
from bot.store import Store
from tests.bot.store.told import ELSEWHERE, ROOM, asked


def row(job_id: str, part: int = 0, **changes: object) -> OutboxRow:
    """An outbox row that was not posted yet."""
    fresh = OutboxRow(
        job_id, part, ROOM, None, Reply(ReplyState.WRITING, "雨が", job=job_id), delivered=False
    )
    return replace(fresh, **changes)  # type: ignore[arg-type]


async def test_a_reply_is_remembered_by_part(store: Store) -> None:
    """Rows come back whole and in order, with notes and choices."""
    await asked(store, "j1")
    choices = (Candidate("j1.1", "一"), Candidate("", "二"))
    draft = Reply(ReplyState.DONE, "風。", "ノート", choices, "j1", "j1.0", interactive=False)
    rows = [row("j1", 0, message_id="m0", delivered=True), row("j1", 1, reply=draft)]

    for one in reversed(rows):
        await store.outbox.save(one)

    assert await store.outbox.of_job("j1") == rows


async def test_a_row_is_replaced(store: Store) -> None:
    """The last one saved of a part counts."""
    await asked(store, "j1")
    await store.outbox.save(row("j1"))

    last = row("j1", message_id="m1", reply=Reply(ReplyState.DONE, "雨が降る。", job="j1"), delivered=True)
    await store.outbox.save(last)

    assert await store.outbox.of_job("j1") == [last]


async def test_undelivered_rows_are_listed_longest_waiting_first(store: Store) -> None:
    """What people have seen is not among them."""
    for name in ("j1", "j2", "j3"):
        await asked(store, name)
        await store.outbox.save(row(name))
    await store.outbox.save(row("j1", message_id="m"))
    await store.outbox.save(row("j2", delivered=True))

    assert [left.job_id for left in await store.outbox.undelivered()] == ["j3", "j1"]


async def test_a_reply_belongs_to_a_job(store: Store) -> None:
    """A row of an unknown job is refused, so that none is left without an owner."""
    with pytest.raises(StoreError):
        await store.outbox.save(row("nobody's"))


async def test_messages_with_buttons_are_listed_once_their_job_is_over(store: Store) -> None:
    """Not those of another room, that were never posted, or whose job still runs."""
    for name, room in (("j1", ROOM), ("j2", ROOM), ("j3", ELSEWHERE), ("j4", ROOM)):
        await asked(store, name, room)
        await store.outbox.save(
            row(name, 0, room=room, message_id=f"m {name}", reply=told_by(name, live=False))
        )
        await store.outbox.save(row(name, 1, room=room, message_id=f"n {name}", reply=told_by(name)))
        await store.outbox.save(row(name, 2, room=room, reply=told_by(name)))
    await store.jobs.complete("j2", ["二。"])
    await store.jobs.complete("j3", ["三。"])
    await store.jobs.finish("j1", JobState.CANCELLED)

    live = await store.outbox.interactive_in(ROOM)

    assert [(one.job_id, one.part, one.message_id) for one in live] == [("j1", 1, "n j1"), ("j2", 1, "n j2")]
    await store.outbox.save(replace(live[0], reply=replace(live[0].reply, interactive=False)))
    assert [one.job_id for one in await store.outbox.interactive_in(ROOM)] == ["j2"]


def told_by(job_id: str, *, live: bool = True) -> Reply:
    """A last draft of a job."""
    return Reply(ReplyState.DONE, "雨。", job=job_id, interactive=live)
