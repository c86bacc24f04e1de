"""A story's order is its thread's, with people who write while replies are written and wait."""

from __future__ import annotations

import asyncio

from bot.domain.chat import Room
from bot.domain.story import Story
from tests.integration.discord.stage import BEGINNING
from tests.integration.discord.whole import BotRuns, House, whole_house
from tests.servers.discord import Channel, LoopbackDiscord
from tests.servers.gated_worker import FIRST, SECOND

ONE, TWO, THREE = ("夜が更けた。", "誰かが戸を叩いた。"), ("朝になった。",), ("鳥が鳴いた。",)
TARO, HANAKO = "しかし誰も来なかった。", "「誰だ」"


async def story_of(house: House, thread: Channel) -> Story:
    """The story that is told in a thread."""
    story = await house.store.stories.open_in(Room("discord", str(thread.id)))
    assert story is not None
    return story


def written(discord: LoopbackDiscord, thread: Channel) -> list[str]:
    """What a thread shows from top to bottom, but for words to those who waited long."""
    messages = [m for m in discord.world.messages.values() if m.channel is thread and not m.deleted]
    messages = [m for m in messages if not m.reply_to]
    return [m.content for m in sorted(messages, key=lambda m: m.id) if m.content]


async def test_what_is_written_while_replies_wait_stands_above_them() -> None:
    """Their signs go, they are posted below what they read, and each knows all that stands above it."""
    async with whole_house(LoopbackDiscord(), ONE, TWO, THREE) as house:
        discord, gate = house.discord, asyncio.Event()

        async def held(_: str) -> None:
            await gate.wait()

        house.engine.seen = held
        await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        (thread,) = await discord.until(discord.threads)
        await discord.until(lambda: any(ONE[0] in m.content for m in discord.by_bot(thread)))
        await discord.say_in(thread, discord.taro, TARO, mentions_bot=False)
        (_, second) = await discord.until(lambda: discord.by_bot(thread)[1:] and discord.by_bot(thread))
        await discord.say_in(thread, discord.hanako, HANAKO, mentions_bot=False)
        (*_, third) = await discord.until(lambda: discord.by_bot(thread)[2:] and discord.by_bot(thread))
        gate.set()

        expected = ["".join(ONE), TARO, HANAKO, *TWO, *THREE]
        await discord.until(lambda: written(discord, thread) == expected)
        story = await story_of(house, thread)
        replies = await discord.until(lambda: house.idle(thread) and discord.by_bot(thread))
    assert [passage.text for passage in story.passages] == [BEGINNING, *expected]
    assert (second.deleted, third.deleted, len(replies)) == (True, True, 3)
    assert [len(message.buttons) for message in replies[:2]] == [0, 0]
    first, *later = house.engine.prompts
    assert first == BEGINNING
    assert [later[0].endswith(f"{TARO}\n{HANAKO}"), later[1].endswith(f"{HANAKO}{TWO[0]}")] == [True, True]
    assert discord.refused_by_limits == 0


async def test_a_killed_bot_tells_the_same_though_somebody_wrote(runs: BotRuns) -> None:
    """The next process asks the worker for the same, and what was written stands behind the reply."""
    discord, worker = runs.discord, runs.worker
    async with runs.process() as bot:
        await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        (thread,) = await discord.until(discord.threads)
        await discord.until(lambda: any(FIRST in m.content for m in discord.by_bot(thread)))
        await discord.say_in(thread, discord.taro, TARO, mentions_bot=False)
        await discord.until(lambda: len(discord.by_bot(thread)) > 1)
        await bot.kill()
    worker.go_on()
    async with runs.process() as again:
        reply = FIRST + SECOND
        await discord.until(lambda: written(discord, thread) == [reply, TARO, reply], 60)
        assert await again.stop() == 0
    first, repeated, second = worker.requests
    assert first == repeated
    assert second["prompt"].endswith(f"{BEGINNING}{reply}\n{TARO}")
