"""What the model gave the tokens it wrote (OpenAI's logprobs), and where each stands in the text."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.inference import Score

NO_TOKEN = -1
"""Stands for a token where every one is barred."""


@dataclass(frozen=True, slots=True)
class SampledToken:
    """A drawn token. Where it is wanted: its log probability, and the likeliest tokens with theirs."""

    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


class ScoreKeeper:
    """Keeps the scores of drawn tokens until the text that they belong to is shown.

    Text may be held back: a break until something follows it, the beginning of a stop string until it is
    none. A token goes with the piece that shows its first character; tokens without a character go with the
    next that has one, or with the last piece. What a stop string cut off never goes.
    """

    def __init__(self, shown_before: int = 0) -> None:
        """`behind`: characters that were shown before the first token's."""
        self._waiting: list[Score] = []
        self._written = shown_before
        self._shown = shown_before

    def add(self, drawn: SampledToken, text: str) -> None:
        """A token was drawn, which made `text` certain. Tokens without a log probability are not kept."""
        # A break that this token made certain belongs to the `</s>` before it; a space to the word behind it.
        place = self._written + text.startswith("\n")
        self._written += len(text)
        if drawn.logprob is not None:
            self._waiting.append(Score(drawn.token, drawn.logprob, drawn.top, place))

    def take(self, shown: str, *, last: bool = False) -> tuple[Score, ...]:
        """The scores that go with a piece of text that is shown. `last`: nothing follows, and none is cut."""
        self._shown += len(shown)
        ready = len(self._waiting) if last else self._ready()
        taken, self._waiting = tuple(self._waiting[:ready]), self._waiting[ready:]
        return taken

    def _ready(self) -> int:
        return sum(score.offset < self._shown for score in self._waiting)
