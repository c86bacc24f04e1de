"""The numbers of candidates: one keeps its own, whichever of them the story goes on with."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.replies import Candidate, Reply
from bot.domain.story import Passage, candidate_number


def numbered_candidates(reply: Reply) -> list[tuple[int, Candidate]]:
    """The other candidates of a reply with their numbers: of one being written, its place."""
    placed = enumerate(reply.other_candidates, start=2)
    return [(candidate_number(choice.passage) or place, choice) for place, choice in placed]


def by_number(alternatives: Sequence[Passage], job: str, labels: int | None = None) -> dict[int, Passage]:
    """Alternatives by the numbers to choose them by: those of a job by their own, 1 to `labels`.

    The others follow in the order in which they were made; where nothing was labelled they begin with 1.
    Without `labels`: as many as the job has here.
    """
    candidates = [one for one in alternatives if job and one.id.rpartition(".")[0] == job]
    own = {candidate_number(one.id) or 0: one for one in candidates}
    others = [one for one in alternatives if one not in candidates]
    last = max(own, default=0) if labels is None or not own else labels
    return own | dict(enumerate(others, start=last + 1))
