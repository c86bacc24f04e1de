"""What people and jobs say in the store's tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.chat import Author, Message, Room
from bot.domain.jobs import GenerationOptions, Job
from bot.domain.story import Passage, Story
from bot.store import Store
from bot.store.tables import revisions

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


async def asked(store: Store, name: str, room: Room = ROOM, text: str = "雨が降っている。") -> Job:
    """A waiting job with the id `name`."""
    heard = await store.messages.receive(says(text, f"event of {name}", room), GenerationOptions(), name, 7)
    if heard.job is None:
        raise AssertionError("no job was made")
    return heard.job


async def texts(store: Store, room: Room = ROOM) -> list[str]:
    """The room's story, passage by passage."""
    story = await store.stories.open_in(room)
    return [] if story is None else [passage.text for passage in story.passages]


async def wrote(store: Store, *written: str, room: Room = ROOM, author: Author = AKI) -> list[Passage]:
    """Passages that a person wrote one after the other."""
    heard = [
        await store.messages.receive(says(text, uuid4().hex, room, author), None, "", 0) for text in written
    ]
    return [one.passage for one in heard if one.passage is not None]


async def went_on(store: Store, name: str, *written: str, room: Room = ROOM) -> list[Passage]:
    """The candidates of the job `name`, behind the story's end."""
    await store.messages.receive(says("", f"event of {name}", room), GenerationOptions(), name, 7)
    await store.jobs.claim(name)
    return list(await store.jobs.complete(name, written))


async def tried_again(store: Store, name: str, instead_of: str, *written: str) -> list[Passage]:
    """The candidates of the job `name`, beside another passage."""
    await store.messages.receive(
        says("", f"event of {name}"), GenerationOptions(instead_of=instead_of), name, 7
    )
    await store.jobs.claim(name)
    return list(await store.jobs.complete(name, written))


async def told(store: Store, room: Room = ROOM) -> Story:
    """The story that is open in a room."""
    story = await store.stories.open_in(room)
    if story is None:
        raise AssertionError("no story is open")
    return story


async def former_texts(store: Store) -> list[str]:
    """What passages read before they were changed, in order of change."""
    query = select(revisions.c.text).order_by(revisions.c.number)

    async def work(connection: AsyncConnection) -> list[str]:
        return list((await connection.execute(query)).scalars())

    return await store.database.read(work)
