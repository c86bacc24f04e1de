"""Posts and edits under faults: what is tried again, what is given up, and that nothing is doubled."""

from __future__ import annotations

import dataclasses
import logging

import pytest

from bot.domain.chat import Room
from bot.domain.errors import MessageGone, RetryLater, Undeliverable
from bot.domain.replies import Reply, ReplyState
from tests.fakes.services import FakeServices
from tests.integration.discord.stage import QuickClock, Stage, adapter_for
from tests.servers.discord import LoopbackDiscord

DONE = Reply(ReplyState.DONE, "窓の外では虫が鳴いていた。", job="job-1", passage="job-1.0")
WRITING = Reply(ReplyState.WRITING, "窓の外では", job="job-1")


async def test_the_same_key_posts_once(stage: Stage) -> None:
    """The post was carried out but its answer was lost: trying again gives the same message."""
    room = stage.room(stage.discord.channel)
    stage.discord.fail("POST", "/messages", 503, applied=True)
    with pytest.raises(RetryLater):
        await stage.adapter.post(room, DONE, "job-1/0")
    again = await stage.adapter.post(room, DONE, "job-1/0")
    other = await stage.adapter.post(room, DONE, "job-1/1")
    assert [again, other] == [str(m.id) for m in stage.discord.by_bot(stage.discord.channel)]


@pytest.mark.parametrize("status", [503, None], ids=["503", "reset"])
async def test_what_may_work_later_is_said_so(stage: Stage, status: int | None) -> None:
    """503 and a dropped connection, on post and on edit."""
    room = stage.room(stage.discord.channel)
    stage.discord.fail("POST", "/messages", status)
    with pytest.raises(RetryLater):
        await stage.adapter.post(room, DONE, "job-1/0")
    message_id = await stage.adapter.post(room, DONE, "job-1/0")
    stage.discord.fail("PATCH", "/messages/", status)
    with pytest.raises(RetryLater):
        await stage.adapter.edit(room, message_id, DONE)
    await stage.adapter.edit(room, message_id, DONE)


async def test_a_wait_that_is_too_long_for_the_library_is_handed_on(stage: Stage) -> None:
    """Retry-After arrives as `after_s`, where the answer did not come from Discord's own servers."""
    stage.discord.fail("POST", "/messages", 429)
    with pytest.raises(RetryLater):
        await stage.adapter.post(stage.room(stage.discord.channel), DONE, "job-1/0")


async def test_what_never_works_is_undeliverable(stage: Stage) -> None:
    """A locked thread, a deleted channel, the place of an interaction that is over."""
    thread = await stage.discord.open_thread(stage.discord.channel, "物語", stage.discord.taro)
    room = stage.room(thread)
    message_id = await stage.adapter.post(room, DONE, "job-1/0")
    thread.archived = thread.locked = True
    with pytest.raises(Undeliverable):
        await stage.adapter.edit(room, message_id, DONE)
    thread.deleted = True
    with pytest.raises(Undeliverable):
        await stage.adapter.post(room, DONE, "job-2/0")
    with pytest.raises(Undeliverable):
        await stage.adapter.post(Room("discord", f"{room.id}/1"), DONE, "job-3/0")


async def test_an_archived_thread_is_opened_again_for_an_edit(stage: Stage) -> None:
    """Discord takes no edits in the archive."""
    thread = await stage.discord.open_thread(stage.discord.channel, "物語", stage.discord.taro)
    message_id = await stage.adapter.post(stage.room(thread), WRITING, "job-1:0")
    thread.archived = True
    await stage.adapter.edit(stage.room(thread), message_id, DONE)
    assert [DONE.text] == [message.content for message in stage.discord.by_bot(thread)]
    assert not thread.archived


@pytest.mark.parametrize("draft", [WRITING, DONE, dataclasses.replace(DONE, interactive=False)])
async def test_a_deleted_message_is_told_apart_and_nothing_is_posted(stage: Stage, draft: Reply) -> None:
    """Somebody wanted it gone: while it is written, at its end, and when its buttons are to go."""
    room = stage.room(stage.discord.channel)
    message_id = await stage.adapter.post(room, WRITING, "job-1:0")
    stage.discord.by_bot(stage.discord.channel)[0].deleted = True
    with pytest.raises(MessageGone):
        await stage.adapter.edit(room, message_id, draft)
    assert stage.discord.by_bot(stage.discord.channel) == []


async def test_before_the_connection_posts_wait() -> None:
    """Without a login there is nothing to post with: later."""
    async with LoopbackDiscord() as discord:
        adapter = adapter_for(discord, FakeServices(), QuickClock([]))
        with pytest.raises(RetryLater):
            await adapter.post(Room("discord", str(discord.channel.id)), DONE, "job-1/0")


async def test_a_rate_of_one_edit_a_second_meets_no_limit(stage: Stage) -> None:
    """The adapter's own limits stay under Discord's."""
    limits = stage.adapter.limits
    assert limits.changes_per_period / limits.period_s < 1.0
    assert limits.max_units < 2000


async def test_no_token_and_no_text_reach_the_log(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Not at any level that a person would run with."""
    with caplog.at_level(logging.INFO):
        stage.services.refuse(RuntimeError("bug"))
        await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, "ひみつの文章")
        await stage.discord.until(lambda: stage.discord.by_bot(stage.discord.channel))
    assert stage.discord.token not in caplog.text
    assert "ひみつの文章" not in caplog.text


async def test_an_old_message_is_edited_less_often(stage: Stage) -> None:
    """Discord takes only half as many edits of it; who edits it too soon is told how long to wait."""
    discord, room = stage.discord, stage.room(stage.discord.channel)
    new = await stage.adapter.post(room, WRITING, "job-1:0")
    discord.world.ago_s = 3700
    old = await stage.adapter.post(room, WRITING, "job-2:0")
    await stage.adapter.edit(room, old, DONE)
    with pytest.raises(RetryLater) as early:
        await stage.adapter.edit(room, old, DONE)
    assert 1.0 < (early.value.after_s or 0) <= 2.1
    await stage.adapter.edit(room, new, DONE)
    stage.clock.later_s += 2.1
    await stage.adapter.edit(room, old, DONE)
