"""A Draft as a Slack message.

The text goes into a `rich_text` block: Slack shows it literally, with its line breaks, whatever asterisks,
links or `@channel` the model writes, and an update shows no "(edited)". The message's `text` carries the
same, escaped, for notifications and search; it is what Slack's limit of 4,000 bytes counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adapters.shared.candidates import numbered_candidates
from adapters.slack.payloads.text import escape
from bot.domain.replies import Reply, ReplyState

TEXT_BYTES = 4_000
"""chat.update answers `msg_too_long` above it: bytes of UTF-8, not characters."""
NOTE_BYTES = 450
STORY_BYTES = 3_500
"""What a draft's text may take, so that a note and the mark still fit."""
WRITING_MARK = " ✍️"
CHOICES_CHARACTERS = 6_000
"""All blocks together may hold about 13,200 characters."""
ACTION = "tsuzuki:"
"""What the ids of our buttons begin with."""
_STREAM = "tsuzuki-stream:"
_AFTERWARDS = ("continue", "retry", "undo", "several", "edit")

Label = Callable[[str], str]
"""What a button says, by its name."""


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


def shown(draft: Reply, label: Label | None = None) -> Shown:
    """How a draft looks: the text, a mark while it is being written, the note small below it, the buttons.

    Without `label` there are no buttons. What they carry is in their values: they work after a restart.
    """
    text = draft.text if draft.text.strip() else ""
    mark = WRITING_MARK if draft.state is ReplyState.WRITING else ""
    note = clip(draft.note, NOTE_BYTES)
    live = label if draft.interactive else None
    if note and not text + mark:
        return _note_alone(note, draft, live)
    story = (text + mark if text else mark.strip()) or "…"
    choices = _choices(draft, live)
    below = [*([_small(note)] if note else []), *_buttons(draft, live)]
    return Shown(_fallback(story, note), [_literal(story), *choices, *below])


def sentence(note: str) -> Shown:
    """A sentence of ours."""
    return shown(Reply(ReplyState.FAILED, note=note))


def offer(note: str, name: str, value: str, label: Label) -> Shown:
    """A sentence of ours, and a button to do what it is about."""
    told = sentence(note)
    return Shown(told.text, [*told.blocks, _row(_button(name, value, label))])


def beginning(text: str, signature: str) -> Shown:
    """A person's text that begins a story, and whose it is."""
    return Shown(_fallback(text, signature), [_literal(text), _small(signature)])


def stream_button(job: str, key: str, label: Label) -> dict[str, Any]:
    """The button to stop a reply that is streamed; the block knows the key that the message is posted for."""
    return {**_row(_button("stop", job, label)), "block_id": f"{_STREAM}{key}"}


def stream_key(blocks: object) -> str:
    """The key in a message with a `stream_button`; empty where there is none."""
    ids = (str(block.get("block_id") or "") for block in (blocks if isinstance(blocks, list) else ()))
    return next((each.removeprefix(_STREAM) for each in ids if each.startswith(_STREAM)), "")


def _buttons(draft: Reply, label: Label | None) -> list[dict[str, Any]]:
    if label is None or not draft.job:
        return []
    if draft.state.is_open:
        return [_row(_button("stop", draft.job, label))]
    if not draft.passage:
        return [_row(_button("again", draft.job, label))]
    return [_row(*(_button(name, draft.passage, label) for name in _AFTERWARDS))]


def _button(name: str, value: str, label: Label) -> dict[str, Any]:
    text = {"type": "plain_text", "text": label(name), "emoji": True}
    return {"type": "button", "action_id": f"{ACTION}{name}", "text": text, "value": value}


def _row(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(buttons)}


def _note_alone(note: str, draft: Reply, label: Label | None) -> Shown:
    # What failed must be read; what only waits may be small.
    block = _small(note) if draft.state is ReplyState.WAITING else _literal(note)
    return Shown(_fallback("", note), [block, *_buttons(draft, label)])


def _fallback(text: str, note: str) -> str:
    room = TEXT_BYTES - measure(note) - 1
    return escape("\n".join(part for part in (clip(text, room), note) if part))


def _literal(text: str) -> dict[str, Any]:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [section]}


def _small(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [{"type": "plain_text", "text": text, "emoji": False}]}


def _choices(draft: Reply, label: Label | None) -> list[dict[str, Any]]:
    room = CHOICES_CHARACTERS // max(1, len(draft.other_candidates))
    blocks = []
    for number, choice in numbered_candidates(draft):
        blocks += [_small(f"〔{number}〕"), _literal(choice.text[:room] or "…")]
        if label is not None and choice.passage:
            blocks.append(_row(_button("choose", choice.passage, label)))
    return blocks
