"""Whether what a person wrote can be kept (length, word filter), and whether the model can read it."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.core.settings_resolver import SettingsResolver
from bot.domain.chat import Message, Room
from bot.domain.errors import (
    EmptyPrompt,
    EngineError,
    FileTooLong,
    FilteredText,
    NoStory,
    TitleTooLong,
    UnreadableText,
)
from bot.domain.inference import ContextWindow, GenerationRequest, TokenCount
from bot.domain.jobs import GenerationOptions
from bot.domain.ports import Engine
from bot.domain.repositories import Repositories
from bot.domain.room_settings import RoomSettings, is_filtered, preset_of, sampling_of
from bot.domain.story import Story
from bot.story.joining import WINDOW_CHARACTERS, in_character_text, is_blank, one_line, writable
from bot.story.prompt import TITLE_CHARACTERS, build_context, require_length, with_unsent
from bot.text.code_points import named
from bot.text.continuation import max_tokens
from bot.text.out_of_character import without_out_of_character
from bot.text.ruby import without_ruby
from bot.text.text_file import MAX_CHARACTERS
from bot.text.word_filter import WordFilter

PATIENCE_S = 0.5
"""How long a person waits for what the engine says of their text."""
NOT_COUNTED = TokenCount(0)
"""Stands for what the engine did not tell in time."""
_SHOWN_UNREADABLE = 20
_RoomAuthor = tuple[Room, tuple[str, str]]
"""A person in a room."""
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


class PromptCheck:
    """Asks the engine what it sees of a story, and, within `patience_s`, how it reads people's texts."""

    def __init__(
        self, store: Repositories, settings: SettingsResolver, engine: Engine, patience_s: float = PATIENCE_S
    ) -> None:
        self._store = store
        self._settings = settings
        self._engine = engine
        self._patience_s = patience_s
        # Whose texts, and where, the model could not be asked about when they came.
        self._uncounted: set[_RoomAuthor] = set()

    async def require_prompt(
        self, message: Message, options: GenerationOptions, earlier: Sequence[Message]
    ) -> TokenCount:
        """Make sure that there is something to go on from; returns how the model reads the message.

        Raises:
            EmptyPrompt, UnreadableText
        """
        if text := await self.in_character(message.room, message.text):
            return await self._new_to_author(message, await self._readable(without_ruby(text)))
        story = await self._store.stories.open_in(message.room)
        has_text = story is not None and _has_text(story, options)
        if not has_text and not any([await self.in_character(one.room, one.text) for one in earlier]):
            raise EmptyPrompt
        return await self._new_to_author(message, TokenCount(0))

    async def count_tokens(self, message: Message, passage_id: str = "") -> TokenCount:
        """How the model reads a message, without the characters that its author knows of.

        `passage_id`: the passage that the message became, if it was kept already.
        """
        text = without_ruby(await self.in_character(message.room, message.whole))
        return (
            await self._new_to_author(message, await self._count(text), passage_id) if text else NOT_COUNTED
        )

    async def context_window(self, room: Room) -> ContextWindow:
        """What the model would see of a room's story now, exactly, and what was left out. Raises NoStory."""
        story = await self._store.stories.open_in(room)
        if story is None:
            raise NoStory
        settings = await self._settings.resolve(room)
        context = build_context(story)
        window = await self._engine.context_window(
            GenerationRequest(
                prompt=context.prompt,
                sampling=sampling_of(preset_of(settings), settings),
                max_tokens=max_tokens(settings.length),
                prefix=context.prefix,
                depth_inserted=context.depth_inserted,
            )
        )
        return with_unsent(window, story)

    async def in_character(self, room: Room, text: str) -> str:
        """What of a person's text belongs to the story of a room."""
        return without_out_of_character(text, parentheses=await self.parentheses_aside(room))

    async def parentheses_aside(self, room: Room) -> bool:
        """As the room's story keeps it; where none is open, as one that begins now would."""
        story = await self._store.stories.open_in(room)
        return (await self._settings.resolve(room) if story is None else story).parentheses_aside

    async def _readable(self, text: str) -> TokenCount:
        """How the model reads `text`. Raises UnreadableText where it sees nothing of it."""
        count = await self._count(text)
        unseen = set("".join(count.unknown))
        if count is not NOT_COUNTED and all(
            character in unseen or _is_invisible(character) for character in text
        ):
            raise UnreadableText(characters=named(count.unknown[:_SHOWN_UNREADABLE]))
        return count

    async def _count(self, text: str) -> TokenCount:
        """How the model reads `text`, as far as it tells in time."""
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._engine.count_tokens(text)
        except (EngineError, TimeoutError):
            return NOT_COUNTED

    async def _new_to_author(self, message: Message, count: TokenCount, but: str = "") -> TokenCount:
        """Without the characters that this person wrote in this story before, but in passage `but`.

        What could not be counted in time (a model takes a while to load) is counted when they ask next.
        """
        who = (message.room, message.author.person)
        if count is NOT_COUNTED:
            self._uncounted.add(who)
            return count
        late = who in self._uncounted
        story = await self._store.stories.open_in(message.room) if count.needs_warning or late else None
        if story is None:
            return count
        theirs = (
            one.text for one in story.passages if one.author.person == message.author.person and one.id != but
        )
        own = "\n".join(theirs)
        if late:
            return await self._count_late(who, f"{own}\n{message.text}"[-WINDOW_CHARACTERS:])
        known = frozenset(own)
        unknown = tuple(character for character in count.unknown if character not in known)
        unwritable = tuple(character for character in count.unwritable if character not in known)
        return TokenCount(
            count.tokens,
            unknown,
            count.read_as if unknown else "",
            unwritable,
            count.languages_needed if unwritable else (),
        )

    async def _count_late(self, who: _RoomAuthor, text: str) -> TokenCount:
        count = await self._count(without_ruby(await self.in_character(who[0], text)))
        if count is not NOT_COUNTED:
            self._uncounted.discard(who)
        return count


def _has_text(story: Story, options: GenerationOptions) -> bool:
    passages = [passage for passage in story.passages if passage.id != options.instead_of]
    return any(in_character_text(story, passage) for passage in passages)


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character)[0] in "ZC"
