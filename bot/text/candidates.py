"""The candidates of one job as they are written side by side."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.inference import Delta, Score
from bot.domain.jobs import Length
from bot.text.continuation import Continuation
from bot.text.word_filter import WordFilter


@dataclass(frozen=True, slots=True)
class CandidateText:
    """A candidate that stays; where probabilities were asked for, those of the `raw` text it comes from."""

    text: str
    raw: str = ""
    scores: tuple[Score, ...] = ()


class CandidateStream:
    """Takes the worker's deltas apart by candidate, and keeps those that came to something."""

    def __init__(
        self, count: int, length: Length | int, prompt: str, words: WordFilter | None = None
    ) -> None:
        self._texts = [Continuation(length, prompt, words) for _ in range(count)]
        self._raw = [""] * count
        self._scores: list[list[Score]] = [[] for _ in range(count)]
        self._reasons: dict[int, str] = {}
        self._kept: list[CandidateText] = []

    @property
    def shown(self) -> tuple[CandidateText, ...]:
        """What of each will surely be kept; it may be nothing yet."""
        pairs = enumerate(self._texts)
        return tuple(CandidateText(text.shown, self._raw[n], tuple(self._scores[n])) for n, text in pairs)

    @property
    def complete(self) -> bool:
        """Whether there is enough of each."""
        return all(text.complete or index in self._reasons for index, text in enumerate(self._texts))

    @property
    def filtered(self) -> bool:
        """Whether the word filter took something from one of them."""
        return any(text.filtered for text in self._texts)

    @property
    def final(self) -> list[CandidateText]:
        """What there is in the end: no empty ones, and none twice."""
        return self._kept

    def push(self, delta: Delta) -> None:
        """Take a delta."""
        self._texts[delta.index].push(delta.text)
        self._raw[delta.index] += delta.text
        self._scores[delta.index] += delta.scores
        if delta.finish_reason:
            self._reasons[delta.index] = delta.finish_reason

    def finish(self) -> None:
        """Bring each to its end."""
        found: dict[str, CandidateText] = {}
        for index, text in enumerate(self._texts):
            final = text.finish(self._reasons.get(index))
            if final.strip():
                found.setdefault(final, CandidateText(final, self._raw[index], tuple(self._scores[index])))
        self._kept = list(found.values())
