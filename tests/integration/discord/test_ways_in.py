"""Ways into a story besides mentions: plain messages, replies, menus, and where only a person has the bot."""

from __future__ import annotations

import pytest

from bot.domain.chat import MODEL, Author, Room
from bot.domain.errors import NotPermitted, QueueFull, RetryLater, Undeliverable
from bot.domain.jobs import GenerationOptions
from bot.domain.replies import Reply, ReplyState
from bot.domain.room_settings import RoomSettings
from bot.domain.sampling import Sampling
from bot.domain.story import Passage
from tests.integration.discord.stage import BEGINNING, Stage, staged
from tests.servers.discord import Channel, LoopbackDiscord, Message

TEXT = "窓の外では虫が鳴いていた。"


async def story_in_thread(stage: Stage) -> Channel:
    """A thread with a story that has a beginning and a reply."""
    thread = await stage.discord.open_thread(stage.discord.channel, "物語", stage.discord.taro)
    stage.services.tell(stage.room(thread), BEGINNING)
    stage.services.tell(stage.room(thread), TEXT)
    return thread


def passage(stage: Stage, message: Message, name: str = "p1") -> Passage:
    """Let a message show a passage of the first story."""
    shown = Passage(name, "story-1", None, MODEL, TEXT)
    stage.services.shows[str(message.id)] = shown
    return shown


async def test_in_a_storys_thread_no_mention_is_needed(stage: Stage) -> None:
    """What people write is a passage and is continued; elsewhere they are left alone."""
    thread = await story_in_thread(stage)
    other = await stage.discord.open_thread(stage.discord.channel, "雑談", stage.discord.taro)
    await stage.discord.say_in(other, stage.discord.taro, "ひとりごと", mentions_bot=False)
    await stage.discord.say_in(stage.discord.channel, stage.discord.taro, "ひとりごと", mentions_bot=False)
    await stage.discord.say_in(thread, stage.discord.taro, "　彼は立った。", mentions_bot=False)
    heard = await stage.services.until_heard()
    assert (heard.message.text, heard.message.room, heard.ask) == (
        "　彼は立った。",
        stage.room(thread),
        GenerationOptions(),
    )
    assert len(stage.services.heard) == 1


async def test_what_is_said_beside_the_story_is_kept_and_not_continued(stage: Stage) -> None:
    """In parentheses or behind //: the writers talk to each other."""
    thread = await story_in_thread(stage)
    await stage.discord.say_in(
        thread, stage.discord.taro, "（（次はどうする？））\n// 相談", mentions_bot=False
    )
    heard = await stage.services.until_heard()
    assert heard.ask is None


async def test_a_thread_can_be_told_to_listen_to_mentions_only(stage: Stage) -> None:
    """The room's rules decide."""
    thread = await story_in_thread(stage)
    stage.services.room_settings = RoomSettings(listens=False)
    await stage.discord.say_in(thread, stage.discord.taro, "ひとりごと", mentions_bot=False)
    await stage.discord.say_in(thread, stage.discord.taro, "彼は立った。")
    assert (await stage.services.until_heard()).message.text == "彼は立った。"
    assert len(stage.services.heard) == 1


async def test_who_may_not_write_is_told_only_when_they_ask(stage: Stage) -> None:
    """They may talk in the thread all the same."""
    thread = await story_in_thread(stage)
    stage.services.refuse(NotPermitted())
    await stage.discord.say_in(thread, stage.discord.taro, "ひとりごと", mentions_bot=False)
    await stage.discord.say_in(thread, stage.discord.hanako, "彼は立った。", mentions_bot=False)
    await stage.services.until_heard()
    assert stage.discord.by_bot(thread) == []
    stage.services.refuse(NotPermitted())
    await stage.discord.say_in(thread, stage.discord.taro, "わたしも")
    told = await stage.discord.until(lambda: stage.discord.by_bot(thread))
    assert [stage.say(NotPermitted.key, "ja")] == [message.content for message in told]


async def test_without_the_content_intent_mentions_work_in_the_thread() -> None:
    """Plain messages arrive empty then, and are no passages."""
    discord = LoopbackDiscord()
    discord.gateway.granted = 0
    async with staged(discord) as stage:
        thread = await story_in_thread(stage)
        await discord.say_in(thread, discord.taro, "見えない文", mentions_bot=False)
        await discord.say_in(thread, discord.taro, "見える文")
        assert (await stage.services.until_heard()).message.text == "見える文"
        assert len(stage.services.heard) == 1


async def test_a_reply_to_an_earlier_passage_branches_from_it(stage: Stage) -> None:
    """First the story goes back there, then it hears the text; a reply to its end just goes on."""
    thread = await story_in_thread(stage)
    early = await stage.discord.say_in(thread, stage.discord.bot, TEXT, mentions_bot=False)
    passage(stage, early)
    await stage.discord.say_in(thread, stage.discord.taro, "しかし。", mentions_bot=False, reply_to=early)
    heard = await stage.services.until_heard()
    assert (heard.message.text, heard.message.after) == ("しかし。", None)
    assert [noted[0::3] for noted in stage.services.noted] == [("branch", "p1")]
    last = await stage.services.until_head(stage.room(thread))
    late = await stage.discord.say_in(thread, stage.discord.bot, TEXT, mentions_bot=False)
    passage(stage, late, last)
    await stage.discord.say_in(thread, stage.discord.taro, "そして。", mentions_bot=False, reply_to=late)
    await stage.services.until_heard(2)
    assert len(stage.services.noted) == 1


async def test_a_reply_that_is_refused_leaves_the_story_where_it_was(stage: Stage) -> None:
    """It goes back to its end."""
    thread = await story_in_thread(stage)
    head = await stage.services.until_head(stage.room(thread))
    early = await stage.discord.say_in(thread, stage.discord.bot, TEXT, mentions_bot=False)
    passage(stage, early)
    stage.services.refuse(QueueFull(limit=3))
    await stage.discord.say_in(thread, stage.discord.taro, "しかし。", reply_to=early)
    await stage.services.until_noted(2)
    assert [noted[3] for noted in stage.services.noted] == ["p1", head]


async def test_a_reply_in_the_channel_goes_to_the_storys_thread(stage: Stage) -> None:
    """The message that a thread hangs on is in its parent."""
    thread = await story_in_thread(stage)
    above = await stage.discord.say_in(
        stage.discord.channel, stage.discord.taro, BEGINNING, mentions_bot=False
    )
    passage(stage, above)
    await stage.discord.say_in(stage.discord.channel, stage.discord.taro, "別の道へ。", reply_to=above)
    heard = await stage.services.until_heard()
    assert stage.room(thread) == heard.message.room
    assert [thread] == stage.discord.threads()


async def test_the_menu_goes_on_from_a_passage(stage: Stage) -> None:
    """Back to it first, then on, once for the passage; the person gets a word."""
    thread = await story_in_thread(stage)
    message = await stage.discord.say_in(thread, stage.discord.bot, TEXT, mentions_bot=False)
    passage(stage, message)
    picked = await stage.discord.menu(message, stage.discord.taro, "Continue from here")
    heard = await stage.services.until_heard()
    assert (heard.message.text, heard.message.after, heard.ask) == ("", "p1", GenerationOptions())
    assert stage.services.noted[0][0::3] == ("branch", "p1")
    await stage.discord.until(lambda: picked.answers)
    assert [stage.discord.taro] == [answer.ephemeral_to for answer in picked.answers]


async def test_the_menu_on_any_message_begins_a_story_with_it(stage: Stage) -> None:
    """In its writer's name; the thread hangs on it."""
    message = await stage.discord.say_in(
        stage.discord.channel, stage.discord.hanako, BEGINNING, mentions_bot=False
    )
    await stage.discord.menu(message, stage.discord.taro, "Continue from here")
    heard = await stage.services.until_heard()
    thread = await stage.opened(2)
    assert (thread.id, stage.room(thread)) == (message.id, heard.message.room)
    assert (heard.message.author.name, heard.message.event_id) == ("花子", str(message.id))


async def test_the_menu_takes_a_message_into_the_story(stage: Stage) -> None:
    """As a passage of its writer's, without a continuation, and once."""
    thread = await story_in_thread(stage)
    message = await stage.discord.say_in(
        thread, stage.discord.hanako, f"{stage.discord.taro.mention}は笑った。", others=(stage.discord.taro,)
    )
    await stage.services.until_heard()
    stage.services.heard.clear()
    other = stage.discord.world.add_message(thread, stage.discord.hanako, "彼は笑った。")
    picked = await stage.discord.menu(other, stage.discord.taro, "Add this to the story")
    heard = await stage.services.until_heard()
    assert (heard.message.text, heard.ask, heard.message.author.name) == ("彼は笑った。", None, "花子")
    await stage.discord.until(lambda: picked.answers)
    passage(stage, message)
    again = await stage.discord.menu(message, stage.discord.taro, "Add this to the story")
    await stage.discord.until(lambda: again.answers)
    assert [stage.say("discord.menu.there_already", "ja")] == [answer.content for answer in again.answers]


async def test_words_of_the_bot_itself_are_no_passages(stage: Stage) -> None:
    """A notice cannot be taken into a story."""
    notice = stage.discord.world.add_message(stage.discord.channel, stage.discord.bot, "二番目です")
    picked = await stage.discord.menu(notice, stage.discord.taro, "Add this to the story")
    await stage.discord.until(lambda: picked.answers)
    assert [stage.say("error.passage_gone", "ja")] == [answer.content for answer in picked.answers]
    assert stage.services.heard == []


async def test_presets_are_proposed_with_the_rooms_own(stage: Stage) -> None:
    """In the reader's language, and found by what was typed."""
    stage.services.room_settings = RoomSettings(presets=(("夜", Sampling()),))
    channel, taro = stage.discord.channel, stage.discord.taro
    assert await stage.discord.complete(channel, taro, "continue", "preset") == [
        "夜",
        "堅実",
        "標準",
        "冒険",
        "はじめの実験",
    ]
    assert await stage.discord.complete(channel, taro, "continue", "preset", "冒") == ["冒険"]
    assert await stage.discord.complete(channel, taro, "continue", "preset", "bo", locale="en-US") == ["bold"]


async def test_where_only_a_person_has_the_bot_it_answers_by_interaction(stage: Stage) -> None:
    """No thread, no post with its own token: the reply follows the command, and its edits too."""
    guild = stage.discord.world.add_guild("よその", [stage.discord.taro], locale="ja", community=True)
    guild.abroad = True
    channel = stage.discord.world.add_channel("談話室", guild)
    slash = await stage.discord.slash(channel, stage.discord.taro, "continue", abroad=True, text=BEGINNING)
    room = (await stage.services.until_heard()).message.room
    assert (room.id, room.parent_scopes) == (f"{channel.id}/{stage.discord.taro.id}", ())
    waiting = Reply(ReplyState.WAITING, note="お待ちください", job="job-1")
    message_id = await stage.adapter.post(room, waiting, "job-1:0")
    done = Reply(ReplyState.DONE, TEXT, job="job-1", passage="p1")
    with pytest.raises(RetryLater) as early:
        await stage.adapter.edit(room, message_id, done)
    assert 1.0 < (early.value.after_s or 0) <= 2.1
    stage.clock.later_s += 2.1
    await stage.adapter.edit(room, message_id, done)
    shown, reply = slash.answers
    assert (shown.content, reply.content) == (BEGINNING, TEXT)
    assert next(iter(reply.buttons)) == "tz:more:p1"
    await stage.discord.press(reply, stage.discord.taro, "tz:more", abroad=True)
    assert (await stage.services.until_heard(2)).message.room == room
    assert stage.discord.refused_by_limits == 0


async def test_a_conversation_between_people_is_not_the_bots_own(stage: Stage) -> None:
    """It can only answer there, though the channel looks like a direct message."""
    taro = stage.discord.taro
    conversation = stage.discord.world.add_conversation(stage.discord.hanako)
    slash = await stage.discord.slash(conversation, taro, "continue", text=BEGINNING)
    room = (await stage.services.until_heard()).message.room
    assert room.id == f"{conversation.id}/{taro.id}"
    await stage.adapter.post(room, Reply(ReplyState.DONE, TEXT), "job-1:0")
    assert [answer.content for answer in slash.answers] == [BEGINNING, TEXT]


async def test_abroad_a_token_that_is_over_is_given_up_kindly(stage: Stage) -> None:
    """Fifteen minutes later nothing can be said there; a new command is a new way."""
    guild = stage.discord.world.add_guild("よその", [stage.discord.taro], locale="ja", community=True)
    guild.abroad = True
    channel = stage.discord.world.add_channel("談話室", guild)
    slash = await stage.discord.slash(channel, stage.discord.taro, "continue", abroad=True, text=BEGINNING)
    room: Room = (await stage.services.until_heard()).message.room
    slash.expired = True
    with pytest.raises(Undeliverable):
        await stage.adapter.post(room, Reply(ReplyState.DONE, TEXT), "job-1:0")
    await stage.discord.slash(channel, stage.discord.taro, "continue", abroad=True)
    await stage.services.until_heard(2)
    stage.clock.later_s += 2.1
    await stage.adapter.post(room, Reply(ReplyState.DONE, TEXT), "job-1:0")


async def test_a_token_that_is_over_at_home_keeps_no_text_back(stage: Stage) -> None:
    """Posts and edits go by the bot's own token there."""
    slash = await stage.discord.slash(stage.discord.channel, stage.discord.taro, "continue", text=BEGINNING)
    thread = await stage.opened()
    slash.expired = True
    await stage.reply(thread, "job-2:0").show(Reply(ReplyState.DONE, TEXT))
    assert [message.content for message in stage.discord.by_bot(thread)][1:] == [TEXT]


async def test_edits_and_deletions_of_a_passage_are_followed(stage: Stage) -> None:
    """A person changes or deletes their message, and the passage with it; other messages are nothing."""
    thread = await story_in_thread(stage)
    hanako = stage.discord.hanako
    message = await stage.discord.say_in(thread, hanako, "彼は立つた。")
    other = await stage.discord.say_in(stage.discord.channel, hanako, "雑談", mentions_bot=False)
    await stage.services.until_heard()
    writer = Author("discord", str(hanako.id), "花子")
    stage.services.shows[str(message.id)] = Passage("p5", "story-1", None, writer, "彼は立つた。")
    await stage.discord.rewrite(other, "雑談です")
    await stage.discord.rewrite(message, f"{stage.discord.bot.mention} 彼は立った。")
    assert (await stage.services.until_noted())[3:] == ("p5", "彼は立った。")
    await stage.discord.delete(other)
    await stage.discord.delete(message)
    noted = await stage.services.until_noted(2)
    assert (noted[0], noted[1], noted[2], noted[3]) == ("delete", stage.room(thread), writer, "p5")
