"""Every request of the real client has its slot, those too that the library makes by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.discord import DiscordAdapter
from bot.messages import Draft, DraftState, Room
from config.phrases import Phrases
from tests.discord.noted import NotedPlay
from tests.discord.stage import running
from tests.fakes.clock import LoopClock
from tests.fakes.leaping import leaping
from tests.loopback.discord import Channel, LoopbackDiscord
from tests.loopback.discord_state import SentRequest

FIRST = Draft(DraftState.WAITING, note="まもなく", job="j")


@asynccontextmanager
async def connected(
    requests_per_s: float,
) -> AsyncIterator[tuple[LoopbackDiscord, DiscordAdapter, list[Channel]]]:
    """An adapter with so much of a budget, and rooms that no limit was met in; what it began with is over."""
    async with LoopbackDiscord() as discord:
        rooms = [discord.world.add_channel(f"部屋{number}", discord.guild) for number in range(4)]
        adapter = DiscordAdapter(
            discord.token,
            Phrases.load(),
            api_url=discord.api_url,
            clock=LoopClock(),
            requests_per_s=requests_per_s,
        )
        adapter.attach(NotedPlay())
        async with running(adapter, discord):
            await asyncio.sleep(60)
            discord.requests.clear()
            yield discord, adapter, rooms


async def post(adapter: DiscordAdapter, channel: Channel) -> str:
    """A first sign in a channel."""
    return await adapter.post(Room("discord", str(channel.id)), FIRST, f"{channel.id}:0")


def moments(requests: list[SentRequest]) -> list[float]:
    """When they came, after the first of them."""
    return [round(request.at_s - requests[0].at_s, 2) for request in requests]


def test_rooms_of_their_own_share_one_budget() -> None:
    """Though each room's own limit would let it through."""

    async def posts() -> list[float]:
        async with connected(2) as (discord, adapter, rooms):
            await asyncio.gather(*(post(adapter, room) for room in rooms))
            return moments(discord.requests)

    assert leaping(posts()) == [0.0, 0.0, 1.0, 1.0]


def test_the_librarys_own_second_try_takes_a_slot() -> None:
    """It comes a second later by itself; what another room sends meanwhile it does not come upon."""

    async def tries() -> tuple[list[float], list[int | None]]:
        async with connected(1) as (discord, adapter, rooms):
            discord.fail("POST", f"/channels/{rooms[0].id}/messages", 502)
            first = asyncio.create_task(post(adapter, rooms[0]))
            await discord.until(lambda: discord.requests and discord.requests[0].status)
            await asyncio.gather(first, post(adapter, rooms[1]), post(adapter, rooms[2]))
            return moments(discord.requests), [request.status for request in discord.requests]

    when, statuses = leaping(tries())
    assert sorted(statuses, key=str) == [200, 200, 200, 502]
    assert when == [0.0, 1.0, 2.0, 3.0]


def test_what_is_sent_when_the_whole_bot_was_refused_waits_like_the_rest() -> None:
    """Other rooms, too, send nothing before Discord wants to hear from the bot again."""

    async def sent() -> tuple[list[float], int]:
        async with connected(48) as (discord, adapter, rooms):
            discord.state.limits.everything.limit = 1
            first = [asyncio.create_task(post(adapter, room)) for room in rooms[:2]]
            await discord.until(lambda: discord.refused_by_limits)
            await asyncio.sleep(0.2)
            discord.state.limits.everything.limit = 50
            before = len(discord.requests)
            await asyncio.gather(*first, post(adapter, rooms[2]))
            return moments([discord.requests[0], *discord.requests[before:]])[1:], discord.refused_by_limits

    assert leaping(sent()) == ([1.0, 1.0], 1)


def test_answers_to_interactions_never_wait() -> None:
    """They lie outside the bot's limit: with the whole budget spent, a command is answered at once."""

    async def answered() -> tuple[float, int]:
        async with connected(1) as (discord, adapter, rooms):
            posts = [asyncio.create_task(post(adapter, room)) for room in rooms]
            slash = await discord.slash(discord.channel, discord.taro, "help")
            await discord.until(lambda: slash.answers)
            came_s, unsent = slash.took_s, sum(not task.done() for task in posts)
            await asyncio.gather(*posts)
            return came_s, unsent

    took_s, unsent = leaping(answered())
    assert took_s == 0.0
    assert unsent >= 2


def test_the_sign_of_typing_is_left_out_where_the_budget_is_short() -> None:
    """The reply's own first sign comes all the same."""

    async def typed() -> list[int]:
        counts = []
        for requests_per_s in (48, 1):
            async with connected(requests_per_s) as (discord, adapter, rooms):
                waiting = asyncio.create_task(post(adapter, rooms[0]))
                await discord.say_in(discord.channel, discord.hanako, "夜が明ける。")
                await asyncio.gather(waiting, asyncio.sleep(5))
                counts.append(len(discord.state.typed))
        return counts

    assert leaping(typed()) == [1, 0]
