"""Before a Discord that tells and takes no more than it must."""

from __future__ import annotations

import json

import pytest
from aiohttp import web

from adapters.discord import client as client_module
from tests.fakes.services import FakeServices
from tests.integration.discord.stage import BEGINNING, QuickClock, adapter_for, running, staged
from tests.servers import discord_gateway, discord_payloads
from tests.servers.discord import LoopbackDiscord
from tests.servers.discord_answers import answer
from tests.servers.discord_gateway import Gateway
from tests.servers.discord_payloads import Payload
from tests.servers.discord_rest import Rest
from tests.servers.discord_world import Guild, World

ALWAYS = -1


class SpartanRest(Rest):
    """Says where the gateway is and which thread was opened, and nothing about them."""

    async def gateway(self, _: web.Request) -> web.Response:
        """Only the address."""
        return answer({"url": self._state.gateway.url})

    async def start_thread(self, request: web.Request) -> web.Response:
        """Only the id."""
        opened = await super().start_thread(request)
        return answer({"id": json.loads(opened.text or "")["id"]}, status=opened.status)


class SpartanDiscord(LoopbackDiscord):
    """A Discord whose answers are short."""

    def __init__(self) -> None:
        super().__init__()
        self._rest = SpartanRest(self.state)


async def test_short_answers_are_enough() -> None:
    """Without an application, a typing sign and commands, a mention still gets its thread."""
    discord = SpartanDiscord()
    for method, path, status in (
        ("GET", "/applications/@me", 404),
        ("GET", "/commands", 404),
        ("PUT", "/commands", 403),
        ("POST", "/typing", 404),
    ):
        discord.fail(method, path, status, times=ALWAYS)
    async with staged(discord) as stage:
        message = await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        assert (await stage.opened()).id == message.id
        assert [thread.id for thread in discord.threads()] == [message.id]


@pytest.mark.parametrize("known", [{"id"}, {"id", "name", "channels"}, {"id", "name", "channels", "members"}])
async def test_a_guild_of_which_little_is_known(monkeypatch: pytest.MonkeyPatch, known: set[str]) -> None:
    """Where roles and permissions are not told, the bot tries what it wants to do."""

    def little(guild: Guild, world: World) -> Payload:
        whole = discord_payloads.guild_payload(guild, world)
        return {key: value for key, value in whole.items() if key in known}

    monkeypatch.setattr(discord_gateway, "guild_payload", little)
    async with staged(LoopbackDiscord()) as stage:
        message = await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, BEGINNING)
        assert (await stage.services.until_heard()).message.room.id == str(message.id)


async def test_a_guild_of_which_nothing_is_known() -> None:
    """The story is told where the mention was."""
    discord = LoopbackDiscord()
    guilds = dict(discord.world.guilds)
    discord.world.guilds.clear()
    async with staged(discord) as stage:
        discord.world.guilds.update(guilds)
        await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        assert (await stage.services.until_heard()).message.room.id == str(discord.channel.id)


async def test_a_message_that_names_nobody_in_its_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mention at its beginning counts."""
    dispatch = Gateway.dispatch_message

    async def bare(gateway: Gateway, data: Payload) -> None:
        kept = {key: value for key, value in data.items() if key != "mention_roles"}
        await dispatch(gateway, kept | {"mentions": []})

    monkeypatch.setattr(Gateway, "dispatch_message", bare)
    async with staged(LoopbackDiscord()) as stage:
        await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, BEGINNING)
        assert (await stage.services.until_heard()).message.text == BEGINNING


async def test_nobody_waits_for_commands_that_cannot_be_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library tries for half a minute; mentions are heard meanwhile, and closing ends the trying."""
    monkeypatch.setattr(client_module, "REGISTERED_WITHIN_S", 0.01)
    async with LoopbackDiscord() as discord:
        discord.fail("GET", "/commands", 500, times=ALWAYS)
        services = FakeServices()
        async with running(adapter_for(discord, services, QuickClock([])), discord):
            await discord.say_in(discord.channel, discord.hanako, BEGINNING)
            await services.until_heard()
        assert discord.state.syncs == 0
