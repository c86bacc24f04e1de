"""What is said to the bot is kept before anything else, wherever it can be shown in the end."""

from __future__ import annotations

import asyncio

from bot.domain.chat import Room
from config.i18n import Translations
from tests.integration.discord.stage import BEGINNING
from tests.integration.discord.test_whole_path import LATER, SENTENCES, done, texts_in
from tests.integration.discord.whole import whole_house
from tests.servers.discord import Channel, ChannelType, LoopbackDiscord

TOO_MANY_THREADS = 160006
SAY = Translations.load()


def room(channel: Channel) -> Room:
    """The room at a channel."""
    return Room("discord", str(channel.id))


async def test_a_story_whose_thread_is_refused_is_told_in_the_channel() -> None:
    """It moves there with its reply, and the channel's former story is closed; people read why."""
    discord = LoopbackDiscord()
    async with whole_house(discord, SENTENCES[:1], LATER) as house:
        for number, text in enumerate((BEGINNING, "二つ目。")):
            discord.fail("POST", "/threads", 400, code=TOO_MANY_THREADS)
            asked = await discord.say_in(discord.channel, discord.hanako, text)
            written = (SENTENCES[0], "".join(LATER))[number]
            reply = await done(house, discord.channel, 2 * (number + 1), written)
            await discord.until(lambda: house.idle(discord.channel))
            assert await texts_in(house, room(discord.channel)) == [text, written]
            assert reply.reply_to == asked.id
        hints = discord.by_bot(discord.channel)[::2]
        assert [hint.content for hint in hints] == [SAY("discord.no_thread_now", "ja")] * 2
        await discord.press(reply, discord.taro, "tz:undo")
        await discord.until(lambda: len(discord.by_bot(discord.channel)) > 4)
        assert await texts_in(house, room(discord.channel)) == ["二つ目。"]
    assert discord.threads() == []


async def test_a_thread_whose_name_is_blocked_gets_another_one() -> None:
    """A server's own filter may refuse the first words."""
    discord = LoopbackDiscord()
    async with whole_house(discord, SENTENCES[:1]) as house:
        discord.fail("POST", "/threads", 400, code=200001)
        await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        (thread,) = await discord.until(discord.threads)
        await done(house, thread, 1, SENTENCES[0])
    assert thread.name == SAY("discord.thread_name", "ja")


async def test_a_mention_that_is_deleted_before_anything_was_shown_is_answered_nowhere() -> None:
    """Its writer thought better of it: nothing is posted, and no job is left."""
    discord = LoopbackDiscord()
    async with whole_house(discord, SENTENCES[:1]) as house:
        fault = discord.fail("POST", "/threads", 503)
        asked = await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        await discord.until(lambda: fault.times == 0)
        await discord.delete(asked)
        opening = f"/channels/{discord.channel.id}/messages/{asked.id}/threads"
        await discord.until(lambda: [r for r in discord.requests if r.path == opening and r.status == 404])
        async with asyncio.timeout(30):
            while await house.store.jobs.unfinished():
                continue
    assert discord.by_bot(discord.channel) == []


async def test_a_forums_post_waits_for_its_authors_first_message() -> None:
    """Discord lets nobody else write before."""
    discord = LoopbackDiscord()
    async with whole_house(discord, SENTENCES[:1]) as house:
        forum = await discord.open_channel("作品", ChannelType.FORUM)
        post = await discord.open_thread(forum, "物語", discord.hanako)
        post.awaits_author = True
        await discord.say_in(post, discord.hanako, BEGINNING)
        refused = f"/channels/{post.id}/messages"
        await discord.until(lambda: [r for r in discord.requests if r.path == refused and r.status == 403])
        post.awaits_author = False
        await done(house, post, 1, SENTENCES[0])


async def test_a_reply_that_may_stand_nowhere_is_told_of_privately() -> None:
    """A forum itself takes no messages: the person reads that their text is kept."""
    discord = LoopbackDiscord()
    async with whole_house(discord, SENTENCES[:1]) as house:
        forum = await discord.open_channel("作品", ChannelType.FORUM)
        post = await discord.open_thread(forum, "物語", discord.hanako)
        post.locked = True
        await discord.say_in(post, discord.hanako, BEGINNING)
        direct = discord.world.direct(discord.hanako)
        (told,) = await discord.until(lambda: discord.by_bot(direct))
        assert told.content == SAY("discord.unshown", "ja", where=f"<#{post.id}>")
        assert await texts_in(house, room(post)) == [BEGINNING]
        post.locked = False
        await discord.say_in(post, discord.hanako, "")
        await done(house, post, 1, SENTENCES[0])


async def test_a_first_reply_that_a_thread_does_not_take_goes_to_its_channel() -> None:
    """With the reason; the story is told there from then on."""
    discord = LoopbackDiscord()
    async with whole_house(discord, SENTENCES[:1]) as house:
        thread = await discord.open_thread(discord.channel, "相談", discord.hanako)
        thread.locked = True
        await discord.say_in(thread, discord.hanako, BEGINNING)
        await done(house, discord.channel, 2, SENTENCES[0])
        assert await texts_in(house, room(discord.channel)) == [BEGINNING, SENTENCES[0]]


async def test_a_command_is_found_by_its_answer() -> None:
    """Its menu and replies to it reach the passage, in the thread that hangs on it."""
    discord = LoopbackDiscord()
    async with whole_house(discord, SENTENCES[:1], LATER) as house:
        slash = await discord.slash(discord.channel, discord.hanako, "continue", text=BEGINNING)
        (thread,) = await discord.until(discord.threads)
        await done(house, thread, 1, SENTENCES[0])
        await discord.until(lambda: house.idle(thread))
        (shown,) = slash.answers
        await discord.say_in(discord.channel, discord.taro, "別の道へ。", reply_to=shown)
        await done(house, thread, 2, "".join(LATER))
        assert await texts_in(house, room(thread)) == [BEGINNING, "別の道へ。", "".join(LATER)]


async def test_a_command_whose_answer_is_refused_is_told_all_the_same() -> None:
    """Three seconds were over: the text stands in the channel as a message of the bot's."""
    discord = LoopbackDiscord()
    async with whole_house(discord, SENTENCES[:1]) as house:
        discord.fail("POST", "/callback", 404, code=10062)
        await discord.slash(discord.channel, discord.hanako, "continue", text=BEGINNING)
        (thread,) = await discord.until(discord.threads)
        await done(house, thread, 1, SENTENCES[0])
        (shown,) = discord.by_bot(discord.channel)
        assert (shown.id, shown.content) == (thread.id, f"-# 花子\n{BEGINNING}")
        assert await texts_in(house, room(thread)) == [BEGINNING, SENTENCES[0]]


async def test_what_is_refused_of_a_command_that_is_over_comes_back_by_direct_message() -> None:
    """Nothing can be said in its answer any more: the person has the reason and their text."""
    discord = LoopbackDiscord()
    async with whole_house(discord) as house:
        rules = {"filter_people": True, "words": ["禁句"]}
        await house.store.settings.save("discord", f"guild/{discord.guild.id}", rules)
        discord.fail("POST", "/callback", 404, times=2, code=10062)
        await discord.slash(discord.channel, discord.hanako, "continue", text="これは禁句です。")
        direct = discord.world.direct(discord.hanako)
        (told,) = await discord.until(lambda: discord.by_bot(direct))
    assert told.content.endswith(">>> これは禁句です。")
    assert discord.by_bot(discord.channel) == []


async def test_a_move_whose_press_could_not_be_acknowledged_is_made_and_told() -> None:
    """By a message of the bot's own."""
    discord = LoopbackDiscord()
    async with whole_house(discord, SENTENCES[:1]) as house:
        await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        (thread,) = await discord.until(discord.threads)
        reply = await done(house, thread, 1, SENTENCES[0])
        await discord.until(lambda: house.idle(thread))
        discord.fail("POST", "/callback", 404, times=2, code=10062)
        await discord.press(reply, discord.taro, "tz:undo")
        await discord.until(lambda: discord.by_bot(thread)[1:])
        assert await texts_in(house, room(thread)) == [BEGINNING]
