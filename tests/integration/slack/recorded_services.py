"""Services that record what the adapter asks of them, with answers that a test lays out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.domain.chat import Author, Message, Room
from bot.domain.errors import PassageGone
from bot.domain.jobs import GenerationOptions, JobReceipt
from bot.domain.room_settings import RoomSettings
from bot.domain.story import Passage, Story
from tests.fakes.services import FakeServices

_AT_FIRST = RoomSettings()


@dataclass(slots=True)
class RecordedServices(FakeServices):
    """`calls` are the changes that were asked for, as name and arguments; `wrong` is raised by the next one.

    `shown` says which message shows which passage, `now` which rules hold, `set_there` what is
    set at a scope.
    """

    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    wrong: list[Exception] = field(default_factory=list)
    shown: dict[str, Passage] = field(default_factory=dict)
    now: RoomSettings = _AT_FIRST
    set_there: dict[str, Mapping[str, object]] = field(default_factory=dict)
    running: bool = True

    def asked(self, name: str) -> list[tuple[Any, ...]]:
        """The arguments of each call of `name`."""
        return [arguments for called, arguments in self.calls if called == name]

    async def until_asked(self, name: str, count: int = 1) -> tuple[Any, ...]:
        """Wait until `name` was called `count` times; returns the arguments of the last of them."""
        async with asyncio.timeout(10):
            while len(self.asked(name)) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.asked(name)[count - 1]

    def lay_out(
        self, room: Room, message_id: str, text: str, by: Author, asker: Author | None = None
    ) -> Passage:
        """A passage that a message shows, at the end of the room's story."""
        passage = replace(self.tell(room, text, by).passages[-1], asker=asker)
        self.shown[message_id] = passage
        return passage

    def _did(self, name: str, *arguments: Any) -> None:
        self.calls.append((name, arguments))
        self._changed.set()
        if self.wrong:
            raise self.wrong.pop(0)

    async def retry(self, message: Message, ask: GenerationOptions) -> JobReceipt:
        """Recorded."""
        self._did("retry", message, ask)
        return JobReceipt("job-again", "story-1", 0)

    async def cancel(self, room: Room, by: Author) -> bool:
        """Recorded."""
        self._did("cancel", room)
        return self.running

    async def resubmit(self, message: Message, job_id: str) -> JobReceipt:
        """Recorded."""
        self._did("again", message, job_id)
        return JobReceipt("job-anew", "story-1", 0)

    async def stop(self, job_id: str, by: Author) -> bool:
        """Recorded."""
        self._did("stop", job_id, by)
        return self.running

    async def withdraw(self, platform: str, message_id: str) -> bool:
        """Nothing is being written."""
        return False

    async def undo(self, room: Room, by: Author, after: str | None = None) -> Story:
        """Recorded."""
        self._did("undo", room, by, after)
        return await self._story(room)

    async def choose(self, room: Room, by: Author, passage_id: str) -> Story:
        """Recorded."""
        self._did("choose", room, by, passage_id)
        return await self._story(room)

    async def branch(self, room: Room, by: Author, passage_id: str) -> Story:
        """Recorded."""
        self._did("branch", room, by, passage_id)
        return replace(await self._story(room), head=passage_id)

    async def edit(self, room: Room, by: Author, passage_id: str, text: str) -> Passage:
        """Recorded."""
        self._did("edit", room, by, passage_id, text)
        return replace(await self.existing(passage_id), text=text)

    async def delete(self, room: Room, by: Author, passage_id: str) -> Story:
        """Recorded."""
        self._did("delete", room, by, passage_id)
        return await self._story(room)

    async def change(self, room: Room, scope: str, changes: Mapping[str, object]) -> RoomSettings:
        """Recorded; what is set at the room itself holds from now on."""
        self._did("set_rules", room, scope, dict(changes))
        if not scope:
            self.now = replace(self.now, **changes)  # type: ignore[arg-type]
        return self.now

    async def at(self, room: Room, scope: str) -> Mapping[str, object]:
        """What the test says is set there."""
        return self.set_there.get(scope, {})

    async def resolve(self, room: Room) -> RoomSettings:
        """What the test says."""
        return self.now

    async def existing(self, passage_id: str) -> Passage:
        """One that was laid out."""
        for passage in self.shown.values():
            if passage.id == passage_id:
                return passage
        raise PassageGone

    async def by_message(self, platform: str, message_id: str) -> Passage | None:
        """As it was laid out."""
        return self.shown.get(message_id)

    async def find(
        self,
        platform: str,
        *,
        within: str | None = None,
        room: Room | None = None,
        author: Author | None = None,
    ) -> Sequence[Story]:
        """The stories that are told, latest first, of a place or a writer."""
        found = [
            story
            for told, story in self._stories.items()
            if (within is None or within in told.parent_scopes)
            and (author is None or any(passage.author.id == author.id for passage in story.passages))
        ]
        return [replace(story, passages=()) for story in reversed(found)]

    async def open_rooms(self, platform: str) -> Sequence[Room]:
        """Of all stories that are told, latest first."""
        return [room for room in reversed(self._stories) if room.platform == platform]

    async def _story(self, room: Room) -> Story:
        return self._stories[room]
