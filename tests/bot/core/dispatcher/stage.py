"""The house from the queue to the platform, with a scripted engine, a clock that stands still and no I/O."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from bot.core.dispatcher import Dispatcher
from bot.core.outbox import Outbox
from bot.core.queue import JobQueue
from bot.core.services import build_services
from bot.domain.chat import Author
from bot.domain.jobs import GenerationOptions, Job, JobState
from bot.domain.ports import Limits
from bot.domain.replies import Candidate, Reply, ReplyState
from bot.domain.story import candidate_id
from tests.fakes.clock import FakeClock, settle
from tests.fakes.engine import ScriptedEngine, Telling
from tests.fakes.platform import FakePlatform
from tests.fakes.store import AYA, MemoryStore

ENOUGH = Limits(max_units=2000, changes_per_period=10_000, period_s=1.0)


def say(key: str, locale: str, **values: object) -> str:
    """A sentence that shows how it was asked for."""
    return f"{locale} {key}" + "".join(f" {name}={value}" for name, value in values.items())


def done(job_id: str, *texts: str) -> Reply:
    """A reply that is over and the story's last: the first text is the passage, the others are choices."""
    choices = tuple(Candidate(candidate_id(job_id, n), text) for n, text in enumerate(texts) if n)
    return Reply(ReplyState.DONE, texts[0], other_candidates=choices, passage=candidate_id(job_id, 0))


def stopped(job_id: str, text: str) -> Reply:
    """A reply that somebody stopped after a text was seen."""
    return replace(done(job_id, text), state=ReplyState.CANCELLED, note="ja play.cancelled")


class Process:
    """What ends with the process: queue, outbox, dispatcher."""

    def __init__(self, stage: Stage, slots: int) -> None:
        self.queue = JobQueue()
        self.outbox = Outbox(stage.store, {"fake": stage.platform}, stage.clock)
        self.dispatcher = Dispatcher(
            stage.store, self.queue, stage.engine, self.outbox, say, slots=slots, clock=stage.clock
        )
        self.services = build_services(
            stage.store, self.queue, stage.engine, self.outbox, self.dispatcher, say
        )


class Stage:
    """What outlives a process, and the process that runs just now."""

    def __init__(self) -> None:
        self.store, self.platform, self.clock = MemoryStore(), FakePlatform(limits=ENOUGH), FakeClock()
        self.engine = ScriptedEngine()
        self.process = Process(self, 1)

    @asynccontextmanager
    async def running(self, slots: int = 1) -> AsyncIterator[None]:
        """A process from its start to its orderly end."""
        self.process = process = Process(self, slots)
        outbox = asyncio.create_task(process.outbox.run())
        dispatcher = asyncio.create_task(process.dispatcher.run())
        await settle()
        try:
            yield
        finally:
            dispatcher.cancel()
            ended = await asyncio.gather(dispatcher, return_exceptions=True)
            assert isinstance(ended[0], asyncio.CancelledError)
            await process.outbox.close(5)
            outbox.cancel()
            await asyncio.gather(outbox, return_exceptions=True)

    async def asks(
        self,
        job_id: str,
        text: str = "雨が降っていた。",
        ask: GenerationOptions | None = None,
        room: str = "r",
        author: Author = AYA,
    ) -> Job:
        """Somebody writes and asks for more, as play hears it."""
        job = self.store.add(job_id, text, ask, room, author)
        place = self.process.queue.put(job)
        note = say("play.place", author.locale, place=place)
        self.process.outbox.show(job, Reply(ReplyState.WAITING, note=note))
        await settle()
        return job

    async def stops(self, job: Job) -> None:
        """Somebody has had enough."""
        await self.process.services.generation.cancel(job.room, job.author)
        await settle()

    async def told(self, *texts: str, reason: str | None = None) -> Telling:
        """The engine tells the latest request these pieces; `reason` ends them."""
        telling = self.engine.last
        for text in texts:
            telling.say(text, reason if text is texts[-1] else None)
        await settle()
        return telling

    async def fails(self, error: Exception) -> None:
        """The engine fails the latest request; the second that the dispatcher waits then passes."""
        self.engine.last.fail(error)
        await settle()
        await self.clock.advance(1)

    def state(self, job_id: str) -> JobState:
        """What the store says of a job."""
        return self.store.jobs.kept[job_id].state

    @property
    def shown(self) -> list[Reply]:
        """What people see, message by message."""
        return list(self.platform.messages.values())
