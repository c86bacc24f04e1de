"""A Reply as a Slack message.

The text goes into a `rich_text` block: Slack shows it literally, with its line breaks, whatever asterisks,
links or `@channel` the model writes, and an update shows no "(edited)". The message's `text` carries the
same, escaped, for notifications and search; it is what Slack's limit of 4,000 bytes counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2s
from typing import Any

from adapters.shared.candidates import numbered_candidates
from adapters.shared.reply_buttons import STOP, buttons_of
from adapters.slack.payloads.text import escape
from adapters.slack.payloads.views import View, actions_block, button
from bot.domain.replies import Reply, ReplyState

MAX_TEXT_BYTES = 4_000
"""chat.update answers `msg_too_long` above it: bytes of UTF-8, not characters."""
MAX_NOTE_BYTES = 450
MAX_STORY_BYTES = 3_500
"""What a reply's text may take, so that a note and the mark still fit."""
WRITING_MARK = " ✍️"
CANDIDATES_CHARACTERS = 6_000
"""All blocks together may hold about 13,200 characters."""
ACTION_PREFIX = "tsuzuki:"
"""What the ids of our buttons begin with."""
CHOOSE, TAKE_BACK, SETTINGS = "choose", "take_back", "settings"
"""The buttons besides those of every platform, by their words in action ids, which never change.

What they carry is a passage's id, an act's, and a thread's `ts`: they work after any restart.
"""
_STREAM = "tsuzuki-stream:"

_MARK_BYTES = 6
_MARK_DIGITS = "\u200b\u200c\u2060\u2063"
"""Characters without a width, each two bits."""

ButtonLabel = Callable[[str], str]
"""What a button says, by its name."""


@dataclass(frozen=True, slots=True)
class MessageContent:
    """The `text` and `blocks` of a message."""

    text: str
    blocks: list[dict[str, Any]]


def measure(text: str) -> int:
    """Bytes of UTF-8 once escaped."""
    return len(escape(text).encode())


def truncate(text: str, limit: int) -> str:
    """The longest beginning of `text` that measures `limit` at most, never half a character."""
    if measure(text) <= limit:
        return text
    used = 0
    for index, character in enumerate(text):
        used += measure(character)
        if used > limit:
            return text[:index]
    return text


def render_reply(reply: Reply, label: ButtonLabel | None = None) -> MessageContent:
    """How a reply looks: the text, a mark while it is being written, the note small below it, the buttons.

    Without `label` there are no buttons. What they carry is in their values: they work after a restart.
    """
    text = reply.text if reply.text.strip() else ""
    mark = WRITING_MARK if reply.state is ReplyState.WRITING else ""
    note = truncate(reply.note, MAX_NOTE_BYTES)
    button_label = label if reply.interactive else None
    if note and not text + mark:
        return _note_alone(note, reply, button_label)
    story = (text + mark if text else mark.strip()) or "…"
    candidates = _candidates(reply, button_label)
    below = [*([_small(note)] if note else []), *_buttons(reply, button_label)]
    return MessageContent(_fallback(story, note), [_literal(story), *candidates, *below])


def render_notice(note: str) -> MessageContent:
    """A sentence of ours."""
    return render_reply(Reply(ReplyState.FAILED, note=note))


def render_notice_with_button(note: str, name: str, value: str, label: ButtonLabel) -> MessageContent:
    """A sentence of ours, and a button to do what it is about."""
    notice = render_notice(note)
    return MessageContent(notice.text, [*notice.blocks, actions_block(_button(name, value, label))])


def render_opening(text: str, signature: str) -> MessageContent:
    """A person's text that begins a story, and whose it is."""
    return MessageContent(_fallback(text, signature), [_literal(text), _small(signature)])


def stream_button(job: str, key: str, label: ButtonLabel) -> dict[str, Any]:
    """The button to stop a reply that is streamed; the block knows the key that the message is posted for."""
    return {**actions_block(_button(STOP.slack, job, label)), "block_id": f"{_STREAM}{key}"}


def stream_block_key(blocks: object) -> str:
    """The key in a message with a `stream_button`; empty where there is none."""
    ids = (str(block.get("block_id") or "") for block in (blocks if isinstance(blocks, list) else ()))
    return next((each.removeprefix(_STREAM) for each in ids if each.startswith(_STREAM)), "")


def key_mark(key: str) -> str:
    """A mark in a text that nobody sees, 24 characters without a width: which key it was posted for.

    A stream has no metadata before it ends, and Slack may keep its buttons until then: the text is what is
    there from its first moment.
    """
    digest = blake2s(key.encode(), digest_size=_MARK_BYTES).digest()
    return "".join(_MARK_DIGITS[byte >> shift & 3] for byte in digest for shift in (6, 4, 2, 0))


def has_key_mark(text: str, key: str) -> bool:
    """Whether a text carries the mark of a key."""
    return key_mark(key) in text


def _buttons(reply: Reply, label: ButtonLabel | None) -> list[dict[str, Any]]:
    actions, about = buttons_of(reply)
    if label is None or not reply.job or not actions:
        return []
    return [actions_block(*(_button(action.slack, about, label) for action in actions))]


def _button(name: str, value: str, label: ButtonLabel) -> View:
    return button(f"{ACTION_PREFIX}{name}", label(name), value)


def _note_alone(note: str, reply: Reply, label: ButtonLabel | None) -> MessageContent:
    # What failed must be read; what only waits may be small.
    block = _small(note) if reply.state is ReplyState.WAITING else _literal(note)
    return MessageContent(_fallback("", note), [block, *_buttons(reply, label)])


def _fallback(text: str, note: str) -> str:
    room = MAX_TEXT_BYTES - measure(note) - 1
    return escape("\n".join(part for part in (truncate(text, room), note) if part))


def _literal(text: str) -> dict[str, Any]:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [section]}


def _small(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [{"type": "plain_text", "text": text, "emoji": False}]}


def _candidates(reply: Reply, label: ButtonLabel | None) -> list[dict[str, Any]]:
    room = CANDIDATES_CHARACTERS // max(1, len(reply.other_candidates))
    blocks = []
    for number, candidate in numbered_candidates(reply):
        blocks += [_small(f"〔{number}〕"), _literal(candidate.text[:room] or "…")]
        if label is not None and candidate.passage:
            blocks.append(actions_block(_button(CHOOSE, candidate.passage, label)))
    return blocks
