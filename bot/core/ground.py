"""What all of play stands on: the parts it is given, a room's rules, and the story that is open there."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.core.permissions import require
from bot.core.queue import JobQueue
from bot.core.settings_resolver import DEFAULTS, rules_in
from bot.domain.chat import Author, Message, Room
from bot.domain.errors import FileTooLong, FilteredText, NoStory, TitleTooLong
from bot.domain.ports import Engine, JobRunner, ReplyOutbox, Store, Translate
from bot.domain.room_settings import RoomSettings, is_filtered
from bot.domain.story import Story
from bot.story.joining import is_blank, one_line, writable
from bot.story.prompt import TITLE_CHARACTERS, require_length
from bot.text.text_file import MAX_CHARACTERS
from bot.text.word_filter import WordFilter

_UNTIDY = 10
"""So many times as long a title may be as it was typed: with spaces that become one, or go."""
SEEDS = 2**32
"""Drawn seeds are short enough to be typed again."""


def draw_seed() -> int:
    """A seed that nobody chose."""
    return secrets.randbelow(SEEDS)


def utc_now() -> datetime:
    """The time of day, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a text and a file may be (characters), and how long a person waits for what the model says."""

    max_characters: int = 4000
    patience_s: float = 0.5
    max_file_characters: int = MAX_CHARACTERS


class Ground:
    """The base of the rules of play."""

    def __init__(
        self,
        store: Store,
        queue: JobQueue,
        engine: Engine,
        replies: ReplyOutbox,
        writer: JobRunner,
        say: Translate,
        *,
        bounds: Bounds = Bounds(),
        defaults: RoomSettings = DEFAULTS,
        clock: Callable[[], datetime] = utc_now,
        draw: Callable[[], int] = draw_seed,
    ) -> None:
        self._store = store
        self._queue = queue
        self._engine = engine
        self._replies = replies
        self._writer = writer
        self._say = say
        self._bounds = bounds
        self._defaults = defaults
        self._clock = clock
        self._draw = draw
        self._one_by_one = asyncio.Lock()
        # Whose texts, and where, the model could not be asked about when they came.
        self._unread: set[tuple[Room, tuple[str, str]]] = set()

    @property
    def max_characters(self) -> int:
        """How long a typed text may be."""
        return self._bounds.max_characters

    @property
    def max_file_characters(self) -> int:
        """How long a text from a file may be."""
        return self._bounds.max_file_characters

    async def rules(self, room: Room) -> RoomSettings:
        """What holds in a room, after all that it lies in had its say."""
        return await rules_in(self._store, room, self._defaults)

    async def _permitted(self, room: Room, by: Author) -> RoomSettings:
        rules = await self.rules(room)
        require(rules, room, by)
        return rules

    async def _open(self, room: Room) -> Story:
        story = await self._store.story(room)
        if story is None:
            raise NoStory
        return story

    def _require_size(self, message: Message) -> None:
        """Raise TitleTooLong, TextTooLong, FileTooLong: before anything is read, whatever it is made of."""
        require_length(message.title, _UNTIDY * TITLE_CHARACTERS, TitleTooLong, TITLE_CHARACTERS)
        require_length(message.text, self._bounds.max_characters)
        require_length(message.attached, self._bounds.max_file_characters, FileTooLong)

    def _kept(self, message: Message, rules: RoomSettings) -> Message:
        """A message with all that it brings as its text. Raises TextTooLong, FileTooLong, FilteredText."""
        self._require_size(message)
        typed = self._wanted(message.text, rules, message.room)
        attached = self._readable(message.attached, self._bounds.max_file_characters)
        self._require_clean(attached, rules, message.room)
        return replace(message, text=replace(message, text=typed, attached=attached).whole, attached="")

    def _wanted(self, text: str, rules: RoomSettings, room: Room, limit: int | None = None) -> str:
        """A person's text as it can be kept. Raises TextTooLong, FilteredText."""
        kept = self._readable(text, limit)
        self._require_clean(kept, rules, room)
        return kept

    def _titled(self, title: str, rules: RoomSettings, room: Room) -> str:
        """A title that somebody typed, whole and in one line. Raises TitleTooLong, FilteredText."""
        require_length(title, _UNTIDY * TITLE_CHARACTERS, TitleTooLong, TITLE_CHARACTERS)
        name = one_line(title)
        require_length(name, TITLE_CHARACTERS, TitleTooLong)
        name = self._readable(name, TITLE_CHARACTERS)
        self._require_clean(name, rules, room)
        return name

    def _require_clean(self, text: str, rules: RoomSettings, room: Room) -> None:
        """Raise FilteredText where people's words are filtered and one of these stands in a text."""
        people_too = rules.filter_people and is_filtered(rules, room)
        if people_too and (words := WordFilter.of(rules.words).found(text)):
            raise FilteredText(words="、".join(words))

    def _readable(self, text: str, limit: int | None = None) -> str:
        """The text as it can be kept; nothing but spaces is no text. Raises TextTooLong."""
        require_length(text, self._bounds.max_characters if limit is None else limit)
        return "" if is_blank(text) else writable(text)
