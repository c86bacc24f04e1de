"""A Draft as a Slack message.

The text goes into a `rich_text` block: Slack shows it literally, with its line breaks, whatever asterisks,
links or `@channel` the model writes, and an update shows no "(edited)". The message's `text` carries the
same, escaped, for notifications and search; it is what Slack's limit of 4,000 bytes counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from adapters.slack.entities import escape
from bot.messages import Draft, DraftState

TEXT_BYTES = 4_000
"""chat.update answers `msg_too_long` above it: bytes of UTF-8, not characters."""
NOTE_BYTES = 450
STORY_BYTES = 3_500
"""What a draft's text may take, so that a note and the mark still fit."""
WRITING_MARK = " ✍️"
CHOICES_CHARACTERS = 6_000
"""All blocks together may hold about 13,200 characters."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The `text` and `blocks` of a message."""

    text: str
    blocks: list[dict[str, Any]]


def measure(text: str) -> int:
    """Bytes of UTF-8 once escaped."""
    return len(escape(text).encode())


def clip(text: str, limit: int) -> str:
    """The longest beginning of `text` that measures `limit` at most, never half a character."""
    if measure(text) <= limit:
        return text
    used = 0
    for index, character in enumerate(text):
        used += measure(character)
        if used > limit:
            return text[:index]
    return text


def shown(draft: Draft) -> Shown:
    """How a draft looks: the text, a mark while it is being written, the note small below it."""
    text = draft.text if draft.text.strip() else ""
    mark = WRITING_MARK if draft.state is DraftState.WRITING else ""
    note = clip(draft.note, NOTE_BYTES)
    if note and not text + mark:
        return _note_alone(note, draft.state)
    story = (text + mark if text else mark.strip()) or "…"
    blocks = [_literal(story), *_choices(draft.choices), *([_small(note)] if note else [])]
    return Shown(_fallback(story, note), blocks)


def beginning(text: str, signature: str) -> Shown:
    """A person's text that begins a story, and whose it is."""
    return Shown(_fallback(text, signature), [_literal(text), _small(signature)])


def _note_alone(note: str, state: DraftState) -> Shown:
    # What failed must be read; what only waits may be small.
    block = _small(note) if state is DraftState.WAITING else _literal(note)
    return Shown(_fallback("", note), [block])


def _fallback(text: str, note: str) -> str:
    room = TEXT_BYTES - measure(note) - 1
    return escape("\n".join(part for part in (clip(text, room), note) if part))


def _literal(text: str) -> dict[str, Any]:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [section]}


def _small(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [{"type": "plain_text", "text": text, "emoji": False}]}


def _choices(texts: tuple[str, ...]) -> list[dict[str, Any]]:
    room = CHOICES_CHARACTERS // max(1, len(texts))
    return [
        block
        for number, text in enumerate(texts, start=2)
        for block in (_small(f"〔{number}〕"), _literal(text[:room] or "…"))
    ]
