"""A job's life, from the queue to its last text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise

from bot.core.dispatcher import MAX_DEATHS, Dispatcher
from bot.core.outbox import Outbox
from bot.core.queue import JobQueue
from bot.domain.errors import EngineUnavailable, NotFinite, RequestRejected
from bot.domain.inference import Delta, EngineStatus, Health
from bot.domain.jobs import GenerationOptions, Job, JobState, Length
from bot.domain.ports import Platform
from bot.domain.replies import Candidate, Reply, ReplyState
from tests.bot.core.dispatcher.stage import done, stopped
from tests.fakes.clock import FakeClock, settle
from tests.fakes.engine import ScriptedEngine, Step
from tests.fakes.platform import FakePlatform
from tests.fakes.store import ASK, MemoryStore

SENTENCES = ["私は縁側に出た。", "風はもう秋の匂いがした。"]
END = Delta(0, "", "stop")


def say(key: str, locale: str, **values: object) -> str:
    """The key itself, so that tests say what is said and not how."""
    return " ".join([key, *(str(value) for value in values.values())])


class House:
    """Everything between the queue and the platform, with a scripted engine."""

    def __init__(self, *scripts: list[Step]) -> None:
        self.store, self.platform, self.clock = MemoryStore(), FakePlatform(), FakeClock()
        self.engine = ScriptedEngine(*scripts)
        self.queue = JobQueue()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Run as one process does, and end in the order in which the app ends it."""
        platforms: dict[str, Platform] = {"fake": self.platform}
        self.queue = JobQueue()
        outbox = Outbox(self.store, platforms, self.clock)
        dispatcher = Dispatcher(self.store, self.queue, self.engine, outbox, say, slots=2, clock=self.clock)
        tasks = [asyncio.create_task(outbox.run()), asyncio.create_task(dispatcher.run())]
        try:
            await settle()
            yield
        finally:
            tasks[1].cancel()
            await asyncio.wait({tasks[1]})
            await outbox.close(0.05)
            tasks[0].cancel()
            await asyncio.wait(tasks)

    async def ask(self, job_id: str = "j", ask: GenerationOptions | None = None, room: str = "r") -> Job:
        """A person asks for a continuation."""
        job = self.store.add(job_id, ask=ask, room=room)
        self.queue.put(job)
        await settle()
        return job

    @property
    def draft(self) -> Reply:
        """What the only message shows."""
        (draft,) = self.platform.messages.values()
        return draft


async def test_a_continuation_is_streamed_and_kept() -> None:
    """The text appears by edits of one message and becomes the story's next passage."""
    hold = asyncio.Event()
    house = House([SENTENCES[0], hold, SENTENCES[1], END])
    async with house.open():
        job = await house.ask()
        await house.clock.advance(2)
        assert Reply(ReplyState.WRITING, SENTENCES[0]) == house.draft
        hold.set()
        await house.clock.advance(2)
    assert done("j", "".join(SENTENCES)) == house.draft
    assert ["それは晩のことであった。", "".join(SENTENCES)] == house.store.text()
    assert JobState.DONE is house.store.jobs.kept[job.id].state
    assert [kind for kind, _ in house.platform.log].count("post") == 1
    assert job.seed == house.engine.requests[0].seed


async def test_the_stream_is_closed_when_there_is_enough() -> None:
    """A model that would go on for ever is stopped at a sentence's end, and its slot is freed."""
    house = House([f"彼は{index}番目の戸を開けて中を見た。" for index in range(1000)])
    async with house.open():
        await house.ask(ask=replace(ASK, length=Length.SHORT))
        await house.clock.advance(2)
        assert house.engine.open == 0
    assert len(house.store.text()[1]) < 120


async def test_candidates_are_written_side_by_side() -> None:
    """All are seen as they grow; the first becomes the passage, the others are kept, equal ones once."""
    hold = asyncio.Event()
    house = House(
        [
            Delta(0, "一。"),
            Delta(1, "二。"),
            hold,
            Delta(2, "一。"),
            *(Delta(index, "", "stop") for index in range(3)),
        ]
    )
    async with house.open():
        await house.ask(ask=replace(ASK, candidates=3))
        await house.clock.advance(2)
        assert house.draft == Reply(
            ReplyState.WRITING, "一。", other_candidates=(Candidate("", "二。"), Candidate("", ""))
        )
        hold.set()
        await house.clock.advance(2)
    assert done("j", "一。", "二。") == house.draft
    assert house.store.jobs.candidates["j"] == ("一。", "二。")
    assert house.engine.requests[0].n == 3


async def test_the_story_is_read_when_the_job_starts() -> None:
    """Of two quick requests the second sees what the first one wrote."""
    house = House(["一。", END], ["二。", END])
    async with house.open():
        house.store.add("j")
        house.queue.put(house.store.jobs.kept["j"])
        await house.ask("k")
        await house.clock.advance(3)
    assert "一。" in house.engine.requests[1].prompt


async def test_the_worker_dies_mid_stream() -> None:
    """The job is run again when the worker is back, and people see the same message go on."""
    death = asyncio.Event()
    house = House([SENTENCES[0], death, EngineUnavailable()], [*SENTENCES, END])
    async with house.open():
        await house.ask()
        house.engine.state = EngineUnavailable()
        death.set()
        await house.clock.advance(2)
        house.engine.state = Health(EngineStatus.LOADING, 0.4)
        await house.clock.advance(2)
        assert Reply(ReplyState.WAITING, SENTENCES[0], "engine.waking 40") == house.draft
        house.engine.state = Health(EngineStatus.READY)
        await house.clock.advance(4)
    assert done("j", "".join(SENTENCES)) == house.draft
    assert [kind for kind, _ in house.platform.log].count("post") == 1
    assert house.store.jobs.kept["j"].attempts == 2
    # Nothing that people had read was taken away in between.
    texts = [draft.text for _, draft in house.platform.log if draft.text]
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))


async def test_a_job_under_which_the_worker_always_dies_fails() -> None:
    """After three deaths its author is told, and others can go on."""
    death: list[Step] = [EngineUnavailable()]
    house = House(*[death] * MAX_DEATHS)
    async with house.open():
        await house.ask()
        await house.clock.advance(10)
    assert len(house.engine.requests) == MAX_DEATHS
    assert Reply(ReplyState.FAILED, note="error.engine_unavailable") == house.draft
    assert JobState.FAILED is house.store.jobs.kept["j"].state


async def test_people_see_the_storyteller_wake_up() -> None:
    """While the model loads, those who wait are told how far it is, in the message of their reply."""
    house = House(["一。", END])
    house.engine.state = Health(EngineStatus.LOADING, 0.1)
    async with house.open():
        await house.ask()
        await house.clock.advance(2)
        assert Reply(ReplyState.WAITING, note="engine.waking 10") == house.draft
        house.engine.state = Health(EngineStatus.LOADING, 0.4)
        await house.clock.advance(2)
        assert Reply(ReplyState.WAITING, note="engine.waking 40") == house.draft
        assert house.engine.requests == []
        house.engine.state = Health(EngineStatus.READY)
        await house.clock.advance(4)
    assert done("j", "一。") == house.draft
    assert house.store.jobs.kept["j"].attempts == 1


async def test_an_engine_that_cannot_start_is_told() -> None:
    """Nobody waits in vain: the reason is said."""
    house = House()
    house.engine.state = Health(EngineStatus.FAILED, reason="no such model")
    async with house.open():
        await house.ask()
        await house.clock.advance(3)
    assert Reply(ReplyState.FAILED, note="error.engine_failed no such model") == house.draft


async def test_errors_are_said_and_the_next_job_runs() -> None:
    """A refused, a broken and an unexpectedly failing job each end with a sentence, never a traceback."""
    house = House([RequestRejected(reason="too long")], [NotFinite()], [ZeroDivisionError()], ["一。", END])
    async with house.open():
        for room in "abcd":
            await house.ask(room, room=room)
            await house.clock.advance(2)
    assert [
        Reply(ReplyState.FAILED, note="error.request_rejected too long"),
        Reply(ReplyState.FAILED, note="error.not_finite"),
        Reply(ReplyState.FAILED, note="dispatcher.unexpected"),
        done("d", "一。"),
    ] == list(house.platform.messages.values())


async def test_a_model_that_says_nothing_readable() -> None:
    """Junk alone is no passage; the person is told and can ask again."""
    house = House(["#小説 #恋愛 #R18", END])
    async with house.open():
        await house.ask()
        await house.clock.advance(2)
    assert Reply(ReplyState.FAILED, note="dispatcher.silent") == house.draft
    assert house.store.text() == ["それは晩のことであった。"]


async def test_stopping_a_running_job_keeps_what_was_seen() -> None:
    """What people have read stays in the story; the stream is closed at once."""
    house = House([SENTENCES[0] + "風は", asyncio.Event()])
    async with house.open():
        await house.ask()
        await house.clock.advance(2)
        house.queue.cancel("j")
        await house.clock.advance(2)
        assert house.engine.open == 0
    assert replace(stopped("j", SENTENCES[0]), note="play.cancelled") == house.draft
    assert ["それは晩のことであった。", SENTENCES[0]] == house.store.text()


async def test_stopping_before_the_first_sentence() -> None:
    """Nothing was seen, nothing is kept."""
    house = House(["私は", asyncio.Event()])
    async with house.open():
        await house.ask()
        house.queue.cancel("j")
        await house.clock.advance(2)
    assert Reply(ReplyState.CANCELLED, note="play.cancelled") == house.draft
    assert JobState.CANCELLED is house.store.jobs.kept["j"].state
    assert house.store.text() == ["それは晩のことであった。"]


async def test_a_job_cancelled_while_it_waited_is_not_run() -> None:
    """The store's word counts, whatever the queue still holds."""
    house = House()
    async with house.open():
        house.store.add("j")
        await house.store.jobs.finish("j", JobState.CANCELLED)
        house.queue.put(house.store.jobs.kept["j"])
        await house.clock.advance(2)
        assert house.engine.requests == []
        assert house.queue.jobs_of("story r") == []


async def test_a_restart_goes_on_in_the_same_message() -> None:
    """A process that ends puts its running jobs back; the next one finishes them where people look."""
    house = House([SENTENCES[0], asyncio.Event()], [*SENTENCES, END])
    async with house.open():
        await house.ask()
        await house.clock.advance(2)
    assert JobState.WAITING is house.store.jobs.kept["j"].state
    async with house.open():
        await house.clock.advance(5)
    assert done("j", "".join(SENTENCES)) == house.draft
    assert [kind for kind, _ in house.platform.log].count("post") == 1


async def test_a_killed_process_left_a_job_running() -> None:
    """A job that no process runs any more is taken up at the next start."""
    house = House(["一。", END])
    house.store.add("j")
    await house.store.jobs.claim("j")
    async with house.open():
        await house.clock.advance(3)
    assert done("j", "一。") == house.draft
    assert house.store.jobs.kept["j"].attempts == 2
