"""What goes wrong at the engine: people are told, and nothing of theirs is lost."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from bot.core.readiness import GIVE_UP_AFTER_S
from bot.domain.chat import Author
from bot.domain.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineLoading,
    EngineUnavailable,
    NotFinite,
    RequestRejected,
    StoreError,
)
from bot.domain.inference import EngineStatus, Health
from bot.domain.jobs import JobState
from bot.domain.replies import Reply, ReplyState
from tests.bot.core.dispatcher.stage import Stage, done
from tests.fakes.clock import settle
from tests.fakes.engine import READY

BEN = Author("fake", "u2", "Ben", "en")


async def test_the_engine_waking_up_is_told_to_everybody(stage: Stage) -> None:
    """With the percent, in each person's language; as soon as it is ready the first job starts."""
    stage.engine.loading(0.0)
    async with stage.running():
        await stage.asks("a", room="a")
        await stage.asks("b", room="b", author=BEN)
        for progress, percent in ((0.4, 40), (0.75, 75)):
            stage.engine.loading(progress)
            await stage.clock.advance(1)
            notes = [draft.note for draft in stage.shown]
            assert notes == [f"{locale} engine.waking percent={percent}" for locale in ("ja", "en")]
        assert not stage.engine.tellings
        stage.engine.state = READY
        await stage.clock.advance(1)
        assert [draft.state for draft in stage.shown] == [ReplyState.WRITING, ReplyState.WAITING]
        assert stage.shown[1].note == "en play.starting"


async def test_a_worker_that_died_is_waited_for(stage: Stage) -> None:
    """The same message keeps its text and says what is waited for, then the job is run again."""
    async with stage.running():
        await stage.asks("j")
        await stage.told("私は傘をさした。それ")
        stage.engine.state = EngineUnavailable()
        await stage.fails(EngineUnavailable())
        waiting = stage.shown
        stage.engine.loading(0.5)
        await stage.clock.advance(1)
        loading = stage.shown
        stage.engine.state = READY
        await stage.clock.advance(1)
        await stage.told("私は傘を")
        again = stage.shown
        await stage.told("さした。それから歩いた。", reason="stop")

    seen = "私は傘をさした。"
    assert waiting == [Reply(ReplyState.WAITING, seen, "ja engine.waking percent=0")]
    assert loading == [Reply(ReplyState.WAITING, seen, "ja engine.waking percent=50")]
    assert again == [Reply(ReplyState.WRITING, seen)]
    assert stage.shown == [done("j", "私は傘をさした。それから歩いた。")]
    assert stage.store.jobs.kept["j"].attempts == 2


async def test_the_third_death_is_the_jobs_last(stage: Stage) -> None:
    """A job under which the worker dies again and again fails, in its author's language."""
    async with stage.running():
        await stage.asks("j", author=BEN)
        for _ in range(3):
            await stage.told("私は傘をさした。それ")
            await stage.fails(EngineUnavailable())
        assert len(stage.engine.tellings) == 3

    assert stage.shown == [Reply(ReplyState.FAILED, note="en error.engine_unavailable")]
    assert stage.state("j") is JobState.FAILED
    assert stage.store.text() == ["雨が降っていた。"]


@pytest.mark.parametrize("error", [EngineLoading(percent=10), EngineBusy()])
async def test_a_worker_that_cannot_yet_is_no_death(stage: Stage, error: EngineError) -> None:
    """Loading, or full of others' requests: the job waits a second and asks again."""
    async with stage.running():
        await stage.asks("j")
        for _ in range(5):
            await stage.fails(error)
        await stage.told("終わり。", reason="stop")

    assert stage.shown == [done("j", "終わり。")]
    assert len(stage.engine.tellings) == 6


async def test_a_job_is_not_begun_for_ever(stage: Stage) -> None:
    """Whatever ended it each time, over every restart; a worker that would not take it does not count."""
    async with stage.running():
        job = await stage.asks("j")
        for _ in range(30):
            await stage.fails(EngineBusy())
        assert stage.store.jobs.kept["j"].attempts == 1
        await stage.told("終わり。", reason="stop")

        stage.store.jobs.kept["k"] = replace(job, id="k", attempts=20)
        stage.process.queue.put(stage.store.jobs.kept["k"])
        await settle()

    assert [draft.note for draft in stage.shown] == ["", "ja dispatcher.unexpected"]
    assert stage.store.text() == ["雨が降っていた。", "終わり。"]


class TestStoreThatFails:
    """For a moment: what a job came to waits for it."""

    @pytest.mark.parametrize(
        ("subject", "step"), [("jobs", "claim"), ("stories", "get"), ("jobs", "complete")]
    )
    async def test_nothing_is_lost(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, subject: str, step: str
    ) -> None:
        """Whichever step of the job it is; the story goes on, and another job of it as well."""
        kept, tries = getattr(stage.store, subject), count()
        works = getattr(kept, step)

        async def fails(*given: object) -> object:
            if next(tries) < 3:
                raise StoreError("locked")
            return await works(*given)

        monkeypatch.setattr(kept, step, fails)
        async with stage.running():
            await stage.asks("j")
            await stage.clock.advance(4)
            await stage.told("終わり。", reason="stop")
            await stage.clock.advance(4)
            await stage.asks("k", text="雪。")
            await stage.told("春。", reason="stop")

        assert stage.store.text() == ["雨が降っていた。", "終わり。", "雪。", "春。"]
        assert [draft.text for draft in stage.shown] == ["終わり。", "春。"]

    async def test_a_failure_is_told_once_it_is_kept(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A job that the store still has running would hold the story until the next start."""
        finish, tries = stage.store.jobs.finish, count()

        async def fails(job_id: str, state: JobState, reason: str = "") -> None:
            if next(tries) < 2:
                raise StoreError("locked")
            await finish(job_id, state, reason)

        monkeypatch.setattr(stage.store.jobs, "finish", fails)
        async with stage.running():
            await stage.asks("j")
            await stage.fails(NotFinite())
            await stage.clock.advance(4)

        assert stage.state("j") is JobState.FAILED
        assert stage.shown == [Reply(ReplyState.FAILED, note="ja error.not_finite")]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (NotFinite(), "ja error.not_finite"),
        (RequestRejected(reason="n"), "ja error.request_rejected reason=n"),
        (EngineFailed(reason="no model"), "ja error.engine_failed reason=no model"),
        (ZeroDivisionError("a secret"), "ja dispatcher.unexpected"),
    ],
)
async def test_a_failed_job_is_told_kindly(stage: Stage, error: Exception, sentence: str) -> None:
    """One sentence, no traceback in any draft; the next job runs as if nothing had been."""
    async with stage.running():
        await stage.asks("j")
        await stage.asks("k", room="k")
        await stage.fails(error)
        await stage.told("終わり。", reason="stop")

    assert stage.shown == [Reply(ReplyState.FAILED, note=sentence), done("k", "終わり。")]
    assert stage.state("j") is JobState.FAILED
    drafts = [draft for _, draft in stage.platform.log]
    assert not [draft for draft in drafts if "secret" in draft.note or "Traceback" in draft.note]


async def test_a_worker_that_cannot_start_is_told_to_everybody(stage: Stage) -> None:
    """Who waits, and who asks later, hears the reason instead of waiting in vain."""
    stage.engine.loading(0.4)
    async with stage.running():
        await stage.asks("a", room="a")
        await stage.asks("b", room="b", author=BEN)
        stage.engine.state = Health(EngineStatus.FAILED, reason="no weights")
        await stage.clock.advance(1)
        await stage.asks("c", room="c")
        await stage.clock.advance(1)

    told = [f"{locale} error.engine_failed reason=no weights" for locale in ("ja", "en", "ja")]
    assert [draft.note for draft in stage.shown] == told
    assert [stage.state(job) for job in "abc"] == ["failed"] * 3


async def test_silence_is_waited_for_and_then_told(stage: Stage) -> None:
    """A worker that never answers is given as long as one needs to start."""
    stage.engine.state = EngineUnavailable()
    async with stage.running():
        await stage.asks("j")
        await stage.clock.advance(GIVE_UP_AFTER_S - 2)
        early = stage.shown
        await stage.clock.advance(3)

    assert early == [Reply(ReplyState.WAITING, note="ja engine.waking percent=0")]
    assert stage.shown == [Reply(ReplyState.FAILED, note="ja error.engine_unavailable")]


async def test_a_store_that_fails_ends_one_job_only(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even putting a job back may end the others."""

    async def broken(job_id: str, *, begun: bool = True) -> None:
        raise StoreError(job_id)

    async with stage.running():
        await stage.asks("j")
        await stage.asks("k", room="k")
        monkeypatch.setattr(stage.store.jobs, "release", broken)
        await stage.fails(EngineUnavailable())
        await stage.clock.advance(3600)
        await stage.told("終わり。", reason="stop")

    assert [draft.note for draft in stage.shown] == ["ja dispatcher.unexpected", ""]
    assert stage.state("k") is JobState.DONE
