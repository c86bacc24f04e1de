"""`tsuzuki run` stopped and killed beside a loopback Discord, where people write on meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.discord.stage import BEGINNING
from tests.integration.discord.whole import BotRuns


async def until_it_listens(runs: BotRuns) -> None:
    """Wait until the bot has written down that it hears: what a first start misses nobody knows."""
    async with asyncio.timeout(60), runs.store() as store:
        while not await store.heartbeats.listened_until("discord"):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("killed", [False, True])
async def test_what_was_written_while_the_process_was_gone_is_in_the_story(
    runs: BotRuns, *, killed: bool
) -> None:
    """Lines in their order with a file among them, answered once; a mention elsewhere has its own thread."""
    files = (("message.txt", "長い文。\r\n".encode("cp932") * 100),)
    discord = runs.discord
    runs.worker.go_on()
    async with runs.process() as bot:
        await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        (thread,) = await discord.until(discord.threads)
        await discord.until(lambda: [m for m in discord.by_bot(thread) if len(m.buttons) == 5], 60)
        await until_it_listens(runs)
        if killed:
            bot.process.kill()
            await bot.ended()
        else:
            assert await bot.stop() == 0
    await discord.say_in(thread, discord.taro, "二人は歩いた。", mentions_bot=False)
    await discord.say_in(thread, discord.hanako, "", mentions_bot=False, files=files)
    await discord.say_in(thread, discord.taro, "そして着いた。", mentions_bot=False)
    await discord.say_in(discord.channel, discord.taro, "別の話。")
    async with runs.process() as again:
        await discord.until(lambda: [m for m in discord.by_bot(thread)[1:] if len(m.buttons) == 5], 60)
        other = (await discord.until(lambda: discord.threads()[1:]))[0]
        await discord.until(lambda: [m for m in discord.by_bot(other) if len(m.buttons) == 5], 60)
        assert await again.stop() == 0
    story = await runs.story_in(thread)
    assert [(passage.author.name, passage.text) for passage in story.passages[2:-1]] == [
        ("太郎", "二人は歩いた。"),
        ("花子", "長い文。\n" * 100),
        ("太郎", "そして着いた。"),
    ]
    assert [passage.by_model for passage in story.passages] == [False, True, False, False, False, True]
    assert "Traceback" not in again.said
