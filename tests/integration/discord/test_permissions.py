"""Where the bot lacks a permission, the story is told as well as it can be, and the permission is named."""

from __future__ import annotations

import pytest

from bot.domain.errors import RetryLater
from bot.domain.replies import Reply, ReplyState
from tests.integration.discord.stage import BEGINNING, Stage
from tests.servers.discord import Permission


async def test_without_threads_the_story_is_told_in_the_channel(stage: Stage) -> None:
    """The continuation replies to the message; the missing permission is named once."""
    channel = await stage.discord.open_channel("雑談", denied=Permission.CREATE_PUBLIC_THREADS)
    message = await stage.discord.say_in(channel, stage.discord.hanako, BEGINNING)
    heard = await stage.services.until_heard()
    assert stage.room(channel) == heard.message.room
    await stage.reply(channel).stream("窓の外では。")
    hint, answer = stage.discord.by_bot(channel)
    permission = stage.say("discord.permission.create_public_threads", "ja")
    assert stage.say("discord.no_thread", "ja", permission=permission) == hint.content
    assert ("窓の外では。", message.id) == (answer.content, answer.reply_to)
    await stage.discord.say_in(channel, stage.discord.taro, "次の朝。")
    await stage.services.until_heard(2)
    assert len(stage.discord.by_bot(channel)) == 2


async def test_a_thread_that_discord_refuses_is_no_dead_end(stage: Stage) -> None:
    """The permissions looked right, yet the answer was 403: the channel is the room."""
    stage.discord.fail("POST", "/threads", 403, code=50013)
    await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, BEGINNING)
    asked = await stage.services.until_heard()
    assert await stage.opened() is stage.discord.channel
    hint, answer = stage.discord.by_bot(stage.discord.channel)
    permission = stage.say("discord.permission.create_public_threads", "ja")
    assert stage.say("discord.no_thread", "ja", permission=permission) == hint.content
    assert (hint.reply_to, answer.reply_to) == (int(asked.message.event_id),) * 2
    assert await stage.services.stories.open_in(stage.room(stage.discord.channel)) is not None


async def test_a_thread_that_fails_for_a_moment_is_opened_all_the_same(stage: Stage) -> None:
    """503 and dropped connections are for the outbox to try again."""
    stage.discord.fail("POST", "/threads", 503)
    stage.discord.fail("POST", "/threads", None)
    await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, BEGINNING)
    for _ in range(2):
        with pytest.raises(RetryLater):
            await stage.opened()
    assert [await stage.opened()] == stage.discord.threads()


async def test_a_thread_whose_answer_got_lost_is_used(stage: Stage) -> None:
    """It was opened although the client saw an error: a second try finds it there."""
    stage.discord.fail("POST", "/threads", 503, applied=True)
    message = await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, BEGINNING)
    with pytest.raises(RetryLater):
        await stage.opened()
    assert (await stage.opened()).id == message.id
    assert len(stage.discord.threads()) == 1


async def test_where_the_bot_may_not_talk_the_person_is_told_privately(stage: Stage) -> None:
    """A direct message names the permission; the story hears nothing."""
    quiet = await stage.discord.open_channel("静か", denied=Permission.SEND_MESSAGES)
    await stage.discord.say_in(quiet, stage.discord.hanako, BEGINNING)
    direct = stage.discord.world.direct(stage.discord.hanako)
    (told,) = await stage.discord.until(lambda: stage.discord.by_bot(direct))
    permission = stage.say("discord.permission.send_messages", "ja")
    told_lines = [
        stage.say(key, "ja", permission=permission) for key in ("error.not_allowed", "discord.click")
    ]
    assert "\n".join(told_lines) == told.content
    assert stage.services.heard == []


async def test_without_message_history_the_reply_is_a_plain_message(stage: Stage) -> None:
    """Discord refuses to reply there; the text comes all the same."""
    denied = Permission.CREATE_PUBLIC_THREADS | Permission.READ_MESSAGE_HISTORY
    channel = await stage.discord.open_channel("雑談", denied=denied)
    await stage.discord.say_in(channel, stage.discord.hanako, BEGINNING)
    await stage.services.until_heard()
    await stage.reply(channel).show(Reply(ReplyState.DONE, "窓の外では。"))
    answer = stage.discord.by_bot(channel)[-1]
    assert (answer.content, answer.reply_to) == ("窓の外では。", None)
