"""`tsuzuki run` stopped and killed beside a loopback Discord, where people write on meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.domain.chat import Room
from bot.store import open_store
from tests.integration.discord.stage import BEGINNING
from tests.servers.bot_process import bot_process
from tests.servers.discord import LoopbackDiscord
from tests.servers.gated_worker import FIRST, SECOND, gated_worker


async def until_it_listens(folder: Path) -> None:
    """Wait until the bot has written down that it hears: what a first start misses nobody knows."""
    store = await open_store(f"sqlite:///{folder / 'stories.db'}")
    async with asyncio.timeout(60):
        while not await store.heartbeats.listened_until("discord"):
            await asyncio.sleep(0.05)
    await store.close()


@pytest.mark.parametrize("killed", [False, True])
async def test_what_was_written_while_the_process_was_gone_is_in_the_story(
    tmp_path: Path, *, killed: bool
) -> None:
    """Lines in their order with a file among them, answered once; a mention elsewhere has its own thread."""
    files = (("message.txt", "長い文。\r\n".encode("cp932") * 100),)
    async with LoopbackDiscord() as discord, gated_worker(FIRST, SECOND) as worker:
        worker.go_on()
        variables = {
            "DISCORD_TOKEN": discord.token,
            "TSUZUKI_DISCORD__API_URL": discord.api_url,
            "TSUZUKI_ENGINE__URL": worker.url,
            "TSUZUKI_WEB__ENABLED": "false",
        }
        async with bot_process(tmp_path, **variables) as bot:
            await discord.until_connected()
            await discord.say_in(discord.channel, discord.hanako, BEGINNING)
            (thread,) = await discord.until(discord.threads)
            await discord.until(lambda: [m for m in discord.by_bot(thread) if len(m.buttons) == 5], 60)
            await until_it_listens(tmp_path)
            if killed:
                bot.process.kill()
                await bot.ended()
            else:
                assert await bot.stop() == 0
        await discord.until(lambda: not discord.gateway.live)
        await discord.say_in(thread, discord.taro, "二人は歩いた。", mentions_bot=False)
        await discord.say_in(thread, discord.hanako, "", mentions_bot=False, files=files)
        await discord.say_in(thread, discord.taro, "そして着いた。", mentions_bot=False)
        await discord.say_in(discord.channel, discord.taro, "別の話。")
        async with bot_process(tmp_path, **variables) as again:
            await discord.until(lambda: [m for m in discord.by_bot(thread)[1:] if len(m.buttons) == 5], 60)
            other = (await discord.until(lambda: discord.threads()[1:]))[0]
            await discord.until(lambda: [m for m in discord.by_bot(other) if len(m.buttons) == 5], 60)
            assert await again.stop() == 0
    store = await open_store(f"sqlite:///{tmp_path / 'stories.db'}")
    story = await store.stories.open_in(Room("discord", str(thread.id)))
    await store.close()
    assert story is not None
    assert [(passage.author.name, passage.text) for passage in story.passages[2:-1]] == [
        ("太郎", "二人は歩いた。"),
        ("花子", "長い文。\n" * 100),
        ("太郎", "そして着いた。"),
    ]
    assert [passage.by_model for passage in story.passages] == [False, True, False, False, False, True]
    assert "Traceback" not in again.said
