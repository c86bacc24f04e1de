"""Every request of the real client has its slot, those too that the library makes by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from adapters.discord import DiscordAdapter
from adapters.discord.api.requests import UNSAID_S
from bot.aio.rate_limit import NO_TIME_S
from bot.domain.chat import Room
from bot.domain.errors import RetryLater
from bot.domain.replies import Reply, ReplyState
from config.i18n import Translations
from tests.fakes.clock import LoopClock
from tests.fakes.leaping import leaping
from tests.integration.discord.noted import NotedServices
from tests.integration.discord.stage import running
from tests.servers.discord import Channel, LoopbackDiscord
from tests.servers.discord_state import SentRequest

FIRST = Reply(ReplyState.WAITING, note="まもなく", job="j")


@asynccontextmanager
async def connected(
    requests_per_s: float,
) -> AsyncIterator[tuple[LoopbackDiscord, DiscordAdapter, list[Channel]]]:
    """An adapter with so much of a budget, and rooms that no limit was met in; what it began with is over."""
    async with LoopbackDiscord() as discord:
        rooms = [discord.world.add_channel(f"部屋{number}", discord.guild) for number in range(4)]
        adapter = DiscordAdapter(
            discord.token,
            Translations.load(),
            api_url=discord.api_url,
            clock=LoopClock(),
            requests_per_s=requests_per_s,
        )
        adapter.attach(NotedServices())
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


def test_a_refusal_of_the_whole_bot_holds_for_every_room() -> None:
    """Nothing is sent before Discord wants it again, and what can wait does so outside of the library."""

    async def sent() -> tuple[float, list[float], int]:
        async with connected(48) as (discord, adapter, rooms):
            grows = await post(adapter, rooms[2])
            await asyncio.sleep(10)
            discord.requests.clear()
            discord.state.limits.everything.limit = 1
            first = [asyncio.create_task(post(adapter, room)) for room in rooms[:2]]
            await discord.until(lambda: discord.refused_by_limits)
            await asyncio.sleep(0.2)
            discord.state.limits.everything.limit = 50
            draft = Reply(ReplyState.WRITING, "夜が", job="j")
            rest_s = await adapter.seconds_until_due(Room("discord", str(rooms[2].id)), grows, draft)
            await asyncio.gather(*first, post(adapter, rooms[3]))
            return round(rest_s, 2), moments(discord.requests)[2:], discord.refused_by_limits

    assert leaping(sent()) == (0.8, [1.0, 1.0], 1)


def test_an_address_that_is_shut_out_asks_nothing() -> None:
    """What comes from the wall before Discord, without its word on limits, holds for every room."""

    async def asked() -> tuple[int, list[float]]:
        async with connected(48) as (discord, adapter, rooms):
            discord.fail("POST", f"/channels/{rooms[0].id}/messages", 429)
            with suppress(RetryLater):
                await post(adapter, rooms[0])
            refused = len(discord.requests)
            await asyncio.gather(*(post(adapter, room) for room in rooms[:2]))
            return refused, moments(discord.requests)[refused:]

    assert leaping(asked()) == (1, [UNSAID_S, UNSAID_S])


def test_a_growing_text_does_not_use_its_route_up_before_its_end() -> None:
    """Twelve pieces as fast as they are due: no edit keeps the next one waiting inside the library."""

    async def grown() -> tuple[list[float], float]:
        async with connected(48) as (discord, adapter, rooms):
            room = Room("discord", str(rooms[0].id))
            message = await post(adapter, rooms[0])
            longest_s, loop = 0.0, asyncio.get_running_loop()
            for number in range(12):
                draft = Reply(ReplyState.WRITING, "夜" * (number + 1), job="j")
                while (rest_s := await adapter.seconds_until_due(room, message, draft)) > NO_TIME_S:
                    await asyncio.sleep(rest_s)
                began_s = loop.time()
                await adapter.edit(room, message, draft)
                longest_s = max(longest_s, loop.time() - began_s)
            return moments([one for one in discord.requests if one.method == "PATCH"]), longest_s

    when, longest_s = leaping(grown())
    assert longest_s == 0.0
    assert when[-1] < 14


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
