"""Candidates keep their numbers."""

from __future__ import annotations

from adapters.shared.candidates import by_number, numbered_candidates
from bot.domain.chat import MODEL
from bot.domain.replies import Candidate, Reply, ReplyState
from bot.domain.story import Passage

WRITING = Reply(ReplyState.WRITING, "一。", other_candidates=(Candidate("", "二。"), Candidate("", "三。")))


def passage(name: str) -> Passage:
    """A passage with this id."""
    return Passage(name, "story", None, MODEL, name)


def test_candidates_that_are_written_have_their_places_as_numbers() -> None:
    """They have no ids yet; the first is the text above them."""
    assert [number for number, _ in numbered_candidates(WRITING)] == [2, 3]


def test_numbers_stay_when_another_is_chosen() -> None:
    """The third is the text now, the others are still the first and the second."""
    others = (Candidate("job.0", "一。"), Candidate("job.1", "二。"))
    chosen = Reply(ReplyState.DONE, "三。", other_candidates=others, passage="job.2")
    assert [(number, choice.text) for number, choice in numbered_candidates(chosen)] == [
        (1, "一。"),
        (2, "二。"),
    ]


def test_a_jobs_own_come_first_by_their_numbers() -> None:
    """Deleted ones leave a gap, others follow behind."""
    beside = [passage("old.0"), passage("job.0"), passage("job.2")]
    found = by_number(beside, "job")
    assert {number: one.id for number, one in found.items()} == {1: "job.0", 3: "job.2", 4: "old.0"}


def test_what_was_labelled_is_followed_by_the_others() -> None:
    """Also where the last that was labelled is gone; where nothing was, they begin with 1."""
    beside = [passage("old.0"), passage("job.0")]
    assert {number: one.id for number, one in by_number(beside, "job", 3).items()} == {1: "job.0", 4: "old.0"}
    assert {number: one.id for number, one in by_number(beside, "", 3).items()} == {1: "old.0", 2: "job.0"}
