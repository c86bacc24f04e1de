"""What people and jobs say in the store's tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from bot.messages import Ask, Author, Job, Message, Room
from bot.store import SqlStore

ROOM = Room("web", "moon")
ELSEWHERE = Room("web", "sea")
AKI = Author("web", "aki", "秋", "ja")
BEN = Author("web", "ben", "Ben", "en")


class Calendar:
    """A clock that is a second later at each look."""

    def __init__(self) -> None:
        self._seconds = count()

    def __call__(self) -> datetime:
        """The next second."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(self._seconds))


def says(text: str, event: str, room: Room = ROOM, author: Author = AKI) -> Message:
    """A message."""
    return Message(event, room, author, text)


async def asked(store: SqlStore, name: str, room: Room = ROOM, text: str = "雨が降っている。") -> Job:
    """A waiting job with the id `name`."""
    heard = await store.hear(says(text, f"event of {name}", room), Ask(), name, 7)
    if heard.job is None:
        raise AssertionError("no job was made")
    return heard.job


async def texts(store: SqlStore, room: Room = ROOM) -> list[str]:
    """The room's story, passage by passage."""
    story = await store.story(room)
    return [] if story is None else [passage.text for passage in story.passages]
