"""A sequence: what was asked for, and how far it has come."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass

from bot.errors import EngineError
from bot.messages import Sampling


@dataclass(frozen=True, slots=True)
class SequenceRequest:
    """One candidate of one request. `prompt` holds token ids, `</s>` first.

    Prompt and `max_tokens` together fit the model.

    Candidates with the same `group` have the same prompt, so they may share its keys and values.
    """

    id: str
    group: str
    index: int
    prompt: tuple[int, ...]
    sampling: Sampling
    max_tokens: int
    min_tokens: int
    seed: int
    end_token: int


class Sequence:
    """A request with its running state. Nothing here depends on the other sequences of a batch.

    `computed` tokens have their keys and values in the slot. `source` is a sequence of the same group that
    computes the shared prompt just now.
    """

    def __init__(self, request: SequenceRequest) -> None:
        self.request = request
        self.tokens = list(request.prompt)
        self.computed = 0
        self.slot: int | None = None
        self.source: Sequence | None = None
        self.finish_reason: str | None = None
        self.error: EngineError | None = None
        self._random = random.Random(f"{request.seed}:{request.index}")  # noqa: S311 - repeatable on purpose

    @property
    def id(self) -> str:
        """The request's id."""
        return self.request.id

    @property
    def generated(self) -> int:
        """How many new tokens there are."""
        return len(self.tokens) - len(self.request.prompt)

    @property
    def finished(self) -> bool:
        """Whether nothing follows."""
        return self.finish_reason is not None or self.error is not None

    @property
    def decoding(self) -> bool:
        """Whether only the last token is still to be computed."""
        return self.computed == len(self.tokens) - 1

    def end_barred(self, blank: Collection[int]) -> bool:
        """Whether another `</s>` would end the document sooner than `min_tokens` allows.

        It would behind a `</s>`, also with `blank` tokens (spaces) between them.
        """
        if self.generated >= self.request.min_tokens:
            return False
        last = next((token for token in reversed(self.tokens) if token not in blank), None)
        return last == self.request.end_token

    def draw(self) -> float:
        """The next number of this sequence's own stream, from 0 to below 1."""
        return self._random.random()

    def append(self, token: int, *, ended: bool = False) -> None:
        """Add a new token; finish when it ended the text, or the allowance is used up."""
        self.tokens.append(token)
        if ended:
            self.finish_reason = "stop"
        elif self.generated >= self.request.max_tokens:
            self.finish_reason = "length"

    def recent(self, window: int) -> list[int]:
        """The last `window` tokens, prompt included; all of them for 0."""
        return self.tokens[-window:] if window else self.tokens
