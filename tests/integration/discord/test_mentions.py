"""Mentions: where the story is told, what it hears, and how the reply streams in."""

from __future__ import annotations

from bot.domain.errors import QueueFull
from bot.domain.replies import Reply, ReplyState
from tests.fakes.services import FakeReply
from tests.integration.discord.stage import BEGINNING, Stage
from tests.servers.discord import ChannelType


async def test_a_mention_with_text_opens_a_thread_and_the_story_hears_the_text(stage: Stage) -> None:
    """Kept first; the first post opens the thread, on the message and named after its first words."""
    message = await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, BEGINNING)
    heard = await stage.services.until_heard()
    assert stage.discord.threads() == []
    thread = await stage.opened()
    assert [thread] == stage.discord.threads()
    assert (message.id, BEGINNING) == (thread.id, thread.name)
    assert (stage.room(thread), str(message.id), BEGINNING) == (
        heard.message.room,
        heard.message.event_id,
        heard.message.text,
    )
    assert (heard.message.author.name, heard.message.author.locale) == ("花子", "ja")
    await stage.discord.until(lambda: stage.discord.channel in stage.discord.state.typed)


async def test_the_text_is_heard_exactly(stage: Stage) -> None:
    """Full-width spaces, line breaks and Markdown stay; only the bot's mention goes."""
    text = "　むかし、**ある**ところに\n\n　　_お爺さん_が――"
    await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, text)
    assert text == (await stage.services.until_heard()).message.text


async def test_other_people_in_the_text_become_their_names(stage: Stage) -> None:
    """A mention of someone else is a name in the story."""
    taro = stage.discord.taro
    text = f"その夜、{taro.mention}は帰らなかった。"
    await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, text, others=(taro,))
    assert (await stage.services.until_heard()).message.text == "その夜、太郎は帰らなかった。"


async def test_the_bots_role_counts_as_its_mention(stage: Stage) -> None:
    """People often pick the role that has the bot's name."""
    (role,) = stage.discord.guild.roles
    text = f"<@&{role.id}> {BEGINNING}"
    await stage.discord.say_in(
        stage.discord.channel, stage.discord.hanako, text, mentions_bot=False, roles=(role,)
    )
    assert (await stage.services.until_heard()).message.text == BEGINNING


async def test_the_reply_streams_by_edits_of_one_message(stage: Stage) -> None:
    """A mark shows while the text grows and is gone when it is done."""
    await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, BEGINNING)
    room = (await stage.services.until_heard()).message.room
    reply = FakeReply(stage.adapter, room, "job-1:0")
    await reply.show(Reply(ReplyState.WAITING, note="順番を待っています"))
    (thread,) = stage.discord.threads()
    await reply.stream("窓の外では", "窓の外では虫が鳴いていた。")
    (message,) = stage.discord.by_bot(thread)
    assert message.history == [
        "-# ⏳ 順番を待っています",
        "窓の外では ✍️",
        "窓の外では虫が鳴いていた。 ✍️",
        "窓の外では虫が鳴いていた。",
    ]
    assert [
        {"parse": mentions["parse"]} for mentions in message.allowed_mentions if isinstance(mentions, dict)
    ] == [{"parse": []}] * 4


async def test_the_next_mention_in_the_thread_goes_on_there(stage: Stage) -> None:
    """No second thread; with text the text is added, without it the story just goes on."""
    await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, BEGINNING)
    thread = await stage.opened()
    await stage.discord.say_in(thread, stage.discord.taro, "彼は立ち上がった。")
    second = await stage.services.until_heard(2)
    await stage.discord.say_in(thread, stage.discord.hanako, "")
    third = await stage.services.until_heard(3)
    assert [(stage.room(thread), "彼は立ち上がった。"), (stage.room(thread), "")] == [
        (heard.message.room, heard.message.text) for heard in (second, third)
    ]
    assert [thread] == stage.discord.threads()


async def test_a_thread_without_a_story_is_used_for_one(stage: Stage) -> None:
    """Somebody's own thread becomes the story's room."""
    thread = await stage.discord.open_thread(stage.discord.channel, "相談", stage.discord.taro)
    await stage.discord.say_in(thread, stage.discord.taro, BEGINNING)
    assert stage.room(thread) == (await stage.services.until_heard()).message.room


async def test_a_thread_that_was_archived_at_login_is_known_when_someone_writes(stage: Stage) -> None:
    """It is in no cache; its kind is asked for, and the story is told in it."""
    thread = stage.discord.world.add_thread(stage.discord.channel, "古い話", stage.discord.taro)
    await stage.discord.say_in(thread, stage.discord.hanako, BEGINNING)
    assert stage.room(thread) == (await stage.services.until_heard()).message.room
    assert [thread] == stage.discord.threads()


async def test_a_mention_without_text_and_story_is_answered_without_a_thread(stage: Stage) -> None:
    """The person is told what to write, as a reply."""
    asked = await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, "")
    (answer,) = await stage.discord.until(lambda: stage.discord.by_bot(stage.discord.channel))
    assert (stage.say("error.empty_prompt", "ja"), asked.id) == (answer.content, answer.reply_to)
    assert stage.discord.threads() == []


async def test_direct_messages_need_no_mention(stage: Stage) -> None:
    """The DM is the room, and the answer replies to the message."""
    direct = stage.discord.world.direct(stage.discord.hanako)
    message = await stage.discord.say_in(direct, stage.discord.hanako, BEGINNING, mentions_bot=False)
    heard = await stage.services.until_heard()
    assert (stage.room(direct), BEGINNING) == (heard.message.room, heard.message.text)
    await stage.reply(direct).stream("窓の外では。")
    (answer,) = stage.discord.by_bot(direct)
    assert message.id == answer.reply_to


async def test_a_voice_channels_chat_holds_the_story_itself(stage: Stage) -> None:
    """There are no threads there: the reply goes into the channel."""
    voice = await stage.discord.open_channel("談話室", ChannelType.VOICE)
    message = await stage.discord.say_in(voice, stage.discord.hanako, BEGINNING)
    assert stage.room(voice) == (await stage.services.until_heard()).message.room
    await stage.reply(voice).stream("窓の外では。")
    assert [message.id] == [answer.reply_to for answer in stage.discord.by_bot(voice)]


async def test_what_is_not_meant_for_the_bot_is_not_heard(stage: Stage) -> None:
    """Other bots, itself, and people who do not mention it are left alone."""
    robot = stage.discord.world.add_user("robot", bot=True)
    channel = stage.discord.channel
    await stage.discord.say_in(channel, robot, "ロボットです")
    await stage.discord.say_in(channel, stage.discord.bot, "自分です")
    await stage.discord.say_in(channel, stage.discord.taro, "ひとりごと", mentions_bot=False)
    await stage.discord.say_in(channel, stage.discord.hanako, BEGINNING)
    await stage.services.until_heard()
    assert [heard.message.text for heard in stage.services.heard] == [BEGINNING]


async def test_a_message_dispatched_twice_is_heard_once(stage: Stage) -> None:
    """A resumed session may repeat it: no second thread, no second job."""
    message = await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, BEGINNING)
    thread = await stage.opened()
    await stage.discord.repeat(message)
    await stage.discord.say_in(thread, stage.discord.hanako, "そして")
    await stage.services.until_heard(2)
    assert [heard.message.text for heard in stage.services.heard] == [BEGINNING, "そして"]
    assert len(stage.discord.threads()) == 1


async def test_a_refusal_is_said_kindly_where_it_was_asked(stage: Stage) -> None:
    """As a reply to the message, in the guild's language; no thread is opened for nothing."""
    stage.services.refuse(QueueFull(limit=3))
    asked = await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, BEGINNING)
    (answer,) = await stage.discord.until(lambda: stage.discord.by_bot(stage.discord.channel))
    assert (answer.content, answer.reply_to) == (stage.say("error.queue_full", "ja", limit=3), asked.id)
    assert stage.discord.threads() == []
