"""`tsuzuki run` as a process beside a loopback Discord: stopped amid a story, and started again."""

from __future__ import annotations

from tests.integration.discord.stage import BEGINNING
from tests.integration.discord.whole import BotRuns
from tests.servers.gated_worker import FIRST, SECOND


async def test_a_story_cut_short_by_a_stop_is_finished_in_the_same_message(runs: BotRuns) -> None:
    """What stands there meanwhile is readable; then come the end, the buttons, and a word to who waited."""
    discord, worker = runs.discord, runs.worker
    async with runs.process() as bot:
        await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        (thread,) = await discord.until(discord.threads)
        await discord.until(lambda: any(FIRST in m.content for m in discord.by_bot(thread)))
        assert await bot.stop() == 0
    (message,) = discord.by_bot(thread)
    assert message.content.startswith(FIRST)
    assert "✍️" not in message.content
    worker.go_on()
    async with runs.process() as again:
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
