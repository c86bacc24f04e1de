"""What `/v1/completions` answers: OpenAI's completion object, whole or as the events of a stream."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NotRequired

from pydantic import TypeAdapter
from typing_extensions import TypedDict  # pydantic reads `typing`'s own from Python 3.12 on

from bot.domain.inference import Delta, Score
from bot.wire.errors import ErrorObject, engine_error


class Logprobs(TypedDict):
    """OpenAI's four lists, one element a token; None for a first token, which nothing stands before."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]


class CompletionChoice(TypedDict):
    """A candidate, or a streamed piece of one."""

    index: int
    text: str
    finish_reason: NotRequired[str | None]
    logprobs: NotRequired[Logprobs | None]


class Usage(TypedDict):
    """What was read and written, in tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Extras(TypedDict):
    """What OpenAI's clients do not know: the seed, and what the model could not see."""

    seed: int
    dropped_characters: int
    unknown: list[str]


class CompletionObject(TypedDict):
    """A completion, or one chunk of its stream."""

    id: str
    object: str
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: NotRequired[Usage | None]
    tsuzuki: NotRequired[Extras]


class StreamEvent(TypedDict, total=False):
    """What a reader needs of an event: pieces of text, or what ended the stream."""

    choices: list[CompletionChoice]
    error: ErrorObject


_EVENT = TypeAdapter(StreamEvent)


def read_deltas(data: bytes) -> list[Delta]:
    """The pieces of text of an event's data.

    Raises:
        ValueError: it is none of a completion.
        EngineError: it says what ended the stream.
    """
    event = _EVENT.validate_json(data)
    if "error" in event:
        raise engine_error(event["error"])
    return [
        Delta(one["index"], one["text"], one.get("finish_reason"), _scores(one.get("logprobs")))
        for one in event.get("choices", ())
    ]


def logprobs_of(scores: Sequence[Score], spell: Callable[[int], str]) -> Logprobs:
    """Scores of token ids, which `spell` turns into text."""
    return {
        "tokens": [spell(int(score.token)) for score in scores],
        "token_logprobs": [None if math.isnan(score.logprob) else score.logprob for score in scores],
        "top_logprobs": [_likeliest(score, spell) for score in scores],
        "text_offset": [score.offset for score in scores],
    }


def _likeliest(score: Score, spell: Callable[[int], str]) -> dict[str, float] | None:
    """The likeliest tokens and the one that is there; of several with one spelling, the likeliest."""
    if math.isnan(score.logprob):
        return None
    likeliest: dict[str, float] = {}
    for token, logprob in (*score.top, (score.token, score.logprob)):
        likeliest.setdefault(spell(int(token)), logprob)
    return likeliest


def _scores(logprobs: Logprobs | None) -> tuple[Score, ...]:
    """The same as scores of tokens as text."""
    if logprobs is None:
        return ()
    return tuple(
        Score(token, math.nan if logprob is None else logprob, tuple((top or {}).items()), offset)
        for token, logprob, top, offset in zip(
            logprobs["tokens"],
            logprobs["token_logprobs"],
            logprobs["top_logprobs"],
            logprobs["text_offset"],
            strict=True,
        )
    )
