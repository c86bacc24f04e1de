"""A job's life: taken from the queue, written by the engine, shown as it grows, kept or put back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog

from bot.aio.cancellation import to_its_end, until
from bot.aio.clock import Clock, SystemClock
from bot.aio.retry import Backoff, retry
from bot.core.outbox import Outbox
from bot.core.queue import JobQueue
from bot.core.readiness import EngineReadiness
from bot.core.reply_delivery import interrupted_text, place_note
from bot.core.settings_resolver import DEFAULTS, SettingsResolver
from bot.domain.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineLoading,
    EngineUnavailable,
    MessageGone,
    NoOpenJob,
    StoreError,
    StoryBusy,
    Undeliverable,
)
from bot.domain.inference import GenerationRequest
from bot.domain.jobs import Job, JobState
from bot.domain.ports import Engine, Translate
from bot.domain.replies import Candidate, Reply, ReplyState
from bot.domain.repositories import Repositories
from bot.domain.room_settings import RoomSettings, is_filtered
from bot.domain.story import Passage, candidate_id
from bot.story.joining import ends_with
from bot.story.prompt import build_request
from bot.text.continuation import CandidateStream, CandidateText
from bot.text.score_alignment import align_scores
from bot.text.word_filter import WordFilter

MAX_DEATHS = 3
"""How often the worker may die under a job before the job is the suspect."""

MAX_STARTS = 20
"""How often a job is begun in all, over every restart of the bot."""

TURN_PAUSE_S = 1.0
"""How soon a job asks again whether its story is still being written by another process."""

STORE_TRIES = 40
_STORE_BACKOFF = Backoff(0.5, 30.0)
"""How often, and how long apart, what became of a job is brought to a store that fails: a quarter of an hour
in all. Until then the job holds its story; the next start would run it again."""


Result = TypeVar("Result")


@dataclass(slots=True)
class _JobProgress:
    """What a job went through: what people were shown of it, and how often the worker died under it.

    `discarded`: they deleted that.
    """

    shown: tuple[CandidateText, ...] = (CandidateText(""),)
    deaths: int = 0
    discarded: bool = False


class Dispatcher:
    """Runs `slots` jobs at once, and says in people's messages what they wait for."""

    def __init__(
        self,
        store: Repositories,
        queue: JobQueue,
        engine: Engine,
        outbox: Outbox,
        translate: Translate,
        *,
        slots: int = 8,
        clock: Clock | None = None,
        defaults: RoomSettings = DEFAULTS,
    ) -> None:
        self._store = store
        self._queue = queue
        self._engine = engine
        self._outbox = outbox
        self._translate = translate
        self._slots = slots
        self._settings = SettingsResolver(store, defaults)
        self._clock = clock or SystemClock()
        self._readiness = EngineReadiness(engine, self._clock, self._update_waiting, self._give_up)
        self._progress: dict[str, _JobProgress] = {}
        self._running: set[str] = set()
        self._shutting_down = False
        self._log = structlog.get_logger(__name__)

    async def run(self) -> None:
        """Take up what an earlier process left, then run jobs until cancelled; running ones are put back."""
        await self._reload()
        self._queue.on_change(self._update_waiting)
        self._outbox.on_lost(self._on_lost)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._readiness.run(), name="engine readiness")
                for number in range(self._slots):
                    tasks.create_task(self._serve(), name=f"slot {number}")
        finally:
            self._shutting_down = True
            self._update_waiting()

    async def stopped(self, job: Job) -> None:
        """End a job that was taken out of the queue while it waited; what people saw of it is kept."""
        await to_its_end(self._finish(job, self._shown_texts(job), stopped=True))

    async def discard(self, job: Job) -> None:
        """Write a job no further, and keep nothing of it: people deleted its reply."""
        await self._on_lost(job, MessageGone())

    async def _on_lost(self, job: Job, error: Undeliverable) -> None:
        """Write no further what nobody can be shown; of a message that people deleted nothing is kept."""
        progress = self._progress_of(job)
        progress.discarded = progress.discarded or isinstance(error, MessageGone)
        waits = self._queue.place(job.id) is not None
        if self._queue.cancel(job.id) and waits:
            await self.stopped(job)

    async def _reload(self) -> None:
        # Those of other platforms may be running: another process serves them from the same store.
        jobs = [job for job in await self._store.jobs.unfinished() if self._outbox.serves(job.room.platform)]
        for job in jobs:
            if job.state is JobState.RUNNING:
                await self._store.jobs.release(job.id)
            if text := interrupted_text(await self._store.outbox.of_job(job.id)):
                self._progress_of(job).shown = (CandidateText(text),)
        self._queue.restore(jobs)

    async def _serve(self) -> None:
        while True:
            await self._readiness.wait_ready()
            job = await self._queue.get()
            if not self._readiness.is_ready:
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
            await self._fail(job, "dispatcher.unexpected", repr(error))

    async def _attempt(self, job: Job) -> None:
        stop = self._queue.stop_event(job.id)
        try:
            claimed = await self._retry_store(lambda: self._store.jobs.claim(job.id))
        except StoryBusy:
            # Of its story another process writes: one reply after the other.
            await self._clock.sleep(TURN_PAUSE_S)
            await self._put_back(job, stop)
            return
        if claimed is None:
            # It is over, or another process writes it: its message is not ours to change any more.
            self._outbox.forget(job.id)
            self._forget(job)
        elif claimed.attempts > MAX_STARTS:
            await self._fail(job, "dispatcher.unexpected", "begun too often")
        else:
            await to_its_end(await self._outcome(claimed, stop))

    async def _outcome(self, job: Job, stop: asyncio.Event) -> Coroutine[None, None, None]:
        """Write, and say how the job has to be ended then."""
        written = None
        try:
            written = await self._write(job, stop)
        except EngineError as error:
            if not stop.is_set():
                return self._on_engine_error(job, error, stop)
        if stop.is_set() or written is None:
            return self._finish(job, self._shown_texts(job), stopped=True)
        return self._finish(job, written.final, stopped=False, filtered=written.filtered)

    async def _on_engine_error(self, job: Job, error: EngineError, stop: asyncio.Event) -> None:
        """The engine failed: the job waits for it, or fails where waiting would not help."""
        progress = self._progress_of(job)
        if isinstance(error, EngineUnavailable):
            progress.deaths += 1
        if isinstance(error, EngineLoading | EngineBusy | EngineFailed | EngineUnavailable):
            self._readiness.mark_unready()
        died = isinstance(error, EngineUnavailable) and progress.deaths < MAX_DEATHS
        if died or isinstance(error, EngineLoading | EngineBusy):
            self._log.warning(
                "a job waits for the worker", job=job.id, deaths=progress.deaths, error=str(error)
            )
            await self._retry_store(lambda: self._store.jobs.release(job.id, begun=died))
            await self._put_back(job, stop)
        else:
            await self._engine_failed(job, error)

    async def _write(self, job: Job, stop: asyncio.Event) -> CandidateStream:
        """The candidates as they are in the end. A stopped job keeps what people have seen."""
        request, words = await self._retry_store(lambda: self._prepared(job))
        candidates = CandidateStream(job.options.candidates, job.options.length, request.prompt, words)
        self._show_writing(job, self._progress_of(job).shown)
        async with aclosing(until(self._engine.generate(request), stop)) as deltas:
            async for delta in deltas:
                candidates.push(delta)
                self._show_writing(job, candidates.shown)
                if candidates.complete:
                    break
        if not stop.is_set():
            candidates.finish()
        return candidates

    async def _prepared(self, job: Job) -> tuple[GenerationRequest, WordFilter | None]:
        """What the worker is asked, of the story before the reply, and which words it may not write."""
        story = await self._store.stories.before_reply(job.id)
        settings = await self._settings.resolve(story.room)
        words = WordFilter.of(settings.words) if is_filtered(settings, story.room) else None
        return build_request(job, story, settings), words

    def _shown_texts(self, job: Job) -> list[CandidateText]:
        """What people have seen of a job that was stopped; candidates that had not begun are none."""
        found: dict[str, CandidateText] = {}
        for one in self._progress_of(job).shown:
            if text := one.text.rstrip():
                found.setdefault(text, replace(one, text=text))
        return list(found.values())

    async def _finish(
        self, job: Job, kept: list[CandidateText], *, stopped: bool, filtered: bool = False
    ) -> None:
        if not kept or self._progress_of(job).discarded:
            await self._end_empty(job, stopped=stopped, filtered=filtered)
            return
        texts = [one.text for one in kept]
        state, note = (ReplyState.CANCELLED, self._stopped_note(job)) if stopped else (ReplyState.DONE, "")
        choices = tuple(Candidate(candidate_id(job.id, n), text) for n, text in enumerate(texts) if n)
        reply = Reply(state, texts[0], note, choices, passage=candidate_id(job.id, 0))
        # Written down before the job is over: a process that ends in between shows it at its next start.
        await self._retry_store(lambda: self._outbox.prepare(job, reply))
        passages = await self._retry_store(lambda: self._store.jobs.complete(job.id, texts))
        await self._keep_scores(job, kept, passages)
        self._outbox.show(job, replace(reply, interactive=await self._ends_story(job)))
        self._forget(job)

    async def _keep_scores(self, job: Job, kept: list[CandidateText], passages: Sequence[Passage]) -> None:
        try:
            for one, passage in zip(kept, passages, strict=True):
                if one.scores:
                    await self._store.passages.save_scores(
                        passage.id, align_scores(one.scores, one.raw, passage.text)
                    )
        except StoreError:
            # The text is kept, and that is what was asked for.
            self._log.exception("scores could not be kept", job=job.id)

    async def _ends_story(self, job: Job) -> bool:
        """Whether a job's reply carries the buttons now that its text is kept."""
        try:
            story = await self._store.stories.get(job.story_id)
        except StoreError:
            return self._is_latest(job)
        return self._is_latest(job) and ends_with(story, candidate_id(job.id, 0))

    def _is_latest(self, job: Job) -> bool:
        """Whether nobody waits for more of the story: their reply stands below this one already."""
        return all(other.id == job.id for other in self._queue.jobs_of(job.story_id))

    async def _end_empty(self, job: Job, *, stopped: bool, filtered: bool) -> None:
        if stopped or self._progress_of(job).discarded:
            reply = Reply(ReplyState.CANCELLED, note=self._stopped_note(job))
            await self._end(job, JobState.CANCELLED, reply)
        elif filtered:
            await self._fail(job, "dispatcher.filtered", "the word filter took it all")
        else:
            await self._fail(job, "dispatcher.silent", "nothing readable was written")

    async def _engine_failed(self, job: Job, error: EngineError) -> None:
        self._log.warning("a job failed", job=job.id, error=str(error))
        await self._fail(job, error.key, str(error), **error.values)

    async def _fail(self, job: Job, key: str, reason: str, /, **values: object) -> None:
        # Without the text: it is not in the story, and a reader would go on from it.
        note = self._translate(key, job.author.locale, **values)
        await self._end(job, JobState.FAILED, Reply(ReplyState.FAILED, note=note), reason)

    async def _end(self, job: Job, state: JobState, reply: Reply, reason: str = "") -> None:
        try:
            await self._retry_store(lambda: self._store.jobs.finish(job.id, state, reason))
        except Exception:  # noqa: BLE001
            # The store is what failed: the person is told all the same, and the next start finds the job.
            self._log.exception("a job's end could not be stored", job=job.id)
        self._outbox.show(job, replace(reply, interactive=self._is_latest(job)))
        self._forget(job)

    async def _put_back(self, job: Job, stop: asyncio.Event) -> None:
        """Let a job wait again, unless somebody had enough of it meanwhile."""
        self._wait_again(job)
        if stop.is_set() and self._queue.cancel(job.id):
            await self._finish(job, self._shown_texts(job), stopped=True)

    def _wait_again(self, job: Job) -> None:
        """Let a job wait in front of the others, with what people have seen of it."""
        self._running.discard(job.id)
        self._queue.put_back(job)

    async def _retry_store(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do what needs the store, again and again while it fails: what people were shown must not be lost.

        Raises:
            StoreError: it fails for too long.
        """

        async def warn(error: BaseException, _: float) -> None:
            self._log.warning("the store is tried again", error=str(error))

        return await retry(
            work,
            on=StoreError,
            unless=NoOpenJob,
            backoff=_STORE_BACKOFF,
            clock=self._clock,
            tries=STORE_TRIES,
            before_wait=warn,
        )

    async def _interrupted(self, job: Job) -> None:
        """The process ends: the next one goes on with this job, in the same message."""
        try:
            await self._store.jobs.release(job.id)
            self._wait_again(job)
        except Exception:  # noqa: BLE001  # the end of the process: the next one finds the job running
            self._log.exception("a job could not be put back", job=job.id)

    async def _give_up(self, error: EngineError) -> None:
        """Tell everybody who waits that they wait in vain."""
        for job in self._queue.waiting():
            if self._queue.cancel(job.id):
                await self._engine_failed(job, error)

    # Showing

    def _show_writing(self, job: Job, shown: tuple[CandidateText, ...]) -> None:
        # A job that is run again comes to the same words: what was seen stays until there is more.
        progress = self._progress_of(job)
        pairs = zip(shown, progress.shown, strict=False)
        if len(shown) < len(progress.shown) or any(len(now.text) < len(before.text) for now, before in pairs):
            return
        progress.shown = shown
        choices = tuple(Candidate("", one.text) for one in shown[1:])
        self._outbox.show(job, Reply(ReplyState.WRITING, shown[0].text, other_candidates=choices))

    def _update_waiting(self) -> None:
        """Keep everybody's place, or the engine's waking up, true in their messages."""
        for job in self._queue.waiting():
            progress = self._progress.get(job.id)
            text = progress.shown[0].text if progress else ""
            self._outbox.show(job, Reply(ReplyState.WAITING, text, self._note(job)))

    def _note(self, job: Job) -> str:
        if self._shutting_down:
            return self._translate("dispatcher.interrupted", job.author.locale)
        if not self._readiness.is_ready:
            return self._translate("engine.waking", job.author.locale, percent=self._readiness.percent)
        return place_note(job, self._queue.place(job.id), self._translate)

    def _stopped_note(self, job: Job) -> str:
        return self._translate("play.cancelled", job.author.locale)

    def _progress_of(self, job: Job) -> _JobProgress:
        return self._progress.setdefault(job.id, _JobProgress())

    def _forget(self, job: Job) -> None:
        self._running.discard(job.id)
        self._queue.done(job.id)
        # Of others too: a job that was put back may have been cancelled while it waited.
        here = self._running | {waiting.id for waiting in self._queue.waiting()}
        for gone in self._progress.keys() - here:
            del self._progress[gone]
