"""The adapter, connected to a loopback Discord, with fake services behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from adapters.discord import DiscordAdapter
from bot.core.services import Services
from bot.domain.chat import Room
from bot.domain.ports import Translate
from bot.domain.replies import Reply, ReplyState
from config.i18n import Translations
from tests.fakes.services import FakeReply
from tests.integration.discord.noted import NotedServices
from tests.servers.discord import Channel, LoopbackDiscord
from tests.servers.discord_payloads import Payload, channel_payload

BEGINNING = "それは九月初旬のある蒸し暑い晩のことであった。"


@dataclass(slots=True)
class QuickClock:
    """A clock whose sleeps last a hundredth of a second at most; it remembers what was asked for.

    It is `later_s` seconds ahead.
    """

    slept: list[float]
    later_s: float = 0.0

    def now(self) -> float:
        """The loop's time."""
        return asyncio.get_running_loop().time() + self.later_s

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run."""
        self.slept.append(seconds)
        await asyncio.sleep(min(seconds, 0.01))


@dataclass(slots=True)
class Stage:
    """Everything that a test of the adapter handles."""

    discord: LoopbackDiscord
    adapter: DiscordAdapter
    services: NotedServices
    say: Translate
    clock: QuickClock

    def room(self, channel: Channel) -> Room:
        """The room at a channel."""
        return Room("discord", str(channel.id))

    @staticmethod
    def new_play() -> NotedServices:
        """Services without stories."""
        return NotedServices()

    @staticmethod
    def new_say() -> Translate:
        """The sentences."""
        return Translations.load()

    @staticmethod
    def channel_payload(channel: Channel) -> Payload:
        """A channel as the gateway tells of it."""
        return channel_payload(channel)

    def command(self, name: str) -> Payload:
        """A registered command."""
        return next(command for command in self.discord.state.commands if command["name"] == name)

    async def opened(self, number: int = 1) -> Channel:
        """Where the reply to the nth message that was heard is shown, once its first sign stands there."""
        room = (await self.services.until_heard(number)).message.room
        reply = FakeReply(self.adapter, room, f"job-{number}:0")
        await reply.show(Reply(ReplyState.WAITING, note="お待ちください", job=f"job-{number}"))
        return self.discord.world.channels[int(reply.room.id)]

    def reply(self, channel: Channel, key: str = "job-1/0") -> FakeReply:
        """A reply as the outbox would show it there."""
        return FakeReply(self.adapter, self.room(channel), key)


def adapter_for(discord: LoopbackDiscord, services: Services, clock: QuickClock) -> DiscordAdapter:
    """An adapter for a loopback Discord, not yet running."""
    adapter = DiscordAdapter(discord.token, Translations.load(), api_url=discord.api_url, clock=clock)
    adapter.attach(services)
    return adapter


@asynccontextmanager
async def running(adapter: DiscordAdapter, discord: LoopbackDiscord) -> AsyncIterator[None]:
    """Run the adapter until the block ends."""
    task = asyncio.create_task(adapter.run())
    connected = asyncio.create_task(discord.until_connected())
    try:
        await asyncio.wait({task, connected}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield
    finally:
        connected.cancel()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def staged(discord: LoopbackDiscord) -> AsyncIterator[Stage]:
    """A running adapter on `discord`."""
    services, clock = NotedServices(), QuickClock([])
    async with discord:
        adapter = adapter_for(discord, services, clock)
        async with running(adapter, discord):
            yield Stage(discord, adapter, services, Translations.load(), clock)
