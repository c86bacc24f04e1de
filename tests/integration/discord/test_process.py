"""`tsuzuki run` as a process beside a loopback Discord: stopped amid a story, and started again."""

from __future__ import annotations

from pathlib import Path

from tests.integration.discord.stage import BEGINNING
from tests.servers.bot_process import bot_process
from tests.servers.discord import LoopbackDiscord
from tests.servers.gated_worker import FIRST, SECOND, gated_worker


async def test_a_story_cut_short_by_a_stop_is_finished_in_the_same_message(tmp_path: Path) -> None:
    """What stands there meanwhile is readable; then come the end, the buttons, and a word to who waited."""
    async with LoopbackDiscord() as discord, gated_worker(FIRST, SECOND) as worker:
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
            await discord.until(lambda: any(FIRST in m.content for m in discord.by_bot(thread)))
            assert await bot.stop() == 0
        (message,) = discord.by_bot(thread)
        assert message.content.startswith(FIRST)
        assert "✍️" not in message.content
        await discord.until(lambda: not discord.gateway.live)
        worker.go_on()
        async with bot_process(tmp_path, **variables) as again:
            await discord.until(lambda: message.content == FIRST + SECOND)
            await discord.until(lambda: len(message.buttons) == 5)
            (notice,) = await discord.until(lambda: discord.by_bot(thread)[1:])
            press = await discord.press(message, discord.taro, "tz:more")
            await discord.until(lambda: len(discord.by_bot(thread)) > 2)
            assert await again.stop() == 0
    assert press.took_s < 3.0
    assert discord.hanako.mention in notice.content
    assert (notice.reply_to, notice.allowed_mentions) == (
        message.id,
        [{"parse": [], "users": [discord.hanako.id]}],
    )
    assert "Traceback" not in again.said
    assert discord.refused_by_limits == 0
