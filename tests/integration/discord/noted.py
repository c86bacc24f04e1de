"""Services that note what Discord's buttons and commands ask of them, and keep simple stories."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.core.settings_resolver import merge_settings
from bot.core.settings_values import check_changes
from bot.domain.chat import Author, Message, Room
from bot.domain.errors import PassageGone
from bot.domain.inference import ContextWindow, Score
from bot.domain.jobs import GenerationOptions, JobReceipt
from bot.domain.room_settings import RoomSettings
from bot.domain.story import Notes, Passage, Story
from tests.fakes.services import FakeServices


@dataclass(slots=True)
class NotedServices(FakeServices):
    """What was asked is in `noted` as (method, argument, …); `fail(error)` makes the next of them raise.

    `shows` says which passage a platform's message shows; `made_of` holds passages' alternatives; `layers`
    what is set at each scope.
    """

    noted: list[tuple[object, ...]] = field(default_factory=list)
    shows: dict[str, Passage] = field(default_factory=dict)
    made_of: dict[str, list[Passage]] = field(default_factory=dict)
    room_settings: RoomSettings = field(default_factory=RoomSettings)
    kept: dict[Room, Notes] = field(default_factory=dict)
    layers: dict[str, dict[str, object]] = field(default_factory=dict)
    rooms: list[Room] = field(default_factory=list)
    shown_by: list[tuple[str, str, str | None, str | None]] = field(default_factory=list)
    words_of_theirs: int = 3
    failures: list[Exception] = field(default_factory=list)
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def fail(self, error: Exception) -> None:
        """The next thing that is noted raises this instead."""
        self.failures.append(error)

    async def until_noted(self, count: int = 1, timeout_s: float = 30.0) -> tuple[object, ...]:
        """Wait until `count` things were noted in all; returns the last of them."""
        async with asyncio.timeout(timeout_s):
            while len(self.noted) < count:
                self.moved.clear()
                await self.moved.wait()
        return self.noted[count - 1]

    async def until_head(self, room: Room) -> str:
        """The last passage's id."""
        return str((await self._told(room)).head)

    async def open_in(self, room: Room) -> Story | None:
        """The story, with its head."""
        story = await FakeServices.open_in(self, room)
        return story and dataclasses.replace(
            story, head=story.passages[-1].id, notes=self.kept.get(room, Notes())
        )

    def _note(self, *what: object) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.noted.append(what)
        self.moved.set()

    async def _told(self, room: Room) -> Story:
        story = await self.open_in(room)
        if story is None:
            return Story("story-0", room, "無題")
        return story

    async def retry(self, message: Message, ask: GenerationOptions) -> JobReceipt:
        """Note it."""
        self._note("retry", message, ask)
        return JobReceipt("job-r", "story-1", 0)

    async def resubmit(self, message: Message, job_id: str) -> JobReceipt:
        """Note it."""
        self._note("again", message, job_id)
        return JobReceipt("job-anew", "story-1", 0)

    async def stop(self, job_id: str, by: Author) -> bool:
        """Note it; a job called `over` is over."""
        self._note("stop", job_id, by)
        return job_id != "over"

    async def find(
        self,
        platform: str,
        *,
        within: str | None = None,
        room: Room | None = None,
        author: Author | None = None,
    ) -> Sequence[Story]:
        """All of them, or those that an author wrote in."""
        told = await FakeServices.find(self, platform)
        if author is None:
            return told
        return [one for one in told if author.person in await self._writers(one.room)]

    async def _writers(self, room: Room) -> set[tuple[str, str]]:
        story = await FakeServices.open_in(self, room)
        return {passage.author.person for passage in story.passages} if story else set()

    async def get(self, story_id: str) -> Story:
        """By id."""
        for story in await self.find("discord"):
            if story.id == story_id:
                return await self._told(story.room)
        raise PassageGone

    async def alternatives(self, passage_id: str) -> Sequence[Passage]:
        """As the test laid them down."""
        return self.made_of[passage_id]

    async def existing(self, passage_id: str) -> Passage:
        """One that a message shows."""
        for passage in self.shows.values():
            if passage.id == passage_id:
                return passage
        raise PassageGone

    async def by_message(self, platform: str, message_id: str) -> Passage | None:
        """As the test laid them down."""
        return self.shows.get(message_id)

    async def show_by(
        self,
        platform: str,
        event_id: str,
        message_id: str,
        *,
        name: str | None = None,
        text: str | None = None,
    ) -> Passage | None:
        """The message shows what the event showed; what was asked for is in `shown_by`."""
        self.shown_by.append((event_id, message_id, name, text))
        shown = self.shows.pop(event_id, None)
        if shown is not None:
            self.shows[message_id] = shown
        return shown

    async def context_window(self, room: Room) -> ContextWindow:
        """Nothing is seen."""
        return ContextWindow((), 0, 2048, 0)

    async def scores(self, passage_id: str) -> Sequence[Score]:
        """None were kept."""
        return ()

    async def undo(self, room: Room, by: Author, after: str | None = None) -> Story:
        """Note it."""
        self._note("undo", room, by, after)
        return await self._told(room)

    async def withdraw(self, platform: str, message_id: str) -> bool:
        """Nothing is being written."""
        return False

    async def redo(self, room: Room, by: Author, after: str | None = None) -> Story:
        """Note it."""
        self._note("redo", room, by, after)
        return await self._told(room)

    async def choose(self, room: Room, by: Author, passage_id: str) -> Story:
        """Note it."""
        self._note("choose", room, by, passage_id)
        return await self._told(room)

    async def branch(self, room: Room, by: Author, passage_id: str) -> Story:
        """Note it."""
        self._note("branch", room, by, passage_id)
        return await self._told(room)

    async def edit(self, room: Room, by: Author, passage_id: str, text: str) -> Passage:
        """Note it."""
        self._note("edit", room, by, passage_id, text)
        return Passage(passage_id, "story-1", None, by, text)

    async def delete(self, room: Room, by: Author, passage_id: str) -> Story:
        """Note it."""
        self._note("delete", room, by, passage_id)
        return await self._told(room)

    async def begin(self, room: Room, by: Author, title: str = "") -> Story:
        """Note it."""
        self._note("begin", room, by, title)
        return Story("story-9", room, title or "無題")

    async def close(self, room: Room, by: Author) -> Story:
        """Note it."""
        self._note("close", room, by)
        return await self._told(room)

    async def reopen(self, room: Room, by: Author, story_id: str) -> Story:
        """Note it."""
        self._note("reopen", room, by, story_id)
        return await self._told(room)

    async def rename(self, room: Room, by: Author, title: str) -> Story:
        """Note it."""
        self._note("rename", room, by, title)
        return dataclasses.replace(await self._told(room), title=title)

    async def save_notes(self, room: Room, by: Author, notes: Notes, before: Notes) -> Story:
        """Note it and keep them."""
        self._note("annotate", room, by, notes)
        self.kept[room] = notes
        return await self._told(room)

    async def resolve(self, room: Room) -> RoomSettings:
        """The test's; the rooms that were asked for, with all they lie in, are in `rooms`."""
        self.rooms.append(room)
        return self.room_settings

    async def at(self, room: Room, scope: str) -> Mapping[str, object]:
        """As the test laid it down, or it was set."""
        return self.layers.get(scope, {})

    async def change(self, room: Room, scope: str, changes: Mapping[str, object]) -> RoomSettings:
        """Note it, and let it hold."""
        # Presets come filled up with what is as in 標準: a test says what somebody wrote.
        plain = {name: value for name, value in changes.items() if name != "presets"}
        changes = {**changes, **check_changes(plain, self.room_settings)}
        self._note("set_rules", room, scope, changes)
        held = {**self.layers.get(scope, {}), **changes}
        self.layers[scope] = {name: value for name, value in held.items() if value is not None}
        self.room_settings = merge_settings(self.layers.values())
        return self.room_settings

    async def forget(self, by: Author) -> int:
        """Note it."""
        self._note("forget", by)
        return self.words_of_theirs
