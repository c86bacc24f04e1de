"""What stands around the play in its tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.core.queue import JobQueue
from bot.core.services import Services
from bot.domain.chat import Author, Message, Room
from bot.domain.errors import EngineError
from bot.domain.inference import ContextWindow, Delta, GenerationRequest, Health, TokenCount
from bot.domain.jobs import Job
from bot.domain.replies import Reply
from bot.domain.story import Passage
from bot.store import Store

ROOM = Room("web", "moon")
AKI = Author("web", "aki", "秋", "ja")
BEN = Author("web", "ben", "Ben", "en")


class ReadingEngine:
    """An engine that knows some characters not, or fails, or never answers."""

    def __init__(self) -> None:
        self.unseen: tuple[str, ...] = ()
        self.unwritable: tuple[str, ...] = ()
        self.error: EngineError | None = None
        self.hangs = False
        self.read: list[str] = []

    async def count_tokens(self, text: str) -> TokenCount:
        """One token a character."""
        self.read.append(text)
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        unwritable = tuple(c for c in self.unwritable if c in text)
        needed = ("ko",) if unwritable else ()
        unknown = tuple(c for c in self.unseen if c in text)
        return TokenCount(len(text), unknown, unwritable=unwritable, languages_needed=needed)

    def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        """The play never generates."""
        raise NotImplementedError

    async def health(self) -> Health:
        """The play never asks."""
        raise NotImplementedError

    async def context_window(self, request: GenerationRequest) -> ContextWindow:
        """Nothing is seen here."""
        raise NotImplementedError


class Shown:
    """`bot.core.outbox.Outbox` that keeps what people would be shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, Reply]] = []
        self.retired: list[tuple[str, str | None]] = []

    def show(self, job: Job, draft: Reply) -> None:
        """Note it."""
        self.shown.append((job.id, draft))

    async def remove_buttons(self, room: Room, but: str | None = None) -> None:
        """Note where, and which reply keeps its buttons."""
        self.retired.append((room.id, but))


class Idle:
    """`bot.core.dispatcher.Dispatcher` that notes whose jobs were stopped, and whose replies were deleted."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.deleted: list[str] = []

    async def stopped(self, job: Job) -> None:
        """Note it."""
        self.ended.append(job.id)

    async def discard(self, job: Job) -> None:
        """Note it."""
        self.deleted.append(job.id)


class Today:
    """A clock that stands at a moment until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The moment."""
        return self.now


@dataclass
class Stage:
    """The play with all that it uses, to look at."""

    services: Services
    store: Store
    queue: JobQueue
    engine: ReadingEngine
    replies: Shown
    writer: Idle
    today: Today

    @property
    def shown(self) -> list[tuple[str, Reply]]:
        """What people would be shown, first to last."""
        return self.replies.shown

    async def texts(self, room: Room = ROOM) -> list[str]:
        """The room's story, passage by passage."""
        story = await self.store.stories.open_in(room)
        return [] if story is None else [passage.text for passage in story.passages]

    async def tree(self, room: Room = ROOM) -> Sequence[Passage]:
        """All passages of the room's story, in the order they were made."""
        story = await self.store.stories.open_in(room)
        return [] if story is None else await self.store.passages.of_story(story.id)


def says(text: str, event: str = "e1", author: Author = AKI, room: Room = ROOM) -> Message:
    """A message."""
    return Message(event, room, author, text)


def say(key: str, locale: str, **values: object) -> str:
    """The sentence's key, to recognise it by."""
    return " ".join([locale, key, *(f"{name}={value}" for name, value in values.items())])
