"""A sequence: what was asked for, and how far it has come."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.domain.errors import EngineError
from bot.domain.sampling import Sampling


@dataclass(frozen=True, slots=True)
class SequenceRequest:
    """One candidate of one request. `prompt` holds token ids, `</s>` first.

    Prompt and `max_tokens` together fit the model.

    `logprobs`: how many of the likeliest tokens are wanted beside each drawn one; None: no log probabilities.

    `scored`: the log probabilities of the prompt's own tokens are wanted, too, so that all of it is computed
    here, whoever computed it before. Then, and only then, `max_tokens` may be 0.

    `masked` tokens are never drawn; `bias` is added to the logits of the tokens it names.

    Candidates with the same `group` have the same prompt, so they share its keys and values. Requests of one
    `story` share a turn.
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
    story: str = ""
    logprobs: int | None = None
    masked: tuple[int, ...] = ()
    bias: tuple[tuple[int, float], ...] = ()
    scored: bool = False


class Sequence:
    """A request with its running state. Nothing here depends on the other sequences of a batch.

    For the scheduler: `body` tokens of the prompt are read together, and `keys` name its full blocks.
    `computed` tokens have their keys and values in `blocks`; others can find the first `remembered` blocks.
    `source` is a sequence of the same group whose prompt is to be shared. `last_read_turn`: when it last
    read. `counted`: its body is in the statistics already.

    `scored`: of how many of the prompt's tokens it is known what the model gives them; nothing stands before
    the first. `rewinds`: how often it was taken back.
    """

    def __init__(self, request: SequenceRequest) -> None:
        self.request = request
        self.tokens = list(request.prompt)
        self.body = 0
        self.keys: tuple[bytes, ...] = ()
        self.blocks: list[int] = []
        self.computed = 0
        self.remembered = 0
        self.source: Sequence | None = None
        self.last_read_turn = 0
        self.counted = False
        self.finish_reason: str | None = None
        self.error: EngineError | None = None
        self.scored = 1
        self.rewinds = 0
        self._masked: dict[int, set[int]] = {}
        self._never = np.array(request.masked, np.intp)
        self._history = np.array(request.prompt, np.intp)
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
    def longest(self) -> int:
        """How many tokens there may be in the end, prompt included."""
        return len(self.request.prompt) + self.request.max_tokens

    @property
    def finished(self) -> bool:
        """Whether nothing follows."""
        return self.finish_reason is not None or self.error is not None

    @property
    def scoring(self) -> bool:
        """Whether logits are wanted of what is read of the prompt."""
        return self.request.scored and self.scored < len(self.request.prompt)

    @property
    def decoding(self) -> bool:
        """Whether only the last token is still to be computed."""
        return self.computed == len(self.tokens) - 1

    @property
    def history(self) -> NDArray[np.intp]:
        """All tokens. Not to be changed."""
        return self._history[: len(self.tokens)]

    @property
    def masked(self) -> NDArray[np.intp]:
        """What must not come next: what never may, and what led into something that may not be written."""
        here = self._masked.get(len(self.tokens))
        return np.append(self._never, sorted(here)).astype(np.intp) if here else self._never

    def drop_blocks(self) -> None:
        """Hold no keys and values any more: all tokens have to be computed again."""
        self.blocks, self.computed, self.remembered, self.source = [], 0, 0, None

    def end_masked(self, blank_tokens: Collection[int]) -> bool:
        """Whether another `</s>` would end the document sooner than `min_tokens` allows.

        It would behind a `</s>`, also with `blank_tokens` (spaces) between them.
        """
        if self.generated >= self.request.min_tokens:
            return False
        last = next((token for token in reversed(self.tokens) if token not in blank_tokens), None)
        return last == self.request.end_token

    def draw(self) -> float:
        """The next number of this sequence's own stream, from 0 to below 1."""
        return self._random.random()

    def score(self, tokens: int) -> None:
        """So many more of the prompt's tokens have their log probabilities; finish when that was all."""
        self.scored += tokens
        if not self.scoring and self.request.max_tokens == 0:
            self.finish_reason = "length"

    def append(self, token: int, *, ended: bool = False) -> None:
        """Add a new token; finish when it ended the text, or the allowance is used up."""
        if len(self.tokens) == len(self._history):
            self._history = np.resize(self._history, max(self.longest, 2 * len(self._history)))
        self._history[len(self.tokens)] = token
        self.tokens.append(token)
        if ended:
            self.finish_reason = "stop"
        elif self.generated >= self.request.max_tokens:
            self.finish_reason = "length"

    def rewind(self, place: int, token: int) -> int:
        """Go back to where `token` stood, or would have come next, and mask it there.

        Keys and values up to there stay as they are; the last token's are computed again, for its logits.

        Returns:
            how many tokens are masked at that place now.
        """
        self.cut(place)
        self.rewinds += 1
        self._masked = {at: tokens for at, tokens in self._masked.items() if at <= place}
        self._masked.setdefault(place, set()).add(token)
        return len(self._masked[place])

    def cut(self, place: int) -> None:
        """Take back all new tokens from a place on."""
        del self.tokens[place:]
        self.computed = min(self.computed, len(self.tokens) - 1)

    def end(self) -> None:
        """Nothing more is written."""
        self.finish_reason = "stop"
