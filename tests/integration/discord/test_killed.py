"""The bot is killed while people speak to it: what they said is answered by the next process.

`TSUZUKI_TEST_KILLS=30 pytest tests/integration/discord/test_killed.py -s` kills it that often and says what
became of it.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Callable

import pytest

from tests.integration.discord.whole import BotRuns
from tests.servers.discord import Channel, LoopbackDiscord, Message
from tests.servers.gated_worker import FIRST, SECOND

KILLS = int(os.environ.get("TSUZUKI_TEST_KILLS", "4"))
WITHIN_S = 5.0
"""How long after somebody spoke to it the bot is killed, at the latest."""
PATIENCE_S = 60.0

Said = tuple[Callable[[], bool], Callable[[], int]]
"""Whether somebody has to expect an answer, and the message on which its thread hangs."""


async def mention(discord: LoopbackDiscord, number: int) -> Said:
    """A person mentions the bot."""
    said = await discord.say_in(discord.channel, discord.hanako, f"{number}日目の夜のことであった。")
    return lambda: True, lambda: said.id


async def command(discord: LoopbackDiscord, number: int) -> Said:
    """A person uses `/continue`. Before it is acknowledged, Discord tells them that the bot is away."""
    text = f"{number}日目の朝のことであった。"
    slash = await discord.slash(discord.channel, discord.taro, "continue", text=text)

    def shown() -> int:
        found = [m.id for m in discord.by_bot(discord.channel) if m.content.endswith(text)]
        return found[0] if found else 0

    return lambda: slash.acknowledged_s is not None, shown


def answers(discord: LoopbackDiscord, hangs_on: int) -> list[Message]:
    """The finished replies in the thread of a message."""
    thread: Channel | None = discord.world.channels.get(hangs_on)
    replies = discord.by_bot(thread) if thread is not None else []
    return [message for message in replies if message.content == FIRST + SECOND]


async def answered(discord: LoopbackDiscord, hangs_on: Callable[[], int]) -> bool:
    """Whether a reply is there in time, once."""
    try:
        await discord.until(lambda: answers(discord, hangs_on()), PATIENCE_S)
    except TimeoutError:
        return False
    return len(answers(discord, hangs_on())) == 1


@pytest.mark.slow
@pytest.mark.timeout(60 + 2 * KILLS * (WITHIN_S + PATIENCE_S))
async def test_what_was_said_before_a_kill_is_answered_after_it(
    runs: BotRuns, capsys: pytest.CaptureFixture[str]
) -> None:
    """At any moment within five seconds after a mention or a command; each is answered once."""
    moments = random.Random(7)  # noqa: S311
    lost: list[str] = []
    discord, worker = runs.discord, runs.worker
    for number in range(KILLS):
        say = command if number % 4 == 3 else mention
        worker.hold()
        async with runs.process() as bot:
            promised, hangs_on = await say(discord, number)
            after_s = moments.uniform(0, WITHIN_S)
            await asyncio.sleep(after_s)
            await bot.kill()
        if not promised():
            continue
        worker.go_on()
        async with runs.process() as again:
            if not await answered(discord, hangs_on):
                lost.append(f"{say.__name__} {number}, killed {after_s:.2f} s later")
            assert await again.stop() == 0
    with capsys.disabled():
        sys.stdout.write(f"\n{KILLS - len(lost)} of {KILLS} answered over {KILLS} kills {lost or ''}\n")
    assert lost == []
