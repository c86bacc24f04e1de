"""What stories and sentences look like in Discord: texts literally, within the limits of a message."""

from __future__ import annotations

import re
from typing import Protocol

from adapters.shared.candidates import numbered_candidates
from adapters.shared.error_boundary import Failure
from bot.domain.errors import NotAllowed
from bot.domain.jobs import JobReceipt
from bot.domain.replies import Candidate, Reply, ReplyState
from bot.domain.story import Passage, Story
from bot.story.joining import in_character_text, last_in_character, passage_is_out_of_character
from bot.text.code_points import names

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
TROUBLE = "discord.trouble"
"""The key of what people are told where nothing better can be said."""
ENDING = 120
"""Characters of a story's end that remind people where it stands."""
LABEL = 90

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


class Phrase(Protocol):
    """Gives a sentence in one language."""

    def __call__(self, key: str, **values: object) -> str:
        """The sentence `key`, filled with its values."""
        ...


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


def failure_sentence(failure: Failure, phrase: Phrase) -> str:
    """What a person is told of an error; of a missing permission also what to click."""
    sentence = phrase(failure.key, **failure.values)
    if isinstance(failure.error, NotAllowed):
        return f"{sentence}\n{phrase('discord.click', **failure.values)}"
    return sentence


def story_ending(story: Story, phrase: Phrase) -> str:
    """The story's last words, or that it is at its beginning."""
    last = last_in_character(story)
    words = " ".join(in_character_text(story, last).split()) if last is not None else ""
    if not words:
        return phrase("discord.at_beginning")
    return escape("…" + words[-ENDING:] if len(words) > ENDING else words)


def unread_characters(receipt: JobReceipt, phrase: Phrase) -> str:
    """Which characters of a text the model cannot see, with what it reads instead, and which not write."""
    lines = []
    if receipt.unknown:
        key = "discord.unknown_as" if receipt.read_as else "discord.unknown"
        characters = escape(" ".join(names(receipt.unknown)))
        lines.append(phrase(key, characters=characters, read_as=escape(receipt.read_as)))
    if receipt.unwritable:
        characters = escape(" ".join(names(receipt.unwritable)))
        needed = ", ".join(receipt.languages_needed)
        lines.append(phrase("languages.unwritable", characters=characters, languages=needed))
    return "\n".join(lines)


def passage_label(story: Story, passage: Passage) -> str:
    """A passage in one line: who wrote it, and its beginning; marked where it stands beside the story."""
    words = " ".join(passage.text.split()) or "…"
    mark = "💬 " if passage_is_out_of_character(story, passage) else ""
    return truncate(f"{mark}{passage.author.name}：{words}", LABEL)


def split_content(content: str, room: int) -> list[str]:
    """Content in pieces of at most `room` characters: at a sentence's end where one is in the second half."""
    pieces = []
    while len(content) > room:
        end = max(content.rfind(mark, room // 2, room) for mark in "。！？」\n") + 1 or room
        if content[end - 1] == "\\":
            end -= 1
        pieces.append(content[:end])
        content = content[end:]
    return [*pieces, content]
