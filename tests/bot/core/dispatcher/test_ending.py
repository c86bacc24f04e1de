"""Who has had enough, and a process that ends in the middle of a story."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.domain.chat import Author
from bot.domain.errors import EngineUnavailable, MessageGone, Undeliverable
from bot.domain.jobs import JobState
from bot.domain.replies import Reply, ReplyState
from bot.domain.story import Passage
from tests.bot.core.dispatcher.stage import Stage, done, stopped
from tests.fakes.clock import settle
from tests.fakes.engine import READY
from tests.fakes.store import ASK

BEN = Author("fake", "u2", "Ben", "en")


async def test_stopping_keeps_what_was_seen(stage: Stage) -> None:
    """Even while the engine is silent; the worker's slot is freed and the story goes on from there."""
    async with stage.running():
        job = await stage.asks("j")
        telling = await stage.told("私は傘をさした。それから")
        await stage.stops(job)
        assert telling.closed

    assert stage.shown == [stopped("j", "私は傘をさした。")]
    assert stage.store.text() == ["雨が降っていた。", "私は傘をさした。"]
    assert stage.state("j") is JobState.DONE


async def test_stopping_several(stage: Stage) -> None:
    """Those of which something was seen are kept, numbered by what is kept; the same twice is one."""
    async with stage.running():
        job = await stage.asks("j", ask=replace(ASK, candidates=4))
        for index, text in enumerate(("私は", "猫が鳴いた。", "猫が鳴いた。それ", "犬が吠えた。そして")):
            stage.engine.last.say(text, index=index)
        await stage.told()
        await stage.stops(job)

    kept = done("j", "猫が鳴いた。", "犬が吠えた。")
    assert stage.shown == [replace(kept, state=ReplyState.CANCELLED, note="ja play.cancelled")]
    assert stage.store.jobs.candidates["j"] == ("猫が鳴いた。", "犬が吠えた。")


async def test_stopping_before_the_first_sentence(stage: Stage) -> None:
    """Nothing was seen, nothing is kept."""
    async with stage.running():
        job = await stage.asks("j")
        await stage.told("私は傘を")
        await stage.stops(job)

    assert stage.shown == [Reply(ReplyState.CANCELLED, note="ja play.cancelled")]
    assert stage.store.text() == ["雨が降っていた。"]
    assert stage.state("j") is JobState.CANCELLED


async def test_stopping_while_waiting(stage: Stage) -> None:
    """The job never reaches the engine, and the others move up."""
    async with stage.running():
        await stage.asks("a", room="a")
        job = await stage.asks("b", room="b")
        await stage.stops(job)
        await stage.told("終わり。", reason="stop")

    assert stage.shown[1] == Reply(ReplyState.CANCELLED, note="ja play.cancelled")
    assert stage.state("b") is JobState.CANCELLED
    assert len(stage.engine.tellings) == 1


async def test_stopping_as_the_worker_dies(stage: Stage) -> None:
    """A job that was told to stop does not wait for the worker; what was seen is kept."""
    async with stage.running():
        job = await stage.asks("j")
        telling = await stage.told("私は傘をさした。")
        telling.fail(EngineUnavailable())
        await stage.stops(job)

    assert stage.shown == [stopped("j", "私は傘をさした。")]


async def test_stopping_while_it_waits_for_another_worker(stage: Stage) -> None:
    """What was seen of a job stays, whether or not there is anybody to write more of it."""
    async with stage.running():
        job = await stage.asks("j", ask=replace(ASK, candidates=2))
        stage.engine.last.say("猫が鳴いた。それ", index=1)
        await stage.told("私は傘をさした。")
        stage.engine.state = EngineUnavailable()
        await stage.fails(EngineUnavailable())
        assert [draft.state for draft in stage.shown] == [ReplyState.WAITING]
        await stage.stops(job)

    kept = done("j", "私は傘をさした。", "猫が鳴いた。")
    assert stage.shown == [replace(kept, state=ReplyState.CANCELLED, note="ja play.cancelled")]
    assert stage.store.text()[-1] == "私は傘をさした。"
    assert stage.state("j") is JobState.DONE


async def test_stopping_while_it_is_put_back(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between a running job and a waiting one there is no gap in which a stop is lost."""
    released, going = stage.store.jobs.release, asyncio.Event()

    async def slowly(job_id: str, *, begun: bool = True) -> None:
        await going.wait()
        await released(job_id, begun=begun)

    monkeypatch.setattr(stage.store.jobs, "release", slowly)
    async with stage.running():
        job = await stage.asks("j")
        telling = await stage.told("私は傘をさした。")
        stage.engine.state = EngineUnavailable()
        telling.fail(EngineUnavailable())
        await settle()
        await stage.stops(job)
        going.set()
        await settle()

    assert stage.shown == [stopped("j", "私は傘をさした。")]
    assert stage.store.text()[-1] == "私は傘をさした。"


async def test_nothing_is_remembered_of_jobs_that_are_over(stage: Stage) -> None:
    """Also of those that were stopped while they waited for a worker to come back."""
    async with stage.running():
        job = await stage.asks("j")
        await stage.told("私は傘をさした。")
        await stage.fails(EngineUnavailable())
        await stage.told("私は")
        stage.engine.state = EngineUnavailable()
        await stage.fails(EngineUnavailable())
        await stage.stops(job)
        stage.engine.loading(0.9)
        await stage.asks("k", room="k")
        stage.engine.state = READY
        await stage.clock.advance(2)
        await stage.told("終わり。", reason="stop")
        assert not stage.process.dispatcher._progress
        assert not stage.process.dispatcher._running

    assert [draft.state for draft in stage.shown] == [ReplyState.CANCELLED, ReplyState.DONE]


async def test_the_next_process_finishes_the_same_message(stage: Stage) -> None:
    """A process that ends says so in every open message; the next one goes on in them."""
    async with stage.running():
        await stage.asks("a", room="a")
        await stage.asks("b", room="b", author=BEN)
        telling = await stage.told("私は傘をさした。それから")
    assert telling.closed
    assert stage.shown == [
        Reply(ReplyState.WAITING, "私は傘をさした。", "ja dispatcher.interrupted"),
        Reply(ReplyState.WAITING, note="en dispatcher.interrupted"),
    ]
    assert [stage.state(job) for job in "ab"] == ["waiting", "waiting"]

    async with stage.running(slots=2):
        for each in stage.engine.tellings[1:]:
            each.say("終わり。", "stop")
        await settle()

    assert stage.shown == [done("a", "終わり。"), done("b", "終わり。")]
    assert [kind for kind, _ in stage.platform.log].count("post") == 2


async def test_nothing_is_kept_of_a_message_that_people_deleted(stage: Stage) -> None:
    """They did not want it: it is written no further, and the story is as it was."""
    async with stage.running():
        await stage.asks("j")
        telling = await stage.told("私は傘をさした。それから")
        stage.platform.errors = [MessageGone("deleted")]
        await stage.told("私は歩いた。それから")
        assert telling.closed
        assert stage.state("j") is JobState.CANCELLED
        await stage.asks("k", text="雪。")
        await stage.told("春。", reason="stop")

    assert stage.store.text() == ["雨が降っていた。", "雪。", "春。"]


async def test_what_nobody_can_be_shown_is_not_written(stage: Stage) -> None:
    """What they saw before the place was closed is kept; who waits there does not wait any more."""
    async with stage.running():
        await stage.asks("j")
        await stage.told("私は傘をさした。それから")
        waiting = await stage.asks("k", room="closed")
        stage.platform.errors = [Undeliverable("archived")]
        await stage.told("私は歩いた。それから")
        assert stage.store.text() == ["雨が降っていた。", "私は傘をさした。それから私は歩いた。"]
        stage.platform.errors = [Undeliverable("archived")]
        stage.process.outbox.show(waiting, Reply(ReplyState.WAITING, note="2番目"))
        await settle()
        assert [stage.state(job) for job in "jk"] == [JobState.DONE, JobState.CANCELLED]


async def test_what_was_readable_stays_while_the_next_process_wakes_up(stage: Stage) -> None:
    """It does not vanish before there is more, and a stop keeps it."""
    async with stage.running():
        job = await stage.asks("j")
        await stage.told("私は傘をさした。それから")
    stage.engine.loading(0.3)

    async with stage.running():
        await stage.clock.advance(1)
        assert [(draft.state, draft.text) for draft in stage.shown] == [
            (ReplyState.WAITING, "私は傘をさした。")
        ]
        await stage.stops(job)

    assert stage.shown == [stopped("j", "私は傘をさした。")]


async def test_a_process_that_was_killed_left_running_jobs(stage: Stage) -> None:
    """Jobs that ran when the power went are run again by the next process, oldest first."""
    stage.store.add("a", room="a")
    stage.store.add("b", room="b")
    await stage.store.jobs.claim("a")
    async with stage.running():
        assert [stage.state(job) for job in "ab"] == ["running", "waiting"]
        for _ in range(2):
            await stage.told("終わり。", reason="stop")

    assert [stage.state(job) for job in "ab"] == ["done", "done"]


async def test_an_end_under_way_comes_to_its_end(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends while a text is being kept shows that text, not that it was interrupted."""
    keeping, kept = asyncio.Event(), stage.store.jobs.complete

    async def slowly(job_id: str, texts: list[str]) -> Sequence[Passage]:
        await keeping.wait()
        return await kept(job_id, texts)

    monkeypatch.setattr(stage.store.jobs, "complete", slowly)
    async with stage.running():
        await stage.asks("j")
        await stage.told("終わり。", reason="stop")
        asyncio.get_running_loop().call_later(0, keeping.set)

    assert stage.shown == [done("j", "終わり。")]
    assert stage.state("j") is JobState.DONE
