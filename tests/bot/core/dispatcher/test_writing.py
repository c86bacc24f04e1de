"""A job that goes well: streamed, kept, and shown as what it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.chat import Author
from bot.domain.jobs import GenerationOptions, JobState, Length
from bot.domain.replies import Reply, ReplyState
from bot.text.continuation import max_tokens
from tests.bot.core.dispatcher.stage import Stage, done
from tests.fakes.store import ASK

BEN = Author("fake", "u2", "Ben", "en")
SENTENCES = (
    "私は古い蝙蝠傘をさして、誰もいない夜の坂道をゆっくりと下りて行った。",
    "坂の下には小さな煙草屋があって、老婆がひとり、店先の灯りを消すところだった。",
    "その手もとを見て、私は思わず足を止めた。",
)
"""Just enough for the short length."""


async def test_it_streams_and_keeps(stage: Stage) -> None:
    """Whole sentences are shown as they come; what was shown last is what the story has gained."""
    async with stage.running():
        await stage.asks("j", "雨が降っていた。")
        await stage.told("私は傘を", "さした。それから")
        assert stage.shown == [Reply(ReplyState.WRITING, "私は傘をさした。")]
        await stage.told("歩いた。", reason="stop")

    assert stage.store.text() == ["雨が降っていた。", "私は傘をさした。それから歩いた。"]
    assert stage.shown == [done("j", "私は傘をさした。それから歩いた。")]
    assert stage.state("j") is JobState.DONE


async def test_the_stream_is_closed_when_there_is_enough(stage: Stage) -> None:
    """Nothing more is computed than is kept."""
    async with stage.running():
        await stage.asks("j", ask=replace(ASK, length=Length.SHORT))
        telling = await stage.told(*SENTENCES, "もう誰も来ない。")
        assert telling.closed

    assert stage.store.text()[-1] == "".join(SENTENCES)


async def test_the_request_says_what_was_asked(stage: Stage) -> None:
    """Seed, candidates, preset and length reach the worker."""
    async with stage.running():
        job = await stage.asks("j", ask=GenerationOptions(Length.LONG, "bold", 3))
        request = stage.engine.last.request

    assert (request.n, request.seed, request.sampling.temperature) == (3, job.seed, 1.0)
    assert request.story == job.story_id
    assert request.max_tokens == max_tokens(Length.LONG)
    assert request.min_tokens > 0


async def test_the_window_is_taken_when_the_job_starts(stage: Stage) -> None:
    """What is written while a job waits is part of what the model goes on from."""
    async with stage.running(slots=1):
        await stage.asks("first", "雨が降っていた。")
        await stage.asks("second", "猫がいた。", room="s")
        stage.store.add("unasked", "犬もいた。", room="s")
        await stage.told("終わり。", reason="stop")
        assert stage.engine.last.request.prompt == "猫がいた。\n犬もいた。"


async def test_candidates_become_choices(stage: Stage) -> None:
    """The first is streamed and becomes the story's; the others are shown and kept beside it."""
    async with stage.running():
        await stage.asks("j", ask=replace(ASK, candidates=3))
        telling = stage.engine.last
        for index, text in enumerate(("赤い。", "青い。", "赤い。")):
            telling.say(text, "stop", index)
        await stage.told()

    assert stage.shown == [done("j", "赤い。", "青い。")]
    assert stage.store.jobs.candidates["j"] == ("赤い。", "青い。")


async def test_places_are_told_while_people_wait(stage: Stage) -> None:
    """Everybody sees how many are before them, and sees it change, in their own language."""
    async with stage.running(slots=1):
        await stage.asks("a", room="a")
        await stage.asks("b", room="b")
        await stage.asks("c", room="c", author=BEN)
        await stage.asks("d", room="d", author=BEN)
        first = stage.shown[3].note
        await stage.told("終わり。", reason="stop")
        second = stage.shown[3].note

    assert (first, second) == ("en play.place place=2", "en play.place place=1")


async def test_several_are_written_at_once(stage: Stage) -> None:
    """Each slot writes a story of its own; one story has one writer."""
    async with stage.running(slots=3):
        await stage.asks("a", room="a")
        await stage.asks("a2", room="a")
        await stage.asks("b", room="b", author=BEN)
        assert len(stage.engine.tellings) == 2
        for telling in stage.engine.tellings:
            telling.say("終わり。", "stop")
        await stage.told()
        assert [stage.state(job) for job in ("a", "a2", "b")] == ["done", "running", "done"]


async def test_nothing_readable_is_said_so(stage: Stage) -> None:
    """A model that ends at once fails kindly, and the story stays as it was."""
    async with stage.running():
        await stage.asks("j")
        await stage.told("\n", reason="stop")

    assert stage.shown == [Reply(ReplyState.FAILED, note="ja dispatcher.silent")]
    assert stage.state("j") is JobState.FAILED
    assert stage.store.text() == ["雨が降っていた。"]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
async def test_a_job_that_another_process_has_is_left_alone(stage: Stage, order: tuple[str, str]) -> None:
    """Two bots on one database: whoever comes second shows nothing more, and goes on with other jobs."""
    async with stage.running():
        busy = await stage.asks("busy", room="busy")
        for name in order:
            await stage.asks(name, room=name)
        await stage.store.jobs.claim("a")
        before = len(stage.platform.log)
        await stage.told("終わり。", reason="stop")
        assert stage.process.queue.jobs_of(busy.story_id) == []
        assert stage.engine.last.request.prompt == "雨が降っていた。"
        assert stage.state("b") is JobState.RUNNING
        await stage.told("続き。", reason="stop")

    assert stage.state("b") is JobState.DONE
    assert stage.state("a") is JobState.RUNNING
    assert len(stage.engine.tellings) == 2
    assert len(stage.platform.log) > before
