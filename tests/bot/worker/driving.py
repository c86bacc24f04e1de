"""Short ways to make sequences and to run them."""

from __future__ import annotations

from collections.abc import Sequence as Tokens
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import accumulate

from bot.domain.errors import EngineError
from bot.domain.inference import Delta, Score
from bot.domain.sampling import Sampling
from bot.worker.engine.engine_core import Submission
from bot.worker.engine.sequence import Sequence, SequenceRequest
from bot.worker.text.echo import as_written

PLAIN = Sampling(repetition_penalty=1.0, dry_multiplier=0.0, temperature=1.0, top_p=1.0)
"""No penalty and no filter."""
GREEDY = replace(PLAIN, temperature=0)
EOS = 2


def sequence(
    name: str = "one",
    prompt: Tokens[int] = (EOS, 10),
    *,
    group: str = "",
    index: int = 0,
    sampling: Sampling = GREEDY,
    max_tokens: int = 5,
    min_tokens: int = 0,
    seed: int = 1,
    story: str = "",
    logprobs: int | None = None,
    barred: tuple[int, ...] = (),
    bias: tuple[tuple[int, float], ...] = (),
    scored: bool = False,
) -> Sequence:
    """A sequence of a request of its own, unless a group is named."""
    return Sequence(
        SequenceRequest(
            id=name,
            group=group or name,
            index=index,
            prompt=tuple(prompt),
            sampling=sampling,
            max_tokens=max_tokens,
            min_tokens=min_tokens,
            seed=seed,
            end_token=EOS,
            story=story or group or name,
            logprobs=logprobs,
            masked=barred,
            bias=bias,
            scored=scored,
        )
    )


class FakeDecoder:
    """Spells token 10 as `[10]`; two `</s>` in a row end the document."""

    def __init__(self) -> None:
        self.ended = False
        self._last = 0

    def push(self, token_id: int) -> str:
        """The token's spelling."""
        self.ended = token_id == self._last == EOS
        self._last = token_id
        return "" if token_id == EOS else f"[{token_id}]"

    def copy(self) -> FakeDecoder:
        """The same, to go on from here twice."""
        return copy(self)

    def flush(self) -> str:
        """Nothing is held back."""
        return ""


@dataclass(slots=True)
class Ear:
    """Keeps what it was told."""

    events: list[Delta | EngineError] = field(default_factory=list)

    def __call__(self, event: Delta | EngineError) -> None:
        """Keep it."""
        self.events.append(event)

    @property
    def text(self) -> str:
        """All text so far."""
        return "".join(event.text for event in self.events if isinstance(event, Delta))

    @property
    def scores(self) -> list[Score]:
        """All scores so far."""
        return [score for event in self.events if isinstance(event, Delta) for score in event.scores]

    @property
    def reason(self) -> str | None:
        """Why it finished."""
        last = self.events[-1] if self.events else None
        return last.finish_reason if isinstance(last, Delta) else None


def start(one: Sequence, ear: Ear, stops: tuple[str, ...] = (), banned: tuple[str, ...] = ()) -> Submission:
    """What an engine is given."""
    pieces = [f"[{token}]" for token in one.request.prompt]
    places = [0, *accumulate(map(len, pieces[:-1]))]
    echo = as_written(one.request.prompt, "".join(pieces), places) if one.request.scored else None
    return Submission(one, FakeDecoder(), stops, ear, banned, echo)  # type: ignore[arg-type]
