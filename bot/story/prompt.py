"""Pure: what of a story, and of what was noted about it, the model is sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bot.domain.errors import (
    FileTooLong,
    KeywordTooLong,
    LoreTooLong,
    MemoryTooLong,
    NoteTooLong,
    TextTooLong,
    TooMuchLore,
)
from bot.domain.inference import ContextPiece, ContextWindow, GenerationRequest
from bot.domain.jobs import Job
from bot.domain.room_settings import RoomSettings, sampling_of
from bot.domain.sampling import PRESETS, STANDARD
from bot.domain.story import Notes, Passage, Story
from bot.story.joining import in_character_passages, prompt_of, text_of
from bot.story.lorebook import active_lore, triggered_lore
from bot.text.continuation import max_tokens, min_tokens
from bot.text.ruby import without_ruby

TITLE_CHARACTERS = 80
"""Of a title that somebody typed, in one line."""

MEMORY_CHARACTERS = 1_000
NOTE_CHARACTERS = 300
LORE_CHARACTERS = 500
"""Of one entry."""

KEYWORD_CHARACTERS = 50
MAX_KEYWORDS = 10
MAX_LORE = 100

SHOWN_RUNNERS_UP = 5
"""Tokens told beside each written one, where probabilities are asked for."""


@dataclass(frozen=True, slots=True)
class PromptContext:
    """What the model is sent: the story's end, what stands before it, and what near its end."""

    prompt: str
    prefix: tuple[ContextPiece, ...] = ()
    depth_inserted: tuple[ContextPiece, ...] = ()


def build_context(story: Story) -> PromptContext:
    """What the model is sent to go on with a story.

    Lore stands near the end, not in front: what comes and goes there makes the model read little again.
    """
    prompt = prompt_of(_for_the_model(story))
    notes = story.notes
    lore = _pieces("lore", (entry.text for entry in active_lore(notes.lore, prompt)))
    return PromptContext(
        prompt, prefix=_pieces("memory", [notes.memory]), depth_inserted=lore + _pieces("note", [notes.note])
    )


def build_request(job: Job, story: Story, settings: RoomSettings) -> GenerationRequest:
    """What the worker is asked to go on with a story, as far as the job's reply stands in it."""
    ask, context = job.options, build_context(story)
    return GenerationRequest(
        prompt=context.prompt,
        sampling=sampling_of(ask.preset, settings),
        max_tokens=max_tokens(ask.length),
        min_tokens=min_tokens(ask.length),
        n=ask.candidates,
        seed=job.seed,
        story=job.story_id,
        logprobs=SHOWN_RUNNERS_UP if ask.scores else None,
        banned=settings.banned,
        prefix=context.prefix,
        depth_inserted=context.depth_inserted,
        preset=ask.preset if ask.preset in PRESETS else STANDARD,
    )


def with_unsent(window: ContextWindow, story: Story) -> ContextWindow:
    """The worker's window of `build_context(story)`, with what was left out before the worker saw it, too."""
    passages = _for_the_model(story)
    prompt = prompt_of(passages)
    told = active_lore(story.notes.lore, prompt)
    unsent = (entry.text for entry in triggered_lore(story.notes.lore, prompt) if entry not in told)
    return replace(
        window,
        left_out_characters=window.left_out_characters + len(text_of(passages)) - len(prompt),
        left_out=window.left_out + _pieces("lore", unsent),
    )


def require_short(notes: Notes) -> None:
    """Raise TextTooLong where a piece of the notes is longer than it may be, TooMuchLore for too many."""
    if len(notes.lore) > MAX_LORE or any(len(entry.keywords) > MAX_KEYWORDS for entry in notes.lore):
        raise TooMuchLore(entries=MAX_LORE, keywords=MAX_KEYWORDS)
    require_length(notes.memory, MEMORY_CHARACTERS, MemoryTooLong)
    require_length(notes.note, NOTE_CHARACTERS, NoteTooLong)
    for entry in notes.lore:
        require_length(entry.text, LORE_CHARACTERS, LoreTooLong)
        for keyword in entry.keywords:
            require_length(keyword, KEYWORD_CHARACTERS, KeywordTooLong)


def require_length(
    text: str, most: int, error: type[TextTooLong | FileTooLong] = TextTooLong, limit: int | None = None
) -> None:
    """Raise `error` where a text has more than `most` characters; what it names as the limit may be less."""
    if len(text) > most:
        raise error(limit=most if limit is None else limit, length=len(text))


def _pieces(kind: str, texts: Iterable[str]) -> tuple[ContextPiece, ...]:
    """Those with anything on them, as the model is to read them."""
    return tuple(ContextPiece(kind, without_ruby(text)) for text in texts if text.strip())


def _for_the_model(story: Story) -> list[Passage]:
    """The passages without asides of people and without ruby; those with nothing left are left out."""
    told = [replace(one, text=without_ruby(one.text)) for one in in_character_passages(story)]
    return [one for one in told if one.text]
