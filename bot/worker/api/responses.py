"""The wire format: completion objects, server-sent events, OpenAI's error objects. See docs/worker-api.md."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.domain.errors import EngineError, EngineUnavailable, NotFinite, QueueFull
from bot.domain.inference import Delta, Score
from bot.worker.engine.loaded_model import Completion

DONE = b"data: [DONE]\n\n"
OPEN = b": open\n\n"
ALIVE = b": alive\n\n"

Json = Mapping[str, object]


def encode(value: Json) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def event(value: Json) -> bytes:
    """One server-sent event."""
    return b"data: " + encode(value) + b"\n\n"


def logprobs(scores: Sequence[Score], spell: Callable[[int], str]) -> Json:
    """OpenAI's four lists, one element a token."""
    return {
        "tokens": [spell(int(score.token)) for score in scores],
        "token_logprobs": [None if math.isnan(score.logprob) else score.logprob for score in scores],
        "top_logprobs": [_likeliest(score, spell) for score in scores],
        "text_offset": [score.offset for score in scores],
    }


def _likeliest(score: Score, spell: Callable[[int], str]) -> Json | None:
    """The likeliest tokens and the one that is there; of several with one spelling, the likeliest."""
    if math.isnan(score.logprob):
        return None
    told: dict[str, float] = {}
    for token, logprob in (*score.top, (score.token, score.logprob)):
        told.setdefault(spell(int(token)), logprob)
    return told


@dataclass(frozen=True, slots=True)
class Page:
    """What every object of one completion begins with."""

    id: str
    created: int
    model: str
    spell: Callable[[int], str] | None = None
    """Spells tokens, where log probabilities were asked for."""
    include_usage: bool = False
    """Whether a stream ends with the usage, and says in each chunk before that it comes."""

    def piece(self, delta: Delta) -> Json:
        """A streamed piece of text."""
        chunk = self._object([self._choice(delta)])
        return {**chunk, "usage": None} if self.include_usage else chunk

    def usage(self, completion: Completion) -> Json:
        """The chunk after the last piece."""
        return {**self._object([]), **summary(completion)}

    def whole(self, completion: Completion, candidates: Sequence[Delta]) -> Json:
        """A completion that was not streamed, each candidate in one piece."""
        return {**self._object([self._choice(one) for one in candidates]), **summary(completion)}

    def _choice(self, delta: Delta) -> Json:
        told = None if self.spell is None else logprobs(delta.scores, self.spell)
        return {
            "index": delta.index,
            "text": delta.text,
            "finish_reason": delta.finish_reason,
            "logprobs": told,
        }

    def _object(self, choices: list[Json]) -> dict[str, object]:
        return {
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }


def summary(completion: Completion) -> Json:
    """What was read and written, in tokens; the seed; what the model could not see."""
    read, new = completion.prompts, completion.completion_tokens
    prompt = sum(len(encoded.ids) for encoded in read)
    return {
        "usage": {"prompt_tokens": prompt, "completion_tokens": new, "total_tokens": prompt + new},
        "tsuzuki": {
            "seed": completion.seed,
            "dropped_characters": sum(encoded.dropped_characters for encoded in read),
            "unknown": list(dict.fromkeys(char for encoded in read for char in encoded.unknown)),
        },
    }


@dataclass(frozen=True, slots=True)
class Fault:
    """An error as OpenAI's clients expect it, with the status it has before a stream began."""

    status: int
    type: str
    code: str
    message: str
    param: str | None = None
    retry_after_s: int | None = None
    more: tuple[tuple[str, object], ...] = ()

    @property
    def body(self) -> Json:
        """The error object."""
        error = {"message": self.message, "type": self.type, "code": self.code, "param": self.param}
        return {"error": {**error, **dict(self.more)}}

    @property
    def headers(self) -> dict[str, str]:
        """`Retry-After`, where it is known."""
        return {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}


def invalid(
    message: str, *, code: str = "invalid_value", param: str | None = None, status: int = 400
) -> Fault:
    """The request is wrong."""
    return Fault(status, "invalid_request_error", code, message, param)


def loading(progress: float) -> Fault:
    """The model is not there yet."""
    return Fault(
        503,
        "service_unavailable",
        "loading",
        f"the model is loading: {progress:.0%}",
        retry_after_s=1,
        more=(("progress", progress),),
    )


def failed(reason: str) -> Fault:
    """The model could not be loaded."""
    message = f"the model could not be loaded: {reason}"
    return Fault(503, "service_unavailable", "failed", message, more=(("reason", reason),))


def fault(error: EngineError | QueueFull) -> Fault:
    """What a request that was accepted, or nearly, came to."""
    match error:
        case QueueFull():
            limit = error.values.get("limit")
            message = f"{limit} requests wait already; try again soon"
            return Fault(
                429, "rate_limit_error", "queue_full", message, retry_after_s=2, more=(("limit", limit),)
            )
        case NotFinite():
            message = "the model's output was not finite; try another dtype (bfloat16 or float32)"
            return Fault(500, "server_error", "not_finite", message)
        case EngineUnavailable():
            return Fault(503, "service_unavailable", "stopping", "the worker is stopping", retry_after_s=2)
        case _:
            return Fault(500, "server_error", "internal", "the worker failed; see its log")
