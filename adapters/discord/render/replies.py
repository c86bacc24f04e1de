"""What a reply looks like in Discord: its text literally, within the limits of a message."""

from __future__ import annotations

import re

from adapters.shared.candidates import numbered_candidates
from bot.domain.replies import Candidate, Reply, ReplyState

MAX_CONTENT = 2000
"""Discord's limit for a message, in code points."""
MAX_NOTE = 200
RESERVED = 250
"""Room beside the story's text for our note and the mark."""
MARKS = {
    ReplyState.WAITING: "⏳",
    ReplyState.WRITING: "✍️",
    ReplyState.DONE: "",
    ReplyState.FAILED: "⚠️",
    ReplyState.CANCELLED: "⏹️",
}
ELLIPSIS = "…"
"""Discord takes no empty message."""


_MARKS = re.compile(
    r"""
      [\\*_~`|]                                   # emphasis, strike-through, code, spoilers
    | (?m:^)[ \t]*(?=[>#+-])                      # quotes, headings, lists: the mark follows
    | (?<=[0-9])\.(?=[ \t])                       # numbered lists
    | \](?=\()                                    # links with a text
    | <(?=[@\#:/]|a:|t:|id:|https?:)              # mentions, emoji, timestamps
    | @(?=everyone|here)
    | :(?=//)                                     # links
    | :(?=[A-Za-z0-9_+-]+:)                       # emoji by name
    """,
    re.VERBOSE,
)


def measure(text: str) -> int:
    """Code points that `text` takes in a message."""
    return len(escape(text))


def keep_indent(content: str) -> str:
    """Content whose first line keeps its indent, the 「　」 of a paragraph: Discord trims a message's ends.

    A zero-width space before it is no white space to Discord, and nothing to see for people.
    """
    content = content.lstrip("\r\n")
    return f"\u200b{content}" if content[:1].isspace() and content.strip() else content


def reply_content(reply: Reply) -> str:
    """The message's content: the story's text literally, our note small below it, a mark until it is done."""
    note = _note(reply)
    room = MAX_CONTENT - len(note) - 2
    body = truncate(_body(reply), room)
    if not note:
        return body if body.strip() else MARKS[reply.state] or ELLIPSIS
    return f"{body}\n{note}" if body.strip() else note


def candidate_content(number: int, text: str) -> str:
    """One of several candidates, with its number."""
    shown = escape(text).strip("\n")
    return f"**〔{number}〕**\n{shown}"


def truncate(content: str, room: int = MAX_CONTENT) -> str:
    """Content of at most `room` characters; one that was longer ends with a sign of that."""
    if len(content) <= room:
        return content
    return content[: room - len(ELLIPSIS)].rstrip("\\") + ELLIPSIS


def _note(reply: Reply) -> str:
    if not reply.note:
        return ""
    beside_text = reply.state is ReplyState.WRITING and reply.text
    mark = "" if beside_text else MARKS[reply.state]
    # A line that begins with -# is shown small; a line break would end it.
    words = ["-#", mark, escape(" ".join(reply.note.split()))]
    return truncate(" ".join(word for word in words if word), MAX_NOTE)


def _body(reply: Reply) -> str:
    text = keep_indent(escape(reply.text))
    others = [candidate_content(number, choice.text) for number, choice in _shown_candidates(reply)]
    if reply.state is ReplyState.WRITING and reply.text:
        return "\n\n".join([text, *others]).rstrip() + f" {MARKS[reply.state]}"
    return "\n\n".join([text, *others])


def _shown_candidates(reply: Reply) -> list[tuple[int, Candidate]]:
    # One that stands in a message of its own, or of which nothing is written yet, has no text here.
    return [(number, choice) for number, choice in numbered_candidates(reply) if choice.text.strip()]


def escape(text: str) -> str:
    """`text` so that Discord shows it as it is written."""
    return _MARKS.sub(_behind_backslash, text)


def _behind_backslash(mark: re.Match[str]) -> str:
    found = mark.group()
    return f"{found}\\" if not found.strip() else f"\\{found}"
