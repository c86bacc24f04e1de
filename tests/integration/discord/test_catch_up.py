"""What was written while the bot was away: heard late, in its order, and answered once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.chat import Room
from tests.fakes.heartbeats import MemoryHeartbeats
from tests.integration.discord.stage import BEGINNING
from tests.integration.discord.test_whole_path import done, texts_in
from tests.integration.discord.whole import House, whole_house
from tests.servers.discord import Channel, LoopbackDiscord, Message

FIRST, SECOND = ("彼は灯をともした。",), ("雨が降り出した。",)


def old_server() -> LoopbackDiscord:
    """A Discord whose server has had the bot for a day."""
    discord = LoopbackDiscord()
    discord.guild.joined = discord.guild.id - (24 * 3600 * 1000 << 22)
    return discord


def heard_until(ago: timedelta) -> MemoryHeartbeats:
    """A bot that was there before, and listened until then."""
    heartbeats = MemoryHeartbeats()
    heartbeats.now = datetime.now(UTC) - ago
    heartbeats.remember("discord", "")
    return heartbeats


async def a_story(house: House) -> tuple[Channel, Room]:
    """A thread whose story has a beginning and a first continuation."""
    discord = house.discord
    await discord.say_in(discord.channel, discord.hanako, BEGINNING)
    (thread,) = await discord.until(discord.threads)
    await done(house, thread, 1, "".join(FIRST))
    await discord.until(lambda: house.idle(thread))
    return thread, Room("discord", str(thread.id))


async def missed(
    discord: LoopbackDiscord, channel: Channel, text: str, *, ago_s: float = 0, by_mention: bool = True
) -> Message:
    """Somebody writes while nobody listens."""
    discord.world.ago_s = ago_s
    message = await discord.say_in(channel, discord.hanako, text, mentions_bot=by_mention)
    discord.world.ago_s = 0
    return message


def reads(discord: LoopbackDiscord, channel: Channel) -> int:
    """How often a place's messages were asked for."""
    return sum(
        request.method == "GET" and request.path == f"/channels/{channel.id}/messages"
        for request in discord.requests
    )


async def until_heard_again(house: House) -> None:
    """Wait until nothing that was written is missing."""
    async with asyncio.timeout(30):
        while not house.adapter._listening_to():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def deaf(house: House) -> AsyncIterator[None]:
    """Nothing reaches the bot, and then it identifies anew."""
    await until_heard_again(house)
    async with house.discord.gateway.away():
        yield
    async with asyncio.timeout(30):
        while house.adapter._listening_to():
            await asyncio.sleep(0.01)


async def test_what_was_written_while_no_session_could_be_resumed_is_heard() -> None:
    """Every line in its order, each with its writer's name; the last one is answered, once."""
    async with whole_house(old_server(), FIRST, SECOND, heartbeats=heard_until(timedelta())) as house:
        discord = house.discord
        thread, room = await a_story(house)
        async with deaf(house):
            await discord.say_in(thread, discord.taro, "二人は歩いた。", mentions_bot=False)
            await discord.say_in(thread, discord.hanako, "どこまでも。")
            await discord.say_in(thread, discord.taro, "そして着いた。", mentions_bot=False)
        await done(house, thread, 2, "".join(SECOND))
        await discord.until(lambda: house.idle(thread))
        story = await house.store.stories.open_in(room)
        assert story is not None
        assert [(passage.author.name, passage.text) for passage in story.passages] == [
            ("花子", BEGINNING),
            ("続き", "".join(FIRST)),
            ("太郎", "二人は歩いた。"),
            ("花子", "どこまでも。"),
            ("太郎", "そして着いた。"),
            ("続き", "".join(SECOND)),
        ]
        assert len(house.engine.prompts) == 2


async def test_what_is_written_meanwhile_comes_behind() -> None:
    """Discord does not answer at first; somebody writes on in the thread. Nothing is heard twice."""
    async with whole_house(old_server(), FIRST, SECOND, heartbeats=heard_until(timedelta())) as house:
        discord = house.discord
        thread, room = await a_story(house)
        await until_heard_again(house)
        discord.fail("GET", f"/channels/{thread.id}/messages", 503, times=2)
        async with deaf(house):
            await discord.say_in(thread, discord.taro, "先の文。", mentions_bot=False)
        await discord.say_in(thread, discord.hanako, "後の文。", mentions_bot=False)
        await done(house, thread, 2, "".join(SECOND))
        await discord.until(lambda: house.idle(thread))
        await until_heard_again(house)
        told = [BEGINNING, "".join(FIRST), "先の文。", "後の文。", "".join(SECOND)]
        assert await texts_in(house, room) == told


async def test_a_mention_that_nobody_answered_begins_its_story() -> None:
    """In its own thread, as if the bot had been there."""
    discord = old_server()
    await missed(discord, discord.channel, BEGINNING)
    async with whole_house(discord, FIRST, heartbeats=heard_until(timedelta(minutes=30))) as house:
        (thread,) = await discord.until(discord.threads)
        await done(house, thread, 1, "".join(FIRST))
        assert await texts_in(house, Room("discord", str(thread.id))) == [BEGINNING, "".join(FIRST)]


async def test_a_mention_of_long_ago_is_kept_and_not_answered() -> None:
    """Its story stands in its thread, with a word on how to go on."""
    discord = old_server()
    await missed(discord, discord.channel, BEGINNING, ago_s=20 * 60)
    async with whole_house(discord, FIRST, heartbeats=heard_until(timedelta(minutes=30))) as house:
        (thread,) = await discord.until(discord.threads)
        (told,) = await discord.until(lambda: discord.by_bot(thread))
        assert "留守のあいだに" in told.content
        room = Room("discord", str(thread.id))
        assert await texts_in(house, room) == [BEGINNING]
        await discord.say_in(thread, discord.taro, "彼は笑った。", mentions_bot=False)
        await done(house, thread, 2, "".join(FIRST))
        assert await texts_in(house, room) == [BEGINNING, "彼は笑った。", "".join(FIRST)]


async def test_lines_of_long_ago_become_passages_only() -> None:
    """They are in the story; one sentence says so, however many there are."""
    discord = old_server()
    async with whole_house(discord, FIRST, heartbeats=heard_until(timedelta(minutes=30))) as house:
        thread, room = await a_story(house)
        async with deaf(house):
            await missed(discord, thread, "一。", ago_s=20 * 60, by_mention=False)
            await missed(discord, thread, "二。", ago_s=19 * 60)
        told = await discord.until(lambda: discord.by_bot(thread)[1:])
        assert ["留守のあいだに" in message.content for message in told] == [True]
        assert await texts_in(house, room) == [BEGINNING, "".join(FIRST), "一。", "二。"]


async def test_nothing_is_taken_on_a_first_start() -> None:
    """What was said in the server before the bot listened was not said to it; nothing is asked for."""
    discord = old_server()
    await missed(discord, discord.channel, BEGINNING)
    async with whole_house(discord, FIRST, heartbeats=MemoryHeartbeats()) as house:
        await until_heard_again(house)
        assert (discord.threads(), reads(discord, discord.channel)) == ([], 0)


async def test_nothing_is_taken_from_before_the_bot_joined() -> None:
    """A server that it was invited to while it was down."""
    discord = LoopbackDiscord()
    await missed(discord, discord.channel, BEGINNING, ago_s=10)
    async with whole_house(discord, FIRST, heartbeats=heard_until(timedelta(minutes=30))) as house:
        await until_heard_again(house)
        assert (discord.threads(), reads(discord, discord.channel)) == ([], 0)


async def test_places_without_anything_new_are_not_asked_for() -> None:
    """Their last message is older than the last moment that was heard."""
    discord = old_server()
    quiet = discord.world.add_channel("静か", discord.guild)
    discord.world.ago_s = 3600
    discord.world.add_message(quiet, discord.hanako, "昔の話。")
    discord.world.ago_s = 0
    await missed(discord, discord.channel, "誰にともなく。", by_mention=False)
    async with whole_house(discord, FIRST, heartbeats=heard_until(timedelta(minutes=30))) as house:
        await until_heard_again(house)
        assert (reads(discord, quiet), reads(discord, discord.channel)) == (0, 1)
        assert discord.threads() == []


@pytest.mark.parametrize("private", [False, True])
async def test_archived_threads_and_direct_messages_of_open_stories_are_read(private: bool) -> None:
    """The connection tells of neither."""
    async with whole_house(old_server(), FIRST, SECOND, heartbeats=heard_until(timedelta())) as house:
        discord = house.discord
        if private:
            place = discord.world.direct(discord.hanako)
            await discord.say_in(place, discord.hanako, BEGINNING, mentions_bot=False)
            await done(house, place, 1, "".join(FIRST))
            await discord.until(lambda: house.idle(place))
        else:
            place, _ = await a_story(house)
        async with deaf(house):
            await missed(discord, place, "二人は歩いた。", by_mention=False)
            place.archived, place.archived_at = not private, discord.world.snowflake()
        await done(house, place, 2, "".join(SECOND))
        assert (await texts_in(house, Room("discord", str(place.id))))[2] == "二人は歩いた。"


async def test_a_forums_post_of_meanwhile_is_heard_with_its_first_message() -> None:
    """Which has the post's own id."""
    discord = old_server()
    forum = discord.world.add_channel("広場", discord.guild)
    post = discord.world.add_thread(forum, "物語", discord.hanako)
    first = discord.world.add_message(
        post, discord.hanako, f"{discord.bot.mention} {BEGINNING}", mentions=[discord.bot]
    )
    del discord.world.messages[first.id]
    first.id = post.id
    discord.world.messages[post.id] = first
    post.newest = 0
    async with whole_house(discord, FIRST, heartbeats=heard_until(timedelta(minutes=30))) as house:
        await done(house, post, 1, "".join(FIRST))
        assert await texts_in(house, Room("discord", str(post.id))) == [BEGINNING, "".join(FIRST)]


async def test_what_bots_write_is_no_passage() -> None:
    """Neither its own lines nor those of others."""
    async with whole_house(old_server(), FIRST, SECOND, heartbeats=heard_until(timedelta())) as house:
        discord = house.discord
        other = discord.world.add_user("MEE6", bot=True)
        thread, room = await a_story(house)
        async with deaf(house):
            discord.world.add_message(thread, other, "レベルが上がりました！")
            await missed(discord, thread, "二人は歩いた。", by_mention=False)
        await discord.until(lambda: len(house.engine.prompts) == 2 and house.idle(thread))
        assert await texts_in(house, room) == [BEGINNING, "".join(FIRST), "二人は歩いた。", "".join(SECOND)]


async def test_edits_of_meanwhile_are_followed() -> None:
    """Nobody wrote anything new; the passage gets the new text, and nothing is answered."""
    async with whole_house(old_server(), FIRST, SECOND, heartbeats=heard_until(timedelta())) as house:
        discord = house.discord
        thread, room = await a_story(house)
        line = await discord.say_in(thread, discord.taro, "彼は立つた。", mentions_bot=False)
        await done(house, thread, 2, "".join(SECOND))
        await discord.until(lambda: house.idle(thread))
        async with deaf(house):
            await discord.rewrite(line, "彼は立った。")
        await until_heard_again(house)
        assert (await texts_in(house, room))[2] == "彼は立った。"
        assert len(house.engine.prompts) == 2


async def test_without_the_intent_the_number_of_lines_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """Once in their thread, and once in the log for all places together; mentions are heard."""
    discord = old_server()
    discord.gateway.granted = 0
    async with whole_house(discord, FIRST, SECOND, heartbeats=heard_until(timedelta())) as house:
        thread, room = await a_story(house)
        async with deaf(house):
            await missed(discord, thread, "見えない。", by_mention=False)
            await missed(discord, thread, "これも。", by_mention=False)
            await missed(discord, thread, "二人は歩いた。")
        await discord.until(lambda: [m for m in discord.by_bot(thread) if m.content == "".join(SECOND)])
        (remark,) = await discord.until(lambda: [m for m in discord.by_bot(thread) if "2行" in m.content])
        assert "読めませんでした" in remark.content
        await until_heard_again(house)
        assert (await texts_in(house, room))[2] == "二人は歩いた。"
    told = [record.getMessage() for record in caplog.records if "could not be read" in record.getMessage()]
    assert [line.split(" ")[0] for line in told] == ["2"]
