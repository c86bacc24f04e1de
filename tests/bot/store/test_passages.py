"""What belongs to a passage: the message that shows it, and its tokens' scores."""

from __future__ import annotations

import math

import pytest

from bot.domain.errors import StoreError
from bot.domain.inference import Score
from bot.domain.replies import OutboxRow, Reply, ReplyState
from bot.store import Store
from tests.bot.store.told import ELSEWHERE, ROOM, says, went_on, wrote

SCORES = [
    Score(5, -0.25, ((5, -0.25), (7, -1.5)), 0),
    Score(9, -math.inf, (), 2),
]


async def test_a_message_leads_to_its_passage(store: Store) -> None:
    """As it reads now; the same id on another platform does not."""
    heard = await store.messages.receive(says("一。", "m1"), None, "", 0)
    assert heard.passage is not None

    edited = await store.passages.edit(heard.passage.id, "壱。")

    assert await store.passages.by_message("web", "m1") == edited
    assert await store.passages.by_message("slack", "m1") is None
    assert await store.passages.by_message("web", "m2") is None
    assert await store.jobs.by_message("web", "m1") is None


async def test_a_reply_leads_to_its_passage(store: Store) -> None:
    """Each message of a reply to the passage it shows; without a name, to the first candidate."""
    await wrote(store, "一。")
    first, second = await went_on(store, "j1", "二。", "弐。")
    for part, passage in enumerate(("", first.id, second.id)):
        draft = Reply(ReplyState.DONE, "…", passage=passage)
        await store.outbox.save(OutboxRow("j1", part, ROOM, f"m{part}", draft, delivered=True))

    shown = [await store.passages.by_message("web", f"m{part}") for part in range(3)]

    assert shown == [first, first, second]
    assert await store.jobs.by_message("web", "m2") == await store.jobs.get("j1")
    assert await store.jobs.by_message("slack", "m2") is None


async def test_a_reply_that_is_being_written_leads_nowhere(store: Store) -> None:
    """Nor does a message that only asked for something."""
    await store.messages.receive(says("一。", "e1"), None, "", 0)
    await wrote(store, "海。", room=ELSEWHERE)
    await store.messages.receive(says("", "e2"), None, "", 0)

    assert await store.passages.by_message("web", "e2") is None


async def test_scores_come_back_exactly(store: Store) -> None:
    """Also a token that was impossible; saving again replaces them."""
    await wrote(store, "一。")
    first, second = await went_on(store, "j1", "二。", "弐。")
    await store.passages.save_scores(first.id, SCORES[:1])

    await store.passages.save_scores(first.id, SCORES)

    assert await store.passages.scores(first.id) == SCORES
    assert await store.passages.scores(second.id) == []


async def test_an_edited_passage_has_no_scores(store: Store) -> None:
    """They were of another text."""
    await wrote(store, "一。")
    (passage,) = await went_on(store, "j1", "二。")
    await store.passages.save_scores(passage.id, SCORES)

    await store.passages.edit(passage.id, "弐。")

    assert await store.passages.scores(passage.id) == []


async def test_scores_belong_to_a_passage(store: Store) -> None:
    """An unknown one is refused."""
    with pytest.raises(StoreError):
        await store.passages.save_scores("nothing", SCORES)
