"""What the worker is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.sampling import Sampling


@dataclass(frozen=True, slots=True)
class ContextPiece:
    """A part of what the model reads. `kind`: `memory`, `lore`, `note` or `story`."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What the worker is asked: the whole context once, and how to go on.

    `prompt` is the story's end; `prefix` always stands before it, and `depth_inserted` before its last
    `insertion_depth` paragraphs, each piece as a paragraph of its own. The worker cuts the prompt to
    what fits.
    `story` says for whom: requests of one story share a turn. `logprobs`: how many of the likeliest tokens
    are told beside each one drawn; None: no log probabilities at all. `banned`: phrases that are never
    written, however their tokens are cut. `logit_bias`: token ids, and what is added to their logits.
    `preset`: whose settings and bias the checkpoint knows better; `sampling` counts where it differs.
    """

    prompt: str
    sampling: Sampling
    max_tokens: int
    min_tokens: int = 0
    n: int = 1
    seed: int | None = None
    stop: tuple[str, ...] = ()
    story: str = ""
    logprobs: int | None = None
    banned: tuple[str, ...] = ()
    logit_bias: tuple[tuple[int, float], ...] = ()
    prefix: tuple[ContextPiece, ...] = ()
    depth_inserted: tuple[ContextPiece, ...] = ()
    insertion_depth: int = 3
    preset: str = ""


@dataclass(frozen=True, slots=True)
class ContextSpan:
    """A piece as the model reads it, and its tokens."""

    piece: ContextPiece
    tokens: int


@dataclass(frozen=True, slots=True)
class ContextWindow:
    """What the model sees, in its order.

    `tokens` in all, of `context` positions, of which `reserved` are kept for what it will write.
    `left_out_characters` of the story's beginning; `left_out`: other pieces that found no room.
    `unknown`: characters it cannot see, each once.
    """

    seen: tuple[ContextSpan, ...]
    tokens: int
    context: int
    reserved: int
    left_out_characters: int = 0
    left_out: tuple[ContextPiece, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """A written token, its log probability, the likeliest tokens with theirs, and its place in the text.

    Tokens are ids inside the worker, and as text outside of it.
    """

    token: int | str
    logprob: float
    top: tuple[tuple[int | str, float], ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of generated text of candidate `index`. `finish_reason` is set on its last piece.

    `finish_reason`: `stop` (end of document or a stop string) or `length`. `scores`: of the tokens whose text
    begins here, where the request asked for them.
    """

    index: int
    text: str
    finish_reason: str | None = None
    scores: tuple[Score, ...] = ()


class EngineStatus(StrEnum):
    """What `/health` says."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Health:
    """The worker's state. `progress` runs from 0 to 1 while loading; `reason` is set when failed."""

    status: EngineStatus
    progress: float = 0.0
    reason: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class TokenCount:
    """What the model reads of a text: how many tokens, and the characters it cannot see, each once.

    `read_as`: the place around the first of these, with 〓 for what it cannot see.
    `unwritable`: characters that it reads and may not write, each once; `languages_needed`: the codes of
    languages that it would have to be allowed for that.
    """

    tokens: int
    unknown: tuple[str, ...] = ()
    read_as: str = ""
    unwritable: tuple[str, ...] = ()
    languages_needed: tuple[str, ...] = ()

    @property
    def needs_warning(self) -> bool:
        """Whether the model does not see, or may not write, some of the text."""
        return bool(self.unknown or self.unwritable)
