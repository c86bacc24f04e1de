"""Commands and presses: kept first, acknowledged in time, whichever takes longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bot.domain.chat import Message, Room
from bot.domain.errors import QueueFull
from bot.domain.jobs import GenerationOptions, JobReceipt
from bot.domain.replies import Reply, ReplyState
from tests.fakes.services import FakeReply
from tests.integration.discord.noted import NotedServices
from tests.integration.discord.stage import BEGINNING, QuickClock, adapter_for, running
from tests.servers.discord import Channel, LoopbackDiscord, Slash

DONE = Reply(ReplyState.DONE, "夜が更けた。", job="job-1", passage="p1")


@dataclass(slots=True)
class SlowServices(NotedServices):
    """Services that receive when the test lets it; `answered` says how many callbacks had come by then."""

    discord: LoopbackDiscord = field(default_factory=LoopbackDiscord)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    answered: list[int] = field(default_factory=list)

    async def receive_message(
        self, message: Message, ask: GenerationOptions | None, earlier: Sequence[Message] = ()
    ) -> JobReceipt | None:
        """When it may."""
        await self.free.wait()
        self.answered.append(len(callbacks(self.discord)))
        return await NotedServices.receive_message(self, message, ask, earlier)


def callbacks(discord: LoopbackDiscord) -> list[str]:
    """The first answers that came, to whichever interaction."""
    return [sent.path for sent in discord.requests if sent.path.endswith("/callback")]


@asynccontextmanager
async def slow() -> AsyncIterator[tuple[SlowServices, Channel, FakeReply]]:
    """A thread with a story, and a reply in it that carries buttons."""
    services = SlowServices()
    discord = services.discord
    async with discord:
        adapter = adapter_for(discord, services, QuickClock([]))
        async with running(adapter, discord):
            thread = await discord.open_thread(discord.channel, "物語", discord.taro)
            room = Room("discord", str(thread.id))
            services.tell(room, BEGINNING)
            reply = FakeReply(adapter, room, "job-1:0")
            await reply.show(DONE)
            yield services, thread, reply


async def act(services: SlowServices, thread: Channel, way: str) -> Slash:
    """A person asks for more."""
    discord = services.discord
    if way == "press":
        return await discord.press(discord.by_bot(thread)[0], discord.hanako, "tz:more")
    options = {"text": "彼は立った。"} if way == "text" else {}
    return await discord.slash(thread, discord.hanako, "continue", **options)


@pytest.mark.parametrize("way", ["text", "no text", "press"])
async def test_what_is_asked_for_is_kept_before_it_is_acknowledged(way: str) -> None:
    """A process that ends in between has promised nothing."""
    async with slow() as (services, thread, _):
        services.free.set()
        asked = await act(services, thread, way)
        await services.until_heard()
        await services.discord.until(lambda: asked.acknowledged_s)
        assert services.answered == [0]


@pytest.mark.parametrize("way", ["text", "no text", "press"])
async def test_what_takes_long_to_keep_is_acknowledged_in_time(way: str) -> None:
    """Within Discord's three seconds; the text is shown once it is kept."""
    async with slow() as (services, thread, _):
        asked = await act(services, thread, way)
        await services.discord.until(lambda: asked.acknowledged_s)
        assert services.heard == []
        assert asked.took_s < 3.0
        services.free.set()
        await services.until_heard()
        if way == "text":
            (shown,) = services.discord.by_bot(thread)[1:]
            await services.discord.until(lambda: shown.content == "彼は立った。")


async def test_what_is_refused_late_is_shown_to_nobody_else() -> None:
    """The sign that everybody saw goes; the person alone has the reason and their text."""
    async with slow() as (services, thread, _):
        asked = await act(services, thread, "text")
        await services.discord.until(lambda: asked.acknowledged_s)
        services.refuse(QueueFull(limit=3))
        services.free.set()
        (told,) = await services.discord.until(lambda: [m for m in asked.answers if m.ephemeral_to])
        assert told.content.endswith(">>> 彼は立った。")
        assert len(services.discord.by_bot(thread)) == 1


async def test_a_reply_stands_below_the_text_that_a_command_shows() -> None:
    """It is not posted before."""
    async with slow() as (services, thread, reply):
        asked = await act(services, thread, "text")
        await services.discord.until(lambda: asked.acknowledged_s)
        waiting = FakeReply(reply._platform, reply.room, "job-2:0")
        posting = asyncio.create_task(waiting.show(Reply(ReplyState.WAITING, note="お待ちください")))
        services.free.set()
        await posting
        assert [m.content for m in services.discord.by_bot(thread)][1:] == [
            "彼は立った。",
            "-# ⏳ お待ちください",
        ]
