"""Where a reply stands, whatever people write and whatever dies while it is written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.errors import EngineBusy, EngineLoading, EngineUnavailable, StoryBusy
from bot.domain.jobs import Job, JobState
from bot.domain.replies import Reply, ReplyState
from tests.bot.core.dispatcher.stage import Stage, done
from tests.fakes.engine import READY
from tests.fakes.store import ASK

RAIN, UMBRELLA, CAT = "雨が降っていた。", "私は傘をさした。", "猫がいた。"


async def writes(stage: Stage, text: str = CAT) -> None:
    """Somebody writes into the story, and asks for nothing."""
    stage.store.add("unasked", text)
    del stage.store.jobs.kept["unasked"]


async def test_what_is_written_meanwhile_stands_behind_the_reply(stage: Stage) -> None:
    """The reply still is what the story ends with, so it has the buttons."""
    async with stage.running():
        await stage.asks("j", RAIN)
        await writes(stage)
        await stage.told(UMBRELLA, reason="stop")

    assert stage.store.text() == [RAIN, UMBRELLA, CAT]
    assert stage.shown == [done("j", UMBRELLA)]
    assert [kind for kind, _ in stage.platform.log].count("post") == 1


@pytest.mark.parametrize("error", [EngineUnavailable(), EngineBusy()])
async def test_another_attempt_asks_for_the_same(stage: Stage, error: Exception) -> None:
    """The worker died, and somebody wrote: prompt and seed are those of the first attempt."""
    async with stage.running():
        await stage.asks("j", RAIN)
        await stage.told(UMBRELLA + "それから")
        await writes(stage)
        await stage.fails(EngineUnavailable())
        stage.engine.last.fail(error)
        await stage.clock.advance(2)
        await stage.told(UMBRELLA + "それから歩いた。", reason="stop")

    assert len(stage.engine.requests) == 3
    assert len({repr(request) for request in stage.engine.requests}) == 1
    assert stage.store.text() == [RAIN, UMBRELLA + "それから歩いた。", CAT]
    assert [kind for kind, _ in stage.platform.log].count("post") == 1


@pytest.mark.parametrize("killed", [False, True])
async def test_another_process_asks_for_the_same(stage: Stage, killed: bool) -> None:
    """Whether the first one was stopped or died, and though somebody wrote; the second job comes after."""
    async with stage.running():
        await stage.asks("j", RAIN)
        await stage.told(UMBRELLA + "それから")
        await writes(stage)
        running = stage.store.jobs.kept["j"]
    if killed:
        stage.store.jobs.kept["j"] = running
    second = stage.store.add("k", "犬もいた。")

    async with stage.running():
        await stage.told(UMBRELLA + "それから歩いた。", reason="stop")
        assert stage.engine.last.request.prompt == "\n".join(
            [RAIN + UMBRELLA + "それから歩いた。", CAT, "犬もいた。"]
        )
        await stage.told("終わり。", reason="stop")

    first, again, _ = stage.engine.requests
    assert first == again
    assert stage.state(second.id) is JobState.DONE
    assert stage.store.text() == [RAIN, UMBRELLA + "それから歩いた。", CAT, "犬もいた。", "終わり。"]


async def test_a_failure_leaves_what_was_written(stage: Stage) -> None:
    """And nothing else."""
    async with stage.running():
        await stage.asks("j", RAIN)
        await writes(stage)
        await stage.told("\n", reason="stop")

    assert stage.store.text() == [RAIN, CAT]


async def test_a_reply_is_posted_below_what_was_written_before_it_began(stage: Stage) -> None:
    """The waiting sign goes; what the model goes on from stands above."""
    async with stage.running(slots=1):
        await stage.asks("busy", room="busy")
        await stage.asks("j", RAIN)
        await writes(stage)
        await stage.told("終わり。", reason="stop")
        assert stage.engine.last.request.prompt == f"{RAIN}\n{CAT}"
        await stage.clock.advance(1)
        assert stage.shown == [done("busy", "終わり。"), Reply(ReplyState.WRITING)]
        await stage.told(UMBRELLA, reason="stop")

    log = [(kind, draft.state) for kind, draft in stage.platform.log if draft.job == "j" and kind != "edit"]
    assert log == [
        ("post", ReplyState.WAITING),
        ("post", ReplyState.WRITING),
        ("remove", ReplyState.WAITING),
    ]
    assert stage.store.text() == [RAIN, CAT, UMBRELLA]


async def test_it_is_posted_below_by_the_next_process(stage: Stage) -> None:
    """Somebody wrote while there was none."""
    async with stage.running(slots=1):
        await stage.asks("busy", room="busy")
        await stage.asks("j", RAIN)
    await writes(stage)

    async with stage.running(slots=2):
        for telling in stage.engine.tellings[1:]:
            telling.say("終わり。", "stop")
        await stage.clock.advance(1)

    assert stage.store.text() == [RAIN, CAT, "終わり。"]
    assert [draft.text for draft in stage.shown] == ["終わり。", "終わり。"]
    assert list(stage.platform.messages) == ["m0", "m2"]


async def test_while_the_engine_wakes_up_nothing_is_begun(stage: Stage) -> None:
    """A worker that would not take the job gave it no place: what came since is read."""
    async with stage.running():
        await stage.asks("j", RAIN)
        stage.engine.loading(0.5)
        stage.engine.last.fail(EngineLoading(percent=50))
        await stage.clock.advance(1)
        await writes(stage)
        stage.engine.state = READY
        await stage.clock.advance(2)
        await stage.told(UMBRELLA, reason="stop")
        await stage.clock.advance(1)

    assert stage.store.text() == [RAIN, CAT, UMBRELLA]
    assert list(stage.platform.messages) == ["m1"]


async def test_a_story_that_another_process_writes_is_waited_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job is not given up: it comes when its turn does. One that was stopped meanwhile does not."""
    claim, busy = stage.store.jobs.claim, True

    async def refused(job_id: str) -> Job | None:
        if busy:
            raise StoryBusy
        return await claim(job_id)

    monkeypatch.setattr(stage.store.jobs, "claim", refused)
    async with stage.running():
        await stage.asks("j", RAIN)
        await stage.clock.advance(3)
        stopped = await stage.asks("k", ask=replace(ASK, candidates=2), room="k")
        await stage.stops(stopped)
        busy = False
        await stage.clock.advance(3)
        await stage.told(UMBRELLA, reason="stop")

    assert stage.store.text() == [RAIN, UMBRELLA]
    assert [stage.state(job) for job in "jk"] == [JobState.DONE, JobState.CANCELLED]
