"""What each room shows just now, told to everybody who looks at it.

A room's passages come from the store alone, by their ids: whatever made them (a person in a browser, the
model, another process), they are shown once. Drafts live here until the passage that they became is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from bot.messages import Draft, DraftState, Passage, Room, Story

HUES = 8
"""How many author colours the style sheet has; they are given in the order of first appearance."""

LIVE = frozenset({DraftState.WAITING, DraftState.WRITING})


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """A passage as a page draws it. `hue` None: the model's."""

    id: str
    name: str
    hue: int | None
    text: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShownDraft:
    """A reply in the making as a page draws it."""

    id: str
    state: str
    text: str
    note: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What a page must do to show what the hub knows.

    `rewrite`: the story is other than the page thinks; `append` is then all of it.
    """

    append: tuple[ShownPassage, ...] = ()
    rewrite: bool = False
    drafts: tuple[ShownDraft, ...] = ()
    drop: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.append or self.rewrite or self.drafts or self.drop)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who looks at a room; without a name they only read."""

    id: str
    name: str
    hue: int = 0


class Watcher(Protocol):
    """One open page."""

    def show(self, change: Change) -> None:
        """Apply a change; never waits."""
        ...

    def show_people(self, people: tuple[Person, ...]) -> None:
        """Show who is there now."""
        ...


Read = Callable[[Room], Awaitable[Story | None]]


@dataclass(slots=True)
class LiveRoom:
    """One room: its story as last read, its drafts, its watchers."""

    room: Room
    read: Read
    title: str = ""
    _passages: tuple[Passage, ...] = ()
    _drafts: dict[str, Draft] = field(default_factory=dict)
    _settled: set[str] = field(default_factory=set)
    _choices: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _hues: dict[str, int] = field(default_factory=dict)
    _watchers: list[Watcher] = field(default_factory=list)
    _people: dict[Watcher, Person] = field(default_factory=dict)
    _joining: int = 0
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def idle(self) -> bool:
        """Whether nobody looks and nothing is under way: the room may be forgotten."""
        return not (self._watchers or self._drafts or self._joining or self._reading.locked())

    async def join(self, watcher: Watcher) -> Change:
        """Start watching; returns all there is to show. What comes later goes to `watcher.show`."""
        self._joining += 1
        try:
            return await self._joined(watcher)
        finally:
            self._joining -= 1

    async def _joined(self, watcher: Watcher) -> Change:
        async with self._reading:
            self._tell(self._take(await self.read(self.room)))
            # No await from here on: a change falls either into the snapshot or into `show`, never between.
            self._watchers.append(watcher)
            return Change(
                append=self._all(),
                rewrite=True,
                drafts=tuple(_shown_draft(key, draft) for key, draft in self._drafts.items()),
            )

    def leave(self, watcher: Watcher) -> None:
        """Stop watching."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)
        self.away(watcher)

    def here(self, watcher: Watcher, person: Person) -> None:
        """A watcher's page is connected, or its person took another name."""
        self._people[watcher] = person
        self._tell_people()

    def away(self, watcher: Watcher) -> None:
        """A watcher's page lost its connection."""
        if self._people.pop(watcher, None) is not None:
            self._tell_people()

    async def refresh(self) -> None:
        """Read the story again and tell everybody what is new."""
        async with self._reading:
            self._tell(self._take(await self.read(self.room)))

    async def draft(self, message_id: str, draft: Draft) -> None:
        """Show a reply's draft; one that is done gives way to its passage in the same change."""
        if draft.state is DraftState.DONE:
            await self._settle(message_id, draft)
        elif message_id not in self._settled:
            drop = self._ended() if message_id not in self._drafts else ()
            self._drafts[message_id] = draft
            self._tell(Change(drafts=(_shown_draft(message_id, draft),), drop=drop))

    async def _settle(self, message_id: str, draft: Draft) -> None:
        async with self._reading:
            change = self._take(await self.read(self.room), draft)
            self._settled.discard(message_id)
            if self._drafts.pop(message_id, None) is not None:
                change = replace(change, drop=(*change.drop, message_id))
            self._tell(change)

    def _ended(self) -> tuple[str, ...]:
        """Forget replies that failed or were stopped: something newer takes their place."""
        ended = tuple(key for key, draft in self._drafts.items() if draft.state not in LIVE)
        for key in ended:
            del self._drafts[key]
        return ended

    def _take(self, story: Story | None, done: Draft | None = None) -> Change:
        """Take over the story as read; returns what changed."""
        before, after = self._passages, story.passages if story else ()
        self._passages, self.title = after, story.title if story else ""
        known = tuple(passage.id for passage in before)
        grown = tuple(passage.id for passage in after[: len(before)]) == known
        added = after[len(before) :] if grown else after
        drop = self._became_passages(added if grown else (), known_story=bool(before))
        chosen = self._keep_choices(done)
        if not grown or (chosen and chosen not in {passage.id for passage in added}):
            return Change(append=self._all(), rewrite=True, drop=drop)
        return Change(append=tuple(self._shown(passage) for passage in added), drop=drop)

    def _all(self) -> tuple[ShownPassage, ...]:
        return tuple(self._shown(passage) for passage in self._passages)

    def _became_passages(self, added: tuple[Passage, ...], *, known_story: bool) -> tuple[str, ...]:
        """The drafts that a new passage of the model makes void, so that nobody sees its text twice.

        One job of a story runs at a time, so the one that is WRITING is the one that was just stored.
        """
        if not known_story or not any(passage.by_model for passage in added):
            return ()
        written = tuple(key for key, draft in self._drafts.items() if draft.state is DraftState.WRITING)
        for key in written:
            del self._drafts[key]
        self._settled.update(written)
        return written

    def _keep_choices(self, done: Draft | None) -> str | None:
        """Remember a finished reply's other candidates with its passage; returns the passage's id."""
        if done is None or not done.choices:
            return None
        for passage in reversed(self._passages):
            if passage.by_model and passage.text.strip() == done.text.strip():
                self._choices[passage.id] = done.choices
                return passage.id
        return None

    def _shown(self, passage: Passage) -> ShownPassage:
        hue = None if passage.by_model else self.hue(passage.author.name)
        return ShownPassage(
            passage.id, passage.author.name, hue, passage.text, self._choices.get(passage.id, ())
        )

    def hue(self, name: str) -> int:
        """The colour of a name in this room."""
        return self._hues.setdefault(name, len(self._hues)) % HUES

    def _tell(self, change: Change) -> None:
        if change.empty:
            return
        for watcher in tuple(self._watchers):
            watcher.show(change)

    def _tell_people(self) -> None:
        people = tuple(self._distinct())
        for watcher in tuple(self._watchers):
            watcher.show_people(people)

    def _distinct(self) -> Iterator[Person]:
        seen: set[str] = set()
        for person in self._people.values():
            if person.id not in seen:
                seen.add(person.id)
                yield replace(person, hue=self.hue(person.name)) if person.name else person


def _shown_draft(message_id: str, draft: Draft) -> ShownDraft:
    return ShownDraft(message_id, draft.state.value, draft.text, draft.note, draft.choices)


class Hub:
    """The rooms that somebody looks at or that have a reply under way."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._rooms: dict[Room, LiveRoom] = {}

    def room(self, room: Room) -> LiveRoom:
        """The live room at `room`."""
        self._forget_idle()
        return self._rooms.setdefault(room, LiveRoom(room, self._read))

    def _forget_idle(self) -> None:
        for room in [room for room, live in self._rooms.items() if live.idle]:
            del self._rooms[room]
