"""Whether what a person typed can be kept: its length first, then the word filter."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.domain.chat import Message, Room
from bot.domain.errors import FileTooLong, FilteredText, TitleTooLong
from bot.domain.room_settings import RoomSettings, is_filtered
from bot.story.joining import is_blank, one_line, writable
from bot.story.prompt import TITLE_CHARACTERS, require_length
from bot.text.text_file import MAX_CHARACTERS
from bot.text.word_filter import WordFilter

_UNTIDY = 10
"""So many times as long a title may be as it was typed: with spaces that become one, or go."""


@dataclass(frozen=True, slots=True)
class TextLimits:
    """How long a typed text and one from a file may be, in characters."""

    max_characters: int = 4000
    max_file_characters: int = MAX_CHARACTERS

    def require_size(self, message: Message) -> None:
        """Raise TitleTooLong, TextTooLong, FileTooLong: before anything is read, whatever it is made of."""
        require_length(message.title, _UNTIDY * TITLE_CHARACTERS, TitleTooLong, TITLE_CHARACTERS)
        require_length(message.text, self.max_characters)
        require_length(message.attached, self.max_file_characters, FileTooLong)

    def checked_message(self, message: Message, settings: RoomSettings) -> Message:
        """A message with all that it brings as its text. Raises TextTooLong, FileTooLong, FilteredText."""
        self.require_size(message)
        typed = checked_text(message.text, settings, message.room, self.max_characters)
        attached = checked_text(message.attached, settings, message.room, self.max_file_characters)
        return replace(message, text=replace(message, text=typed, attached=attached).whole, attached="")


DEFAULT_LIMITS = TextLimits()


def checked_text(text: str, settings: RoomSettings, room: Room, limit: int) -> str:
    """A person's text as it can be kept; nothing but spaces is none. Raises TextTooLong, FilteredText."""
    require_length(text, limit)
    kept = "" if is_blank(text) else writable(text)
    require_clean(kept, settings, room)
    return kept


def checked_title(title: str, settings: RoomSettings, room: Room) -> str:
    """A title that somebody typed, whole and in one line. Raises TitleTooLong, FilteredText."""
    require_length(title, _UNTIDY * TITLE_CHARACTERS, TitleTooLong, TITLE_CHARACTERS)
    name = one_line(title)
    require_length(name, TITLE_CHARACTERS, TitleTooLong)
    return checked_text(name, settings, room, TITLE_CHARACTERS)


def require_clean(text: str, settings: RoomSettings, room: Room) -> None:
    """Raise FilteredText where people's words are filtered and one of these stands in a text."""
    people_too = settings.filter_people and is_filtered(settings, room)
    if people_too and (words := WordFilter.of(settings.words).found(text)):
        raise FilteredText(words="、".join(words))
