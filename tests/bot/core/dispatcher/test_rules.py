"""What the rules of a room, and what was asked for, make of a job."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.errors import EngineUnavailable, StoreError
from bot.domain.inference import Delta, Score
from bot.domain.replies import ReplyState
from bot.domain.sampling import Sampling
from bot.domain.story import candidate_id
from tests.bot.core.dispatcher.stage import Stage, done
from tests.fakes.store import ASK

UNWANTED = "雷神"
SAID = f"彼は{UNWANTED}を見た。"


async def test_the_rules_of_now_reach_the_worker(stage: Stage) -> None:
    """Also an own preset of the room; of a lost one 標準 takes the place."""
    stage.store.settings.innermost = {"presets": {"弱火": {"temperature": 0.3}}, "banned": ["と言った"]}
    async with stage.running():
        await stage.asks("j", ask=replace(ASK, preset="弱火"))
        request = stage.engine.last.request
        assert (request.sampling, request.banned) == (Sampling(temperature=0.3), ("と言った",))
        await stage.told("終わり。", reason="stop")
        stage.store.settings.innermost = {}
        await stage.asks("k", ask=replace(ASK, preset="弱火"))
        assert stage.engine.last.request.sampling == Sampling()


@pytest.mark.parametrize(
    ("setting", "adult", "kept"),
    [
        ("auto", False, False),
        ("auto", True, True),
        ("on", True, False),
        ("off", False, True),
    ],
)
async def test_the_word_filter(stage: Stage, setting: str, adult: bool, kept: bool) -> None:
    """On its own it is off only where the platform marks the room as age-restricted."""
    stage.store.settings.innermost = {"filter": setting, "words": [UNWANTED]}
    async with stage.running():
        job = await stage.asks("j")
        await stage.told("終わり。", reason="stop")
        story = stage.store.stories.kept[job.story_id]
        stage.store.stories.kept[job.story_id] = replace(story, room=replace(story.room, adult=adult))
        await stage.asks("k")
        await stage.told("私は傘をさした。", SAID, reason="stop")

    assert (UNWANTED in stage.store.text()[-1]) is kept


async def test_when_the_filter_took_all(stage: Stage) -> None:
    """It is said so, and nothing is kept."""
    stage.store.settings.innermost = {"words": [UNWANTED]}
    async with stage.running():
        await stage.asks("j")
        await stage.told(SAID, reason="stop")

    assert [draft.note for draft in stage.shown] == ["ja dispatcher.filtered"]
    assert stage.store.text() == ["雨が降っていた。"]


async def test_another_instead_of_a_passage(stage: Stage) -> None:
    """The model goes on from what stood before it, and does not see it."""
    async with stage.running():
        await stage.asks("j")
        await stage.told("私は傘をさした。", reason="stop")
        job = await stage.asks("k", text="待って。", ask=replace(ASK, instead_of=candidate_id("j", 0)))
        assert stage.engine.last.request.prompt == "雨が降っていた。"
        assert job.options.instead_of == "j.0"


async def test_every_draft_says_whose_it_is(stage: Stage) -> None:
    """From the first sign to the last text."""
    async with stage.running():
        await stage.asks("j")
        await stage.told("私は傘をさした。", "それから歩いた。", reason="stop")

    drafts = [draft for _, draft in stage.platform.log]
    assert {draft.job for draft in drafts} == {"j"}
    assert drafts[-1].state is ReplyState.DONE
    assert all(draft.interactive for draft in drafts)


async def test_candidates_grow_side_by_side(stage: Stage) -> None:
    """Each is seen while it is written; numbers are those of what is kept."""
    async with stage.running():
        await stage.asks("j", ask=replace(ASK, candidates=3))
        telling = stage.engine.last
        telling.say("私は傘をさした。", index=1)
        await stage.told()
        [growing] = stage.shown
        assert (growing.text, [one.text for one in growing.other_candidates]) == (
            "",
            ["私は傘をさした。", ""],
        )
        for index, text in enumerate(("\n", "それから歩いた。", "猫が鳴いた。")):
            telling.say(text, "stop", index)
        await stage.told()

    assert stage.shown == [done("j", "私は傘をさした。それから歩いた。", "猫が鳴いた。")]
    assert stage.store.jobs.candidates["j"] == ("私は傘をさした。それから歩いた。", "猫が鳴いた。")


async def test_a_job_that_others_wait_behind_carries_no_buttons(stage: Stage) -> None:
    """Whether it came to something or not: a newer reply stands below it."""
    async with stage.running():
        await stage.asks("j")
        await stage.asks("k")
        await stage.asks("l")
        await stage.told("\n", reason="stop")
        await stage.told("私は傘をさした。", reason="stop")
        await stage.told("それから歩いた。", reason="stop")

    assert [draft.interactive for draft in stage.shown] == [False, False, True]


class TestScores:
    """The tokens' probabilities."""

    score = Score("私", -0.1, (("私", -0.1),), 0)
    late = Score("猫", -0.2, (("猫", -0.2),), 50)

    async def test_those_of_the_kept_text_are_kept(self, stage: Stage) -> None:
        """Not of what was cut off."""
        async with stage.running():
            await stage.asks("j", ask=replace(ASK, scores=True))
            assert stage.engine.last.request.logprobs == 5
            await self._tell(stage)
        assert stage.store.passages.kept_scores == {"j.0": (self.score,)}

    async def test_they_are_those_of_what_people_read(self, stage: Stage) -> None:
        """A sentence of web debris in front is dropped, a mark is set wide: no token is shown as another."""
        tokens = ("続きは", "https://example.com/a ", "を見よ。", "私は傘", "をさした", "!", "雨だ。")
        async with stage.running():
            await stage.asks("j", ask=replace(ASK, scores=True))
            place = 0
            for token in tokens:
                score = Score(token, -0.1, ((token, -0.1),), place)
                stage.engine.last.put(Delta(0, token, scores=(score,)))
                place += len(token)
            await stage.told("", reason="stop")

        text = stage.store.text()[-1]
        assert text == "私は傘をさした！雨だ。"
        kept = [(score.token, score.offset) for score in stage.store.passages.kept_scores["j.0"]]
        assert kept == [("私は傘", 0), ("をさした", 3), ("!", 7), ("雨だ。", 8)]

    async def test_those_of_a_stopped_job_are_kept(self, stage: Stage) -> None:
        """Of what people saw."""
        async with stage.running():
            job = await stage.asks("j", ask=replace(ASK, scores=True))
            stage.engine.last.put(Delta(0, "私は傘をさした。", scores=(self.score,)))
            stage.engine.last.put(Delta(0, "それから", scores=(replace(self.late, offset=8),)))
            await stage.told()
            await stage.stops(job)

        assert stage.store.text()[-1] == "私は傘をさした。"
        assert stage.store.passages.kept_scores == {"j.0": (self.score,)}

    async def test_nobody_asked_for_them(self, stage: Stage) -> None:
        """Then the worker is not asked either."""
        async with stage.running():
            await stage.asks("j")
            assert stage.engine.last.request.logprobs is None

    async def test_losing_them_loses_no_text(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        """What people see is the passage, not an apology."""

        async def broken(*_: object) -> None:
            raise StoreError("full")

        monkeypatch.setattr(stage.store.passages, "save_scores", broken)
        async with stage.running():
            await stage.asks("j", ask=replace(ASK, scores=True))
            await self._tell(stage)
        assert stage.shown == [done("j", "私は傘をさした。")]

    async def _tell(self, stage: Stage) -> None:
        steps = stage.engine.last
        steps.put(Delta(0, "私は傘をさした。", scores=(self.score,)))
        steps.put(Delta(0, "それから猫が", "length", scores=(self.late,)))
        await stage.told()


async def test_candidates_are_seen_again_after_a_death(stage: Stage) -> None:
    """Nothing that people have read of any of them is taken away while it is written anew."""
    async with stage.running():
        await stage.asks("j", ask=replace(ASK, candidates=2))
        stage.engine.last.say("私は傘をさした。", index=0)
        stage.engine.last.say("猫が鳴いた。", index=1)
        await stage.told()
        await stage.fails(EngineUnavailable())
        await stage.told("私は")
        [draft] = stage.shown

    assert (draft.text, [one.text for one in draft.other_candidates]) == (
        "私は傘をさした。",
        ["猫が鳴いた。"],
    )
