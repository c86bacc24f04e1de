"""The real store, play and outbox over the adapter: texts stream at Discord's pace and survive faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from adapters.discord import DiscordAdapter
from bot.core.outbox import Outbox
from bot.core.queue import JobQueue
from bot.core.services import build_services
from bot.domain.chat import Room
from bot.domain.jobs import Job
from bot.domain.replies import Reply, ReplyState
from bot.store import Store, open_store
from config.i18n import Translations
from tests.bot.core.services.stage import Idle, ReadingEngine
from tests.integration.discord.stage import BEGINNING, running
from tests.servers.discord import LoopbackDiscord, Message

SENTENCES = ("窓の外では虫が鳴いていた。", "彼は灯をともした。", "遠くで汽笛が一つ鳴った。")


@dataclass(slots=True)
class Desk:
    """Everything but the dispatcher, in whose place the test works."""

    discord: LoopbackDiscord
    store: Store
    queue: JobQueue
    outbox: Outbox

    async def stream(self, job: Job, *sentences: str) -> Message:
        """Write a continuation, each sentence once people have seen the one before."""
        text = ""
        for sentence in sentences:
            text += sentence
            self.outbox.show(job, Reply(ReplyState.WRITING, text))
            await self.discord.until(lambda shown=text: self._shows(job, shown))
        await self.store.jobs.complete(job.id, [text])
        self.outbox.show(job, Reply(ReplyState.DONE, text))
        await self.outbox.flush(job.id)
        self.queue.done(job.id)
        return self._shows(job, text)[-1]

    def _shows(self, job: Job, text: str) -> list[Message]:
        channel = self.discord.world.channels.get(int(job.room.id))  # not there before the first post
        shown = self.discord.by_bot(channel) if channel is not None else []
        return [message for message in shown if text in message.content]


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    """A desk on a fresh loopback Discord."""
    say, queue = Translations.load(), JobQueue()
    store = await open_store("sqlite:///:memory:")
    try:
        async with LoopbackDiscord() as discord:
            adapter = DiscordAdapter(discord.token, say, api_url=discord.api_url)
            outbox = Outbox(store, {adapter.name: adapter})
            adapter.attach(build_services(store, queue, ReadingEngine(), outbox, Idle(), say))
            async with running(adapter, discord):
                yield Desk(discord, store, queue, outbox)
                await outbox.close(10)
    finally:
        await store.close()


async def test_edits_of_a_message_are_a_second_apart_at_least() -> None:
    """One message from the waiting note to the last text, which has no mark; no rate limit is met."""
    async with desk() as at:
        written = f"　{BEGINNING}\n**彼**は"
        await at.discord.say_in(at.discord.channel, at.discord.hanako, written)
        job = await at.queue.get()
        message = await at.stream(job, *SENTENCES)
        (thread,) = at.discord.threads()
        story = await at.store.stories.open_in(Room("discord", str(thread.id)))
    assert message.content == "".join(SENTENCES)
    assert [text.endswith("✍️") for text in message.history[-4:]] == [True, True, True, False]
    assert min(message.gaps_s[1:]) >= 1.0
    assert story is not None
    assert [passage.text for passage in story.passages] == [written, "".join(SENTENCES)]
    assert at.discord.refused_by_limits == 0


async def test_two_stories_do_not_wait_for_each_other() -> None:
    """Each thread has its own pace: both grow at the same time, and no rate limit is met."""
    async with desk() as at:
        for person, text in ((at.discord.hanako, "一つ目。"), (at.discord.taro, "二つ目。")):
            await at.discord.say_in(at.discord.channel, person, text)
        jobs = [await at.queue.get(), await at.queue.get()]
        messages = await asyncio.gather(*(at.stream(job, *SENTENCES) for job in jobs))
    first, second = (message.versions for message in messages)
    assert first[0].at_s < second[-1].at_s
    assert second[0].at_s < first[-1].at_s
    assert at.discord.refused_by_limits == 0


async def test_the_text_arrives_once_in_spite_of_faults() -> None:
    """A lost answer to the first post, 503 and a reset on edits, and a dropped gateway."""
    async with desk() as at:
        at.discord.fail("POST", "/messages", 503, applied=True)
        at.discord.fail("PATCH", "/messages/", None)
        at.discord.fail("PATCH", "/messages/", 503)
        await at.discord.say_in(at.discord.channel, at.discord.hanako, BEGINNING)
        job = await at.queue.get()
        await at.discord.gateway.drop()
        await at.stream(job, *SENTENCES)
        (thread,) = at.discord.threads()
    assert [message.content for message in at.discord.by_bot(thread)] == ["".join(SENTENCES)]
