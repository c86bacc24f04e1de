"""Where the hub has its watchers show a reply in the making, without a browser."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.web.rooms.room_feed import RoomFeed
from bot.domain.replies import Reply, ReplyState
from bot.domain.story import ReplyInProgress, candidate_id
from tests.integration.web.test_room_feed import KEN, Page, Shelf, done, live, shelf, writing

__all__ = ["live", "shelf"]

WAITING = Reply(ReplyState.WAITING, note="次", job="job")


def begin(shelf: Shelf, after: str | None, job: str = "job") -> None:
    """A reply is begun behind a passage."""
    shelf.story = replace(shelf.story, reply_in_progress=ReplyInProgress(job, after))


def is_over(shelf: Shelf) -> None:
    """The reply that was begun is over."""
    shelf.story = replace(shelf.story, reply_in_progress=None)


def kept(shelf: Shelf, text: str, place: int) -> None:
    """The reply is a passage, before what was written meanwhile."""
    shelf.tell(text, job="job")
    *others, reply = shelf.story.passages
    others.insert(place, reply)
    shelf.story = replace(shelf.story, passages=tuple(others), head=others[-1].id, reply_in_progress=None)


def lines(page: Page) -> list[str]:
    """Passages and drafts in the order in which a page shows them."""
    places: dict[str, list[str]] = {"": [], **{passage.id: [] for passage in page.passages}}
    end: list[str] = []
    for draft in page.drafts.values():
        places.get("-" if draft.after is None else draft.after, end).append(draft.text or draft.note)
    behind = [line for passage in page.passages for line in (passage.text, *places[passage.id])]
    return [*places[""], *behind, *end]


async def test_a_draft_stands_before_what_is_written_meanwhile(live: RoomFeed, shelf: Shelf) -> None:
    """On every page, also on one that comes in the middle; its passage takes its place."""
    page = await Page().join(live)
    await live.publish_reply("job/0", WAITING)
    begin(shelf, "p0")
    await live.publish_reply("job/0", writing("雨"))
    shelf.tell("三。", KEN)
    await live.refresh()
    await live.publish_reply("job/0", writing("雨。"))
    late = await Page().join(live)
    assert [lines(each) for each in (page, late)] == [["一。", "雨。", "三。"]] * 2
    kept(shelf, "雨。", 1)
    await live.publish_reply("job/0", done("雨。"))
    assert [lines(each) for each in (page, late)] == [["一。", "雨。", "三。"]] * 2
    assert [each.drafts for each in (page, late)] == [{}, {}]


async def test_a_draft_that_begins_the_story_stands_first(live: RoomFeed, shelf: Shelf) -> None:
    """There is a place before the first passage, too."""
    shelf.go_back(0)
    begin(shelf, None)
    page = await Page().join(live)
    await live.publish_reply("job/0", writing("雨。"))
    shelf.tell("三。", KEN)
    await live.refresh()
    assert lines(page) == ["雨。", "三。"]


async def test_a_waiting_draft_stands_at_the_end(live: RoomFeed, shelf: Shelf) -> None:
    """Whatever is written, until it is begun; one that the worker gave back waits there again."""
    page = await Page().join(live)
    await live.publish_reply("job/0", WAITING)
    shelf.tell("二。", KEN)
    await live.refresh()
    assert lines(page) == ["一。", "二。", "次"]
    begin(shelf, "p1")
    await live.publish_reply("job/0", writing("雨"))
    is_over(shelf)
    await live.publish_reply("job/0", WAITING)
    shelf.tell("三。", KEN)
    await live.refresh()
    assert lines(page) == ["一。", "二。", "三。", "次"]


async def test_a_draft_keeps_its_place_while_the_worker_is_away(live: RoomFeed, shelf: Shelf) -> None:
    """What was begun once goes on in the same place, and stays there where that comes to nothing."""
    page = await Page().join(live)
    begin(shelf, "p0")
    await live.publish_reply("job/0", writing("雨"))
    await live.publish_reply("job/0", WAITING)
    shelf.tell("三。", KEN)
    await live.refresh()
    assert lines(page) == ["一。", "次", "三。"]
    is_over(shelf)
    await live.refresh()
    await live.publish_reply("job/0", Reply(ReplyState.FAILED, note="だめでした。", job="job"))
    assert lines(page) == ["一。", "だめでした。", "三。"]


async def test_a_draft_goes_along_when_what_it_stands_behind_is_deleted(live: RoomFeed, shelf: Shelf) -> None:
    """The story says where it stands then."""
    shelf.tell("二。", KEN)
    page = await Page().join(live)
    begin(shelf, "p1")
    await live.publish_reply("job/0", writing("雨。"))
    shelf.tell("四。", KEN)
    first, _, last = shelf.story.passages
    shelf.story = replace(shelf.story, passages=(first, last), reply_in_progress=ReplyInProgress("job", "p0"))
    await live.refresh()
    assert lines(page) == ["一。", "雨。", "四。"]


async def test_why_a_reply_failed_stands_where_it_was(live: RoomFeed, shelf: Shelf) -> None:
    """What people write behind it later does not go before it."""
    page = await Page().join(live)
    begin(shelf, "p0")
    await live.publish_reply("job/0", writing("雨"))
    is_over(shelf)
    await live.publish_reply("job/0", Reply(ReplyState.FAILED, note="だめでした。", job="job"))
    shelf.tell("三。", KEN)
    await live.refresh()
    assert lines(page) == ["一。", "だめでした。", "三。"]


@pytest.mark.parametrize("begun", [True, False])
async def test_why_a_reply_failed_that_nobody_saw_begin(live: RoomFeed, shelf: Shelf, begun: bool) -> None:
    """It stands behind what there was then."""
    page = await Page().join(live)
    if begun:
        await live.publish_reply("job/0", WAITING)
    await live.publish_reply("job/0", Reply(ReplyState.FAILED, note="だめでした。", job="job"))
    shelf.tell("三。", KEN)
    await live.refresh()
    assert lines(page) == ["一。", "だめでした。", "三。"]


async def test_that_a_reply_was_stopped_is_said_behind_its_passage(live: RoomFeed, shelf: Shelf) -> None:
    """And before what was written meanwhile."""
    page = await Page().join(live)
    begin(shelf, "p0")
    await live.publish_reply("job/0", writing("雨"))
    shelf.tell("三。", KEN)
    await live.refresh()
    kept(shelf, "雨", 1)
    stopped = Reply(ReplyState.CANCELLED, "雨", "止めました。", job="job", passage=candidate_id("job", 0))
    await live.publish_reply("job/0", stopped)
    assert lines(page) == ["一。", "雨", "止めました。", "三。"]


async def test_a_story_counts_as_ending_with_a_reply_that_was_written_behind(
    live: RoomFeed, shelf: Shelf
) -> None:
    """So pages know that one may still choose between its candidates."""
    page = await Page().join(live)
    shelf.tell("三。", KEN)
    kept(shelf, "雨。", 1)
    shelf.story = replace(shelf.story, hangs_on="job.0")
    await live.refresh()
    assert page.standing is not None
    assert page.standing.ends == ("p1", "job.0")
