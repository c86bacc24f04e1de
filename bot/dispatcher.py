"""A job's life: taken from the queue, written by the engine, shown as it grows, kept or put back."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import structlog

from bot.clock import Clock, SystemClock
from bot.continuation import Continuation, max_tokens, min_tokens
from bot.errors import EngineError, EngineLoading, EngineUnavailable
from bot.gate import EngineGate
from bot.messages import PRESETS, Delta, Draft, DraftState, Job, JobState, Request, Say
from bot.outbox import Outbox
from bot.queue import JobQueue
from bot.seams import Engine, Store
from bot.story import prompt_of

MAX_DEATHS = 3
"""How often the worker may die under a job before the job is the suspect."""

MAX_STARTS = 20
"""How often a job is begun in all, over every restart of the bot."""


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
        self._deaths: Counter[str] = Counter()
        self._partial: dict[str, str] = {}
        self._log = structlog.get_logger(__name__)

    async def run(self) -> None:
        """Take up what an earlier process left, then run jobs until cancelled; running ones are put back."""
        await self._reload()
        self._queue.on_change(self._tell_waiting)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._gate.run(), name="engine gate")
            for number in range(self._slots):
                tasks.create_task(self._serve(), name=f"slot {number}")

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
        try:
            await self._attempt(job)
        except asyncio.CancelledError:
            await asyncio.shield(self._interrupted(job))
            raise
        except EngineLoading:
            await self._put_back(job)
        except EngineUnavailable as error:
            self._deaths[job.id] += 1
            if self._deaths[job.id] < MAX_DEATHS:
                self._log.warning("the worker died under a job", job=job.id, deaths=self._deaths[job.id])
                await self._put_back(job)
            else:
                await self._fail(job, self._sentence(error, job), str(error))
        except EngineError as error:
            self._log.warning("a job failed", job=job.id, error=str(error))
            await self._fail(job, self._sentence(error, job), str(error))
        except Exception as error:  # noqa: BLE001  # a task's boundary: one job must not end the others
            self._log.exception("a job failed unexpectedly", job=job.id)
            await self._fail(job, self._say("dispatcher.unexpected", job.author.locale), repr(error))

    async def _attempt(self, job: Job) -> None:
        stop = self._queue.stop_event(job.id)
        claimed = await self._store.claim(job.id)
        if claimed is None:
            self._forget(job)
        elif claimed.attempts > MAX_STARTS:
            await self._fail(job, self._say("dispatcher.unexpected", job.author.locale), "begun too often")
        else:
            await self._finish(claimed, await self._write(claimed, stop), stopped=stop.is_set())

    async def _write(self, job: Job, stop: asyncio.Event) -> list[str]:
        """The candidates' final texts, empty ones left out. A stopped job keeps what people have seen."""
        # The story as it is now, not as it was when the job was asked for.
        story = await self._store.story_by_id(job.story_id)
        prompt = prompt_of(story.passages)
        candidates = [Continuation(job.ask.length, prompt) for _ in range(job.ask.candidates)]
        reasons: dict[int, str | None] = {}
        self._show_writing(job, self._partial.get(job.id, ""))
        async with aclosing(_until(self._engine.generate(_request(job, prompt)), stop)) as deltas:
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
            seen = self._partial.get(job.id, "").rstrip()
            return [seen] if seen else []
        texts = [one.finish(reasons.get(index)) for index, one in enumerate(candidates)]
        return list(dict.fromkeys(text for text in texts if text.strip()))

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
        text = self._partial.get(job.id, "")
        await self._end(job, JobState.FAILED, Draft(DraftState.FAILED, text, sentence), reason)

    async def _end(self, job: Job, state: JobState, draft: Draft, reason: str = "") -> None:
        try:
            await self._store.finish(job.id, state, reason)
        except Exception:  # noqa: BLE001
            # The store is what failed: the person is told all the same, and the next start finds the job.
            self._log.exception("a job's end could not be stored", job=job.id)
        self._outbox.show(job, draft)
        self._forget(job)

    async def _put_back(self, job: Job) -> None:
        """Let a job wait for the engine, with what people have seen of it."""
        await self._store.release(job.id)
        self._gate.close()
        self._queue.put_back(job)

    async def _interrupted(self, job: Job) -> None:
        """The process ends: the next one goes on with this job, in the same message."""
        await self._store.release(job.id)
        note = self._say("dispatcher.interrupted", job.author.locale)
        self._outbox.show(job, Draft(DraftState.WAITING, self._partial.get(job.id, ""), note))

    async def _give_up(self, error: EngineError) -> None:
        """Tell everybody who waits that they wait in vain."""
        for job in self._queue.waiting():
            if self._queue.cancel(job.id):
                self._log.warning("a job failed", job=job.id, error=str(error))
                await self._fail(job, self._sentence(error, job), str(error))

    # Showing

    def _show_writing(self, job: Job, text: str) -> None:
        # A job that is run again comes to the same words: what was seen stays until there is more.
        if len(text) >= len(self._partial.get(job.id, "")):
            self._partial[job.id] = text
            self._outbox.show(job, Draft(DraftState.WRITING, text))

    def _tell_waiting(self) -> None:
        """Keep everybody's place, or the engine's waking up, true in their messages."""
        for job in self._queue.waiting():
            self._outbox.show(job, Draft(DraftState.WAITING, self._partial.get(job.id, ""), self._note(job)))

    def _note(self, job: Job) -> str:
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

    def _forget(self, job: Job) -> None:
        self._queue.done(job.id)
        self._deaths.pop(job.id, None)
        self._partial.pop(job.id, None)


def _request(job: Job, prompt: str) -> Request:
    length = job.ask.length
    return Request(
        prompt=prompt,
        sampling=PRESETS[job.ask.preset],
        max_tokens=max_tokens(length),
        min_tokens=min_tokens(length),
        n=job.ask.candidates,
        seed=job.seed,
    )


async def _until(deltas: AsyncIterator[Delta], stop: asyncio.Event) -> AsyncGenerator[Delta, None]:
    """`deltas` until `stop` is set, even while none comes; they are closed in the end."""
    stopped = asyncio.ensure_future(stop.wait())
    following: asyncio.Future[Delta] | None = None
    try:
        while not stop.is_set():
            following = asyncio.ensure_future(anext(deltas))
            await asyncio.wait({following, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                return
            try:
                yield following.result()
            except StopAsyncIteration:
                return
    finally:
        stopped.cancel()
        if following is not None and not following.done():
            following.cancel()
            await asyncio.wait({following})
        if hasattr(deltas, "aclose"):
            await deltas.aclose()
