"""Proxy bots for role play: a person's line, posted again by a webhook under another name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.discord.handlers import proxy_bots as proxies
from bot.domain.chat import Author, Room
from bot.domain.errors import NoSuchStory
from bot.domain.story import Passage
from tests.integration.discord.stage import BEGINNING
from tests.integration.discord.test_whole_path import LATER, SENTENCES, done, texts_in
from tests.integration.discord.whole import House, whole_house
from tests.servers.discord import Channel, LoopbackDiscord, Message

LINE, MARKED = "彼は立った。", "A:彼は立った。"
REPLY = "".join(LATER)


@asynccontextmanager
async def told() -> AsyncIterator[tuple[House, Channel, Room]]:
    """A thread with a story."""
    discord = LoopbackDiscord()
    async with whole_house(discord, SENTENCES[:1], LATER, ("三。",)) as house:
        await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        (thread,) = await discord.until(discord.threads)
        await done(house, thread, 1, SENTENCES[0])
        await discord.until(lambda: house.idle(thread))
        yield house, thread, Room("discord", str(thread.id))


async def spoken(house: House, room: Room) -> list[tuple[str, str]]:
    """The names that people are shown by, and what they wrote."""
    story = await house.store.stories.open_in(room)
    if story is None:
        raise NoSuchStory(story=room.id)
    return [(one.author.name, one.text) for one in story.passages if not one.by_model]


async def said(house: House, message: Message) -> Passage | None:
    """The passage that a message shows."""
    return await house.store.passages.by_message("discord", str(message.id))


async def settled(house: House, message: Message) -> Passage:
    """Wait until a message shows a passage."""
    async with asyncio.timeout(30):
        while (passage := await said(house, message)) is None:
            continue
    return passage


@pytest.mark.parametrize("webhook_first", [True, False])
@pytest.mark.parametrize("marked", [MARKED, "[彼は立った。]", LINE])
async def test_a_proxied_line_is_its_persons_under_the_other_name(marked: str, webhook_first: bool) -> None:
    """The marks go, the reply comes, and nothing is deleted; what is forgotten of the person is this too."""
    async with told() as (house, thread, room):
        discord = house.discord
        line = await discord.say_in(thread, discord.taro, marked, mentions_bot=False)
        if webhook_first:
            proxied = await discord.proxy(thread, "アカリ", LINE)
            await discord.delete(line)
        else:
            await discord.delete(line)
            proxied = await discord.proxy(thread, "アカリ", LINE)
        passage = await settled(house, proxied)
        await done(house, thread, 2, REPLY)
        assert await spoken(house, room) == [("花子", BEGINNING), ("アカリ", LINE)]
        assert passage.author == Author("discord", str(discord.taro.id), "アカリ")
        assert await texts_in(house, room) == [BEGINNING, SENTENCES[0], LINE, REPLY]
        assert await said(house, line) is None
        assert (await house.store.authors.forget(passage.author)).passages == 1


async def test_what_a_proxy_changes_or_deletes_is_followed() -> None:
    """By its own message, in the person's name; what rules let the person do."""
    async with told() as (house, thread, room):
        discord = house.discord
        role = await discord.add_role("作家", discord.taro, discord.hanako)
        rules = {"allowed": [f"role/{role.id}"]}
        await house.store.settings.save("discord", f"guild/{discord.guild.id}", rules)
        line = await discord.say_in(thread, discord.taro, MARKED, mentions_bot=False)
        proxied = await discord.proxy(thread, "アカリ", LINE)
        await discord.delete(line)
        await settled(house, proxied)
        await done(house, thread, 2, REPLY)
        await discord.rewrite(proxied, "彼は座った。")
        async with asyncio.timeout(30):
            while ("アカリ", "彼は座った。") not in await spoken(house, room):
                continue
        await discord.purge(proxied)
        async with asyncio.timeout(30):
            while len(await spoken(house, room)) > 1:
                continue


async def test_a_webhook_that_pairs_with_nothing_is_left_alone() -> None:
    """Nor does it take the place of a line that stays, or of another text that was deleted."""
    async with told() as (house, thread, room):
        discord = house.discord
        line = await discord.say_in(thread, discord.taro, LINE, mentions_bot=False)
        await done(house, thread, 2, REPLY)
        feed = await discord.proxy(thread, "フィード", LINE)
        other = await discord.proxy(thread, "フィード", "新しい記事です。")
        await discord.say_in(thread, discord.hanako, "そして。", mentions_bot=False)
        await done(house, thread, 3, "三。")
        assert [await said(house, one) for one in (feed, other)] == [None, None]
        assert (await spoken(house, room))[1:] == [("太郎", LINE), ("花子", "そして。")]
        assert await said(house, line) is not None


async def test_a_line_that_comes_back_nowhere_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once no proxy has to be awaited any more."""
    monkeypatch.setattr(proxies, "AWAITED_S", 0.1)
    async with told() as (house, thread, room):
        discord = house.discord
        line = await discord.say_in(thread, discord.taro, LINE, mentions_bot=False)
        await done(house, thread, 2, REPLY)
        await discord.delete(line)
        async with asyncio.timeout(30):
            while len(await spoken(house, room)) > 1:
                continue


async def test_a_mention_that_was_proxied_is_told_under_the_webhooks_message() -> None:
    """Its own message is gone before the thread could be opened."""
    discord = LoopbackDiscord()
    async with whole_house(discord, SENTENCES[:1]) as house:
        fault = discord.fail("POST", "/threads", 503)
        asked = await discord.say_in(discord.channel, discord.hanako, f"A:{BEGINNING}")
        await discord.until(lambda: fault.times == 0)
        await discord.delete(asked)
        proxied = await discord.proxy(discord.channel, "アカリ", BEGINNING, mentions_bot=True)
        (thread,) = await discord.until(discord.threads)
        await done(house, thread, 1, SENTENCES[0])
        assert (thread.id, thread.name) == (proxied.id, BEGINNING)
        room = Room("discord", str(thread.id))
        assert await spoken(house, room) == [("アカリ", BEGINNING)]


async def test_of_two_lines_the_proxy_takes_the_one_that_it_says() -> None:
    """Two people's lines are deleted at once; each gets its own name."""
    async with told() as (house, thread, room):
        discord = house.discord
        first = await discord.say_in(thread, discord.taro, "A:はい。", mentions_bot=False)
        second = await discord.say_in(thread, discord.hanako, "B:はい。そうです。", mentions_bot=False)
        await discord.delete(second)
        await discord.delete(first)
        proxied = [
            await discord.proxy(thread, "アカリ", "はい。"),
            await discord.proxy(thread, "ベル", "はい。そうです。"),
        ]
        for message in proxied:
            await settled(house, message)
        assert (await spoken(house, room))[1:] == [("アカリ", "はい。"), ("ベル", "はい。そうです。")]
