"""Called into a thread that is there already: what people wrote so far becomes the story."""

from __future__ import annotations

import pytest

from adapters.discord.payloads import thread_history as past
from bot.domain.chat import Room
from config.i18n import Translations
from tests.integration.discord.stage import BEGINNING
from tests.integration.discord.test_whole_path import SENTENCES, done, texts_in
from tests.integration.discord.whole import House, whole_house
from tests.servers.discord import Channel, ChannelType, LoopbackDiscord, Permission

SAY = Translations.load()
LINES = ["雨が降っていた。", "花子は傘を閉じた。"]
REPLY = SENTENCES[0]


def room(channel: Channel) -> Room:
    """The room at a channel."""
    return Room("discord", str(channel.id))


async def talked_in(discord: LoopbackDiscord) -> Channel:
    """A thread in which two people wrote a line each, among words of others."""
    thread = await discord.open_thread(discord.channel, "物語", discord.taro)
    robot = discord.world.add_user("robot", bot=True)
    await discord.say_in(thread, discord.hanako, LINES[0], mentions_bot=False)
    await discord.say_in(thread, robot, "ロボットです。", mentions_bot=False)
    await discord.say_in(thread, discord.bot, "お知らせです。", mentions_bot=False)
    await discord.proxy(thread, "フィード", "新しい記事です。")
    await discord.say_in(thread, discord.taro, LINES[1], mentions_bot=False)
    return thread


async def names_in(house: House, channel: Channel) -> list[str]:
    """Who wrote the passages of a room's story."""
    story = await house.store.stories.open_in(room(channel))
    return [passage.author.name for passage in story.passages] if story else []


async def test_an_empty_mention_goes_on_from_what_people_wrote_there() -> None:
    """Each line is its writer's, in their order; bots, webhooks and the bot's own words are left out."""
    discord = LoopbackDiscord()
    async with whole_house(discord, (REPLY,)) as house:
        thread = await talked_in(discord)
        await discord.say_in(thread, discord.taro, "")
        await done(house, thread, 2, REPLY)
        assert await texts_in(house, room(thread)) == [*LINES, REPLY]
        assert await names_in(house, thread) == ["花子", "太郎", "続き"]
        assert all(line in house.engine.prompts[0] for line in LINES)
        await discord.rewrite(
            next(m for m in discord.messages_in(thread) if m.content == LINES[0]), "雪が降っていた。"
        )
        await discord.say_in(thread, discord.hanako, "そして。", mentions_bot=False)
        await discord.until(lambda: len(discord.by_bot(thread)) == 3)
        assert (await texts_in(house, room(thread)))[:4] == ["雪が降っていた。", LINES[1], REPLY, "そして。"]


async def test_a_mention_with_a_line_comes_behind_the_others() -> None:
    """The message that the thread hangs on is its first line."""
    discord = LoopbackDiscord()
    async with whole_house(discord, (REPLY,)) as house:
        above = await discord.say_in(discord.channel, discord.hanako, BEGINNING, mentions_bot=False)
        thread = await discord.open_thread(discord.channel, "物語", discord.taro, above)
        await discord.say_in(thread, discord.taro, LINES[1], mentions_bot=False)
        await discord.say_in(thread, discord.hanako, "そして夜が来た。")
        await done(house, thread, 1, REPLY)
        assert await texts_in(house, room(thread)) == [BEGINNING, LINES[1], "そして夜が来た。", REPLY]
        assert discord.threads() == [thread]


async def test_a_command_without_a_text_goes_on_from_there_too() -> None:
    """No form asks for a beginning that is there."""
    discord = LoopbackDiscord()
    async with whole_house(discord, (REPLY,)) as house:
        thread = await talked_in(discord)
        slash = await discord.slash(thread, discord.hanako, "continue")
        await done(house, thread, 2, REPLY)
        assert slash.modal is None
        assert await texts_in(house, room(thread)) == [*LINES, REPLY]


async def test_a_command_with_a_text_comes_behind_the_others() -> None:
    """Shown above the reply."""
    discord = LoopbackDiscord()
    async with whole_house(discord, (REPLY,)) as house:
        thread = await talked_in(discord)
        await discord.slash(thread, discord.hanako, "continue", text="そして夜が来た。")
        await done(house, thread, 3, REPLY)
        assert await texts_in(house, room(thread)) == [*LINES, "そして夜が来た。", REPLY]
        assert discord.by_bot(thread)[1].content == "そして夜が来た。"


async def test_without_the_content_intent_it_is_said_how_much_was_not_read() -> None:
    """Discord gives the bot those lines empty."""
    discord = LoopbackDiscord()
    discord.gateway.granted = 0
    async with whole_house(discord, (REPLY,)) as house:
        thread = await talked_in(discord)
        await discord.say_in(thread, discord.taro, BEGINNING)
        await done(house, thread, 3, REPLY)
        assert discord.by_bot(thread)[1].content == SAY("discord.unread_lines", "ja", count=2)
        assert await texts_in(house, room(thread)) == [BEGINNING, REPLY]


async def test_without_the_history_the_permission_is_named() -> None:
    """The story begins with the mention."""
    discord = LoopbackDiscord()
    async with whole_house(discord, (REPLY,)) as house:
        channel = await discord.open_channel("雑談", denied=Permission.READ_MESSAGE_HISTORY)
        thread = await discord.open_thread(channel, "物語", discord.taro)
        await discord.say_in(thread, discord.hanako, LINES[0], mentions_bot=False)
        await discord.say_in(thread, discord.taro, BEGINNING)
        await done(house, thread, 2, REPLY)
        permission = SAY("discord.permission.read_message_history", "ja")
        assert discord.by_bot(thread)[0].content == SAY("discord.no_history", "ja", permission=permission)


async def test_a_long_thread_is_read_from_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model reads no more than that."""
    monkeypatch.setattr(past, "MOST_LINES", 2)
    discord = LoopbackDiscord()
    async with whole_house(discord, (REPLY,)) as house:
        thread = await discord.open_thread(discord.channel, "物語", discord.taro)
        for number in range(5):
            await discord.say_in(thread, discord.hanako, f"{number}日目。", mentions_bot=False)
        await discord.say_in(thread, discord.taro, "")
        await done(house, thread, 1, REPLY)
        assert await texts_in(house, room(thread)) == ["3日目。", "4日目。", REPLY]


async def test_a_thread_that_had_a_story_is_not_read_again() -> None:
    """What was said beside it is no beginning of the next one."""
    discord = LoopbackDiscord()
    async with whole_house(discord, (REPLY,)) as house:
        thread = await talked_in(discord)
        await discord.say_in(thread, discord.taro, "")
        await done(house, thread, 2, REPLY)
        await discord.until(lambda: house.idle(thread))
        closed = await discord.slash(thread, discord.taro, "story close")
        await discord.until(lambda: closed.answers)
        await discord.say_in(thread, discord.hanako, "雑談です。", mentions_bot=False)
        await discord.say_in(thread, discord.hanako, "別の話。")
        await discord.until(lambda: len([m for m in discord.by_bot(thread) if m.content == REPLY]) == 2)
        assert (await texts_in(house, room(thread)))[0] == "別の話。"


async def test_what_is_refused_leaves_the_thread_as_it_was() -> None:
    """Its lines are no story that would go on by itself; the next call reads them all."""
    discord = LoopbackDiscord()
    async with whole_house(discord, (REPLY,)) as house:
        thread = await talked_in(discord)
        scope = f"guild/{discord.guild.id}"
        await house.store.settings.save("discord", scope, {"denied": [f"user/{discord.taro.id}"]})
        await discord.say_in(thread, discord.taro, "")
        await discord.until(lambda: len(discord.by_bot(thread)) == 2)
        assert await house.store.stories.open_in(room(thread)) is None
        await discord.say_in(thread, discord.hanako, "")
        await done(house, thread, 3, REPLY)
        assert await texts_in(house, room(thread)) == [LINES[0], REPLY]


async def test_the_first_message_of_a_forums_post_is_answered_in_the_post() -> None:
    """It has the post's own id, and needs no thread of its own."""
    discord = LoopbackDiscord()
    async with whole_house(discord, (REPLY,)) as house:
        forum = await discord.open_channel("作品", ChannelType.FORUM)
        post = await discord.open_thread(forum, "物語", discord.hanako)
        text = f"{discord.bot.mention} {BEGINNING}"
        first = discord.world.add_message(post, discord.hanako, text, mentions=[discord.bot])
        first.id = post.id
        await discord.state.announce(first)
        await done(house, post, 1, REPLY)
        assert not [r for r in discord.requests if r.path.endswith("/threads")]
