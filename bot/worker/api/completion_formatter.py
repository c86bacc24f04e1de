"""A completion as OpenAI's objects, whole or in chunks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.domain.inference import Delta
from bot.wire.completion_response import CompletionChoice, CompletionObject, Extras, Usage, logprobs_of
from bot.worker.engine.loaded_model import Completion


@dataclass(frozen=True, slots=True)
class CompletionFormatter:
    """What every object of one completion begins with."""

    id: str
    created: int
    model: str
    spell: Callable[[int], str] | None = None
    """Spells tokens, where log probabilities were asked for."""
    include_usage: bool = False
    """Whether a stream ends with the usage, and says in each chunk before that it comes."""

    def chunk(self, delta: Delta) -> CompletionObject:
        """A streamed piece of text."""
        chunk = self._object([self._choice(delta)])
        return {**chunk, "usage": None} if self.include_usage else chunk

    def usage_chunk(self, completion: Completion) -> CompletionObject:
        """The chunk after the last piece."""
        return {**self._object([]), "usage": _usage(completion), "tsuzuki": _extras(completion)}

    def whole(self, completion: Completion, candidates: Sequence[Delta]) -> CompletionObject:
        """A completion that was not streamed, each candidate in one piece."""
        choices = [self._choice(one) for one in candidates]
        return {**self._object(choices), "usage": _usage(completion), "tsuzuki": _extras(completion)}

    def _choice(self, delta: Delta) -> CompletionChoice:
        return {
            "index": delta.index,
            "text": delta.text,
            "finish_reason": delta.finish_reason,
            "logprobs": None if self.spell is None else logprobs_of(delta.scores, self.spell),
        }

    def _object(self, choices: list[CompletionChoice]) -> CompletionObject:
        return {
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }


def _usage(completion: Completion) -> Usage:
    prompt = sum(len(encoded.ids) for encoded in completion.prompts)
    new = completion.completion_tokens
    return {"prompt_tokens": prompt, "completion_tokens": new, "total_tokens": prompt + new}


def _extras(completion: Completion) -> Extras:
    read = completion.prompts
    return {
        "seed": completion.seed,
        "dropped_characters": sum(encoded.dropped_characters for encoded in read),
        "unknown": list(dict.fromkeys(char for encoded in read for char in encoded.unknown)),
    }
