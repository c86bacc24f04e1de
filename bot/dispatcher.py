"""A job's life: taken from the queue, written by the engine, shown as it grows, kept or put back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from bot.clock import Clock, SystemClock
from bot.continuation import Continuation, max_tokens, min_tokens
from bot.errors import EngineBusy, EngineError, EngineFailed, EngineLoading, EngineUnavailable
from bot.gate import EngineGate
from bot.interrupt import to_its_end, until
from bot.messages import PRESETS, Draft, DraftState, Job, JobState, Request, Say
from bot.outbox import Outbox
from bot.queue import JobQueue
from bot.seams import Engine, Store
from bot.story import prompt_of

MAX_DEATHS = 3
"""How often the worker may die under a job before the job is the suspect."""

MAX_STARTS = 20
"""How often a job is begun in all, over every restart of the bot."""


@dataclass(slots=True)
class _Past:
    """What a job went through: the text that people were shown, and how often the worker died under it."""

    text: str = ""
    deaths: int = 0


class Dispatcher:
    """Runs `slots` jobs at once, and says in people's messages what they wait for."""

    def __init__(
        self,
        store: Store,
        queue: JobQueue,
        engine: Engine,
        outbox: Outbox,
        say: Say,
        *,
        slots: int = 8,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._queue = queue
        self._engine = engine
        self._outbox = outbox
        self._say = say
        self._slots = slots
        self._gate = EngineGate(engine, clock or SystemClock(), self._tell_waiting, self._give_up)
        self._pasts: dict[str, _Past] = {}
        self._running: set[str] = set()
        self._leaving = False
        self._log = structlog.get_logger(__name__)

    async def run(self) -> None:
        """Take up what an earlier process left, then run jobs until cancelled; running ones are put back."""
        await self._reload()
        self._queue.on_change(self._tell_waiting)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._gate.run(), name="engine gate")
                for number in range(self._slots):
                    tasks.create_task(self._serve(), name=f"slot {number}")
        finally:
            self._leaving = True
            self._tell_waiting()

    async def _reload(self) -> None:
        jobs = await self._store.unfinished_jobs()
        for job in jobs:
            if job.state is JobState.RUNNING:
                await self._store.release(job.id)
        self._queue.restore(jobs)

    async def _serve(self) -> None:
        while True:
            await self._gate.wait()
            job = await self._queue.get()
            if not self._gate.is_open:
                self._queue.put_back(job)
                continue
            await self._run(job)

    async def _run(self, job: Job) -> None:
        """One job from claim to end. Whatever happens, its story is free afterwards."""
        self._running.add(job.id)
        try:
            await self._attempt(job)
        except asyncio.CancelledError:
            if job.id in self._running:
                await asyncio.shield(self._interrupted(job))
            raise
        except Exception as error:  # noqa: BLE001  # a task's boundary: one job must not end the others
            self._log.exception("a job failed unexpectedly", job=job.id)
            await self._fail(job, self._say("dispatcher.unexpected", job.author.locale), repr(error))

    async def _attempt(self, job: Job) -> None:
        stop = self._queue.stop_event(job.id)
        claimed = await self._store.claim(job.id)
        if claimed is None:
            # It is over, or another process writes it: its message is not ours to change any more.
            self._outbox.forget(job.id)
            self._forget(job)
        elif claimed.attempts > MAX_STARTS:
            await self._fail(job, self._say("dispatcher.unexpected", job.author.locale), "begun too often")
        else:
            await to_its_end(await self._outcome(claimed, stop))

    async def _outcome(self, job: Job, stop: asyncio.Event) -> Coroutine[None, None, None]:
        """Write, and say how the job has to be ended then."""
        try:
            texts = await self._write(job, stop)
        except EngineError as error:
            if not stop.is_set():
                return self._stumbled(job, error, stop)
            texts = self._seen(job)
        return self._finish(job, texts, stopped=stop.is_set())

    async def _stumbled(self, job: Job, error: EngineError, stop: asyncio.Event) -> None:
        """The engine failed: the job waits for it, or fails where waiting would not help."""
        past = self._past(job)
        if isinstance(error, EngineUnavailable):
            past.deaths += 1
        if isinstance(error, EngineLoading | EngineBusy | EngineFailed | EngineUnavailable):
            self._gate.close()
        died = isinstance(error, EngineUnavailable) and past.deaths < MAX_DEATHS
        if died or isinstance(error, EngineLoading | EngineBusy):
            self._log.warning("a job waits for the worker", job=job.id, deaths=past.deaths, error=str(error))
            await self._put_back(job)
            if stop.is_set() and self._queue.cancel(job.id):  # since the worker died
                await self._finish(job, self._seen(job), stopped=True)
        else:
            self._log.warning("a job failed", job=job.id, error=str(error))
            await self._fail(job, self._sentence(error, job), str(error))

    async def _write(self, job: Job, stop: asyncio.Event) -> list[str]:
        """The candidates' final texts, empty ones left out. A stopped job keeps what people have seen."""
        # The story as it is now, not as it was when the job was asked for.
        story = await self._store.story_by_id(job.story_id)
        prompt = prompt_of(story.passages)
        candidates = [Continuation(job.ask.length, prompt) for _ in range(job.ask.candidates)]
        reasons: dict[int, str | None] = {}
        self._show_writing(job, self._past(job).text)
        async with aclosing(until(self._engine.generate(_request(job, prompt)), stop)) as deltas:
            async for delta in deltas:
                candidate = candidates[delta.index]
                candidate.push(delta.text)
                if delta.finish_reason:
                    reasons[delta.index] = delta.finish_reason
                if delta.index == 0:
                    self._show_writing(job, candidate.shown)
                if all(one.complete or index in reasons for index, one in enumerate(candidates)):
                    break
        if stop.is_set():
            return self._seen(job)
        texts = [one.finish(reasons.get(index)) for index, one in enumerate(candidates)]
        return list(dict.fromkeys(text for text in texts if text.strip()))

    def _seen(self, job: Job) -> list[str]:
        seen = self._past(job).text.rstrip()
        return [seen] if seen else []

    async def _finish(self, job: Job, texts: list[str], *, stopped: bool) -> None:
        locale = job.author.locale
        if not texts:
            if stopped:
                await self._end(
                    job, JobState.CANCELLED, Draft(DraftState.CANCELLED, note=self._stopped(locale))
                )
            else:
                await self._fail(job, self._say("dispatcher.silent", locale), "nothing readable was written")
            return
        state, note = (DraftState.CANCELLED, self._stopped(locale)) if stopped else (DraftState.DONE, "")
        draft = Draft(state, texts[0], note, tuple(texts[1:]))
        # Written down before the job is over: a process that ends in between shows it at its next start.
        await self._outbox.prepare(job, draft)
        await self._store.append_model(job.id, texts)
        self._outbox.show(job, draft)
        self._forget(job)

    async def _fail(self, job: Job, sentence: str, reason: str) -> None:
        # Without the text: it is not in the story, and a reader would go on from it.
        await self._end(job, JobState.FAILED, Draft(DraftState.FAILED, note=sentence), reason)

    async def _end(self, job: Job, state: JobState, draft: Draft, reason: str = "") -> None:
        try:
            await self._store.finish(job.id, state, reason)
        except Exception:  # noqa: BLE001
            # The store is what failed: the person is told all the same, and the next start finds the job.
            self._log.exception("a job's end could not be stored", job=job.id)
        self._outbox.show(job, draft)
        self._forget(job)

    async def _put_back(self, job: Job) -> None:
        """Let a job wait in front of the others, with what people have seen of it."""
        await self._store.release(job.id)
        self._running.discard(job.id)
        self._queue.put_back(job)

    async def _interrupted(self, job: Job) -> None:
        """The process ends: the next one goes on with this job, in the same message."""
        try:
            await self._put_back(job)
        except Exception:  # noqa: BLE001  # the end of the process: the next one finds the job running
            self._log.exception("a job could not be put back", job=job.id)

    async def _give_up(self, error: EngineError) -> None:
        """Tell everybody who waits that they wait in vain."""
        for job in self._queue.waiting():
            if self._queue.cancel(job.id):
                self._log.warning("a job failed", job=job.id, error=str(error))
                await self._fail(job, self._sentence(error, job), str(error))

    # Showing

    def _show_writing(self, job: Job, text: str) -> None:
        # A job that is run again comes to the same words: what was seen stays until there is more.
        past = self._past(job)
        if len(text) >= len(past.text):
            past.text = text
            self._outbox.show(job, Draft(DraftState.WRITING, text))

    def _tell_waiting(self) -> None:
        """Keep everybody's place, or the engine's waking up, true in their messages."""
        for job in self._queue.waiting():
            past = self._pasts.get(job.id)
            self._outbox.show(job, Draft(DraftState.WAITING, past.text if past else "", self._note(job)))

    def _note(self, job: Job) -> str:
        if self._leaving:
            return self._say("dispatcher.interrupted", job.author.locale)
        if not self._gate.is_open:
            return self._say("engine.waking", job.author.locale, percent=self._gate.percent)
        place = self._queue.place(job.id)
        if place:
            return self._say("play.place", job.author.locale, place=place)
        return self._say("play.starting", job.author.locale)

    def _sentence(self, error: EngineError, job: Job) -> str:
        return self._say(error.key, job.author.locale, **error.values)

    def _stopped(self, locale: str) -> str:
        return self._say("play.cancelled", locale)

    def _past(self, job: Job) -> _Past:
        return self._pasts.setdefault(job.id, _Past())

    def _forget(self, job: Job) -> None:
        self._running.discard(job.id)
        self._queue.done(job.id)
        # Of others too: a job that was put back may have been cancelled while it waited.
        here = self._running | {waiting.id for waiting in self._queue.waiting()}
        for gone in self._pasts.keys() - here:
            del self._pasts[gone]


def _request(job: Job, prompt: str) -> Request:
    length = job.ask.length
    return Request(
        prompt=prompt,
        sampling=PRESETS[job.ask.preset],
        max_tokens=max_tokens(length),
        min_tokens=min_tokens(length),
        n=job.ask.candidates,
        seed=job.seed,
        story=job.story_id,
    )
