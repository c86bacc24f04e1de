"""Stories as people are shown them by commands."""

from __future__ import annotations

from adapters.discord.render.replies import escape, truncate
from bot.domain.jobs import JobReceipt
from bot.domain.ports import Translate
from bot.domain.story import Passage, Story
from bot.story.joining import in_character_text, last_in_character, passage_is_out_of_character
from bot.text.code_points import names

ENDING = 120
"""Characters of a story's end that remind people where it stands."""
LABEL = 90


def story_ending(story: Story, translate: Translate, locale: str) -> str:
    """The story's last words, or that it is at its beginning."""
    last = last_in_character(story)
    words = " ".join(in_character_text(story, last).split()) if last is not None else ""
    if not words:
        return translate("discord.at_beginning", locale)
    return escape("…" + words[-ENDING:] if len(words) > ENDING else words)


def unread_characters(receipt: JobReceipt, translate: Translate, locale: str) -> str:
    """Which characters of a text the model cannot see, and what it reads instead."""
    key = "discord.unknown_as" if receipt.read_as else "discord.unknown"
    characters = escape(" ".join(names(receipt.unknown)))
    return translate(key, locale, characters=characters, read_as=escape(receipt.read_as))


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
