"""Logins, intents and lost connections."""

from __future__ import annotations

import asyncio

import pytest

from adapters.discord import DiscordAdapter
from bot.domain.errors import ConfigurationError
from config.i18n import Translations
from tests.fakes.services import FakeServices
from tests.integration.discord.stage import BEGINNING, QuickClock, Stage, adapter_for, running
from tests.servers.discord import LoopbackDiscord

MESSAGE_CONTENT = 1 << 15


@pytest.mark.parametrize("token", ["", "  ", "wrong-token", "日本語"])
async def test_a_bad_token_is_named_with_where_to_get_a_good_one(token: str) -> None:
    """The message tells the setting and the page, and never the token itself."""
    async with LoopbackDiscord() as discord:
        adapter = DiscordAdapter(token, Translations.load(), api_url=discord.api_url)
        adapter.attach(FakeServices())
        with pytest.raises(ConfigurationError) as raised:
            await adapter.run()
    assert "DISCORD_TOKEN" in str(raised.value)
    assert "https://discord.com/developers/applications" in str(raised.value)
    assert "wrong-token" not in str(raised.value)


async def test_a_token_that_the_gateway_refuses_is_bad_as_well() -> None:
    """Close code 4004."""
    async with LoopbackDiscord() as discord:
        discord.gateway.token = "another"
        with pytest.raises(ConfigurationError):
            await adapter_for(discord, FakeServices(), QuickClock([])).run()


async def test_without_the_privileged_intent_it_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """4014: the log says what to switch on, and mentions work."""
    async with LoopbackDiscord() as discord:
        discord.gateway.granted = 0
        services = FakeServices()
        async with running(adapter_for(discord, services, QuickClock([])), discord):
            await discord.say_in(discord.channel, discord.hanako, BEGINNING)
            assert (await services.until_heard()).message.text == BEGINNING
        wanted = [identify["intents"] & MESSAGE_CONTENT for identify in discord.gateway.identified]
    assert wanted == [MESSAGE_CONTENT, 0]
    assert "Message Content Intent" in caplog.text


async def test_a_dropped_gateway_is_resumed_and_nothing_is_missed(stage: Stage) -> None:
    """What was said meanwhile arrives when the session is resumed."""
    await stage.discord.gateway.drop()
    await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, BEGINNING)
    assert (await stage.services.until_heard()).message.text == BEGINNING
    assert stage.discord.gateway.resumed == 1


async def test_a_reconnect_that_discord_asks_for_is_followed(stage: Stage) -> None:
    """Op 7, many times a day."""
    await stage.discord.gateway.ask_to_reconnect()
    await stage.discord.until(lambda: stage.discord.gateway.resumed)
    await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, BEGINNING)
    await stage.services.until_heard()


async def test_an_api_that_is_down_at_the_start_is_waited_for() -> None:
    """503 at login: tried again, with growing pauses."""
    async with LoopbackDiscord() as discord:
        discord.fail("GET", "/users/@me", 503, times=2)
        services, clock = FakeServices(), QuickClock([])
        async with running(adapter_for(discord, services, clock), discord):
            await discord.say_in(discord.channel, discord.hanako, BEGINNING)
            await services.until_heard()
    assert clock.slept == [1.0, 2.0]


async def test_commands_that_cannot_be_registered_do_not_stop_the_bot() -> None:
    """Mentions work; it is tried again once the gateway is there."""
    async with LoopbackDiscord() as discord:
        discord.fail("PUT", "/commands", 503)
        services = FakeServices()
        async with running(adapter_for(discord, services, QuickClock([])), discord):
            await discord.say_in(discord.channel, discord.hanako, BEGINNING)
            await services.until_heard()
            await discord.until(lambda: discord.state.syncs)


async def test_cancelling_closes_the_connection() -> None:
    """No socket and no task stays behind."""
    async with LoopbackDiscord() as discord:
        async with running(adapter_for(discord, FakeServices(), QuickClock([])), discord):
            assert len(discord.gateway.live) == 1
        await discord.until(lambda: not discord.gateway.live)


async def test_it_must_be_attached_first() -> None:
    """Running without a play is a mistake of the program."""
    with pytest.raises(RuntimeError):
        await DiscordAdapter("token", Translations.load()).run()


async def test_two_adapters_in_one_process_keep_their_own_address() -> None:
    """The address belongs to the client, not to the library."""
    async with LoopbackDiscord() as one, LoopbackDiscord() as two:
        plays = FakeServices(), FakeServices()
        async with (
            running(adapter_for(one, plays[0], QuickClock([])), one),
            running(adapter_for(two, plays[1], QuickClock([])), two),
        ):
            await one.slash(one.channel, one.hanako, "continue", text="一")
            await two.slash(two.channel, two.hanako, "continue", text="二")
            heard = await asyncio.gather(*(services.until_heard() for services in plays))
    assert [message.message.text for message in heard] == ["一", "二"]


async def test_there_are_as_many_shards_as_discord_asks_for() -> None:
    """Each server's messages come through its own; both are heard once."""
    discord = LoopbackDiscord()
    discord.state.shards = 2
    world, people = discord.world, [discord.hanako, discord.bot]
    guilds = [world.add_guild(f"文芸部{number}", people, locale="ja", community=True) for number in range(2)]
    for number, guild in enumerate(guilds):
        del world.guilds[guild.id]
        guild.id = (guild.id >> 23 << 23) + (number << 22)
        world.guilds[guild.id] = guild
    async with discord:
        services = FakeServices()
        async with running(adapter_for(discord, services, QuickClock([])), discord):
            await discord.until(lambda: sum(session.ready for session in discord.gateway.live) == 2)
            for guild in guilds:
                await discord.say_in(world.add_channel("物語", guild), discord.hanako, guild.name)
            await services.until_heard(2)
    assert [identify["shard"] for identify in discord.gateway.identified] == [[0, 2], [1, 2]]
    assert {heard.message.text for heard in services.heard} == {"文芸部0", "文芸部1"}
