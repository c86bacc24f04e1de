"""What each room shows just now, told to everybody who looks at it.

A room's passages come from the store alone, by their ids: whatever made them (a person in a browser, the
model, another process), they are shown once. Drafts live here until the passage that they became is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from adapters.web.live.drafts import LIVE, Drafts
from adapters.web.render.markup import ShownPiece, marked
from adapters.web.render.values import (
    Change,
    Person,
    ShownAct,
    ShownDraft,
    ShownPassage,
    ShownVersion,
    Standing,
    shown_draft,
)
from bot.core.services import Services
from bot.domain.chat import Author, Room
from bot.domain.errors import NoStory
from bot.domain.replies import Reply, ReplyState
from bot.domain.room_settings import RoomSettings
from bot.domain.story import Act, Passage, Story
from bot.story.joining import beside_lines, ending, last_told

HUES = 8
"""How many author colours the style sheet has; they are given in the order of first appearance."""


class Watcher(Protocol):
    """One open page."""

    def show(self, change: Change) -> None:
        """Apply a change; never waits."""
        ...

    def show_people(self, people: tuple[Person, ...]) -> None:
        """Show who is there now."""
        ...

    def show_rules(self, rules: RoomSettings) -> None:
        """The room's rules as they are now."""
        ...

    def rename(self, name: str) -> None:
        """The page's person took another name in another tab; empty: they are forgotten."""
        ...


@dataclass(slots=True)
class LiveRoom:
    """One room: its story as last read, its drafts, its watchers."""

    room: Room
    services: Services
    story: Story | None = None
    _shown: tuple[ShownPassage, ...] = ()
    _standing: Standing = field(default_factory=Standing)
    _drafts: Drafts = field(default_factory=Drafts)
    _awaited: set[str] = field(default_factory=set)
    _compared: str | None = None
    _act: Act | None = None
    _read_once: bool = False
    _named: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    _watchers: list[Watcher] = field(default_factory=list)
    _people: dict[Watcher, Person] = field(default_factory=dict)
    _joining: int = 0
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def title(self) -> str:
        """The story's title; empty where there is no story."""
        return self.story.title if self.story else ""

    @property
    def idle(self) -> bool:
        """Whether nobody looks and nothing is under way: the room may be forgotten."""
        return not (self._watchers or self._drafts or self._joining or self._reading.locked())

    # Watching

    async def join(self, watcher: Watcher) -> Change:
        """Start watching; returns all there is to show. What comes later goes to `watcher.show`."""
        self._joining += 1
        try:
            return await self._joined(watcher)
        finally:
            self._joining -= 1

    async def _joined(self, watcher: Watcher) -> Change:
        async with self._reading:
            self._tell(await self._read())
            # No await from here on: a change falls either into the snapshot or into `show`, never between.
            self._watchers.append(watcher)
            drafts = tuple(self._shown_draft(key) for key in self._drafts)
            return Change(0, self._shown, drafts, standing=self._standing)

    def leave(self, watcher: Watcher) -> None:
        """Stop watching."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)
        self.away(watcher)

    def here(self, watcher: Watcher, person: Person) -> None:
        """A watcher's page is connected, or its person took another name: all their pages bear the same."""
        known = next((each.name for each in self._people.values() if each.id == person.id and each.name), "")
        self._people[watcher] = person
        if person.name or known:
            self._name(person.id, person.name or known)
        self._tell_people()

    def forgotten(self, person_id: str) -> None:
        """A person had all of theirs deleted: none of their pages bears their name any more."""
        self._name(person_id, "")
        self._tell_people()

    def _name(self, person_id: str, name: str) -> None:
        for watcher, known in tuple(self._people.items()):
            if known.id == person_id and known.name != name:
                self._people[watcher] = replace(known, name=name)
                watcher.rename(name)
        who, others = (self.room.platform, person_id), self._named.setdefault(name, [])
        if name and who not in others:
            others.append(who)

    def away(self, watcher: Watcher) -> None:
        """A watcher's page lost its connection."""
        if self._people.pop(watcher, None) is not None:
            self._tell_people()

    def number(self, author: Author) -> int:
        """What stands for a person in this room, so that no page learns another visitor's id."""
        return self._number(author.person)

    def _number(self, person: tuple[str, str]) -> int:
        return self._numbers.setdefault(person, len(self._numbers) + 1)

    # Changing

    async def refresh(self) -> None:
        """Read the story again and tell everybody what is new."""
        async with self._reading:
            self._tell(await self._read())

    def decided(self) -> None:
        """Somebody chose between candidates: they need not lie side by side any more."""
        self._compared = None

    def ruled(self, rules: RoomSettings) -> None:
        """Tell everybody which rules hold now."""
        for watcher in tuple(self._watchers):
            watcher.show_rules(rules)

    async def draft(self, message_id: str, draft: Reply) -> None:
        """Show a reply's draft; one that became a passage gives way to it in the same change."""
        if draft.state in LIVE:
            if not self._drafts.is_stored(draft):
                await self._grow(message_id, draft)
        else:
            await self._settle(message_id, draft)

    def remove(self, message_id: str) -> None:
        """A reply in the making goes: another one stands in its stead."""
        self._tell(Change(drop=self._drafts.drop(message_id)))

    async def _grow(self, message_id: str, draft: Reply) -> None:
        before = self._drafts.state(message_id)
        drop = () if before else self._drafts.drop_ended()
        self._awaited.add(draft.job)
        self._drafts.grow(message_id, draft)
        if self._watchers and draft.state is not before:
            # It was begun, or waits anew: the story knows its place.
            async with self._reading:
                change = await self._read()
                self._tell(self._with_draft(replace(change, drop=(*drop, *change.drop)), message_id))
        else:
            self._tell(self._with_draft(Change(drop=drop), message_id))

    async def _settle(self, message_id: str, draft: Reply) -> None:
        """A reply is over: its passage takes its place; what is to be said about it stays for a while."""
        async with self._reading:
            awaited = draft.job in self._awaited
            self._awaited.discard(draft.job)
            if awaited and draft.other_candidates:
                self._compared = draft.job
            change = await self._read()
            if awaited and draft.state is ReplyState.DONE:
                change = replace(change, drop=(*change.drop, *self._drafts.drop_ended()))
            # Without buttons, another reply waits already: why this one ended is news all the same.
            if draft.note and (draft.interactive or awaited):
                self._drafts.end(message_id, draft, self.story)
            else:
                change = replace(change, drop=(*change.drop, *self._drafts.drop(message_id)))
            self._tell(self._with_draft(change, message_id))

    def _with_draft(self, change: Change, message_id: str) -> Change:
        """A change that shows a draft as it is now, if it is there, besides what it shows already."""
        others = tuple(draft for draft in change.drafts if draft.id != message_id)
        this = (self._shown_draft(message_id),) if message_id in self._drafts else ()
        return replace(change, drafts=(*others, *this))

    # Reading

    async def _read(self) -> Change:
        """Take over the story as it is now; returns what changed."""
        story, tree = await self.services.stories.read(self.room), []
        if story is not None:
            tree = list(await self._tree())
        besides = _besides(story) != _besides(self.story)
        self.story = story
        over = self._drafts.drop_stored(frozenset(passage.id for passage in tree))
        moved = tuple(self._shown_draft(key) for key in self._drafts.follow(story))
        last = ending(story) if story else None
        if self._compared and not (last and last.id.startswith(self._compared + ".")):
            self._compared = None
        before, self._shown = self._shown, self._passages(story, tree)
        standing = _standing(story)
        change = Change(drafts=moved, drop=over, besides=besides, act=await self._new_act())
        if standing != self._standing:
            self._standing = standing
            change = replace(change, standing=standing)
        if before != self._shown:
            start = _common(before, self._shown)
            change = replace(change, start=start, passages=self._shown[start:])
        return change

    async def _new_act(self) -> ShownAct | None:
        """What was done since the room was last read; what was done before anybody looked is no news."""
        act, before = await self.services.stories.last_act(self.room), self._act
        self._act = act
        looked, self._read_once = self._read_once, True
        if not looked or act is None or act == before:
            return None
        name = self.label(act.by.person, act.by.name)
        counts = (act.passages_before, act.passages_after)
        return ShownAct(act.id, act.kind.value, name, self.number(act.by), *counts, act.taken_back)

    async def _tree(self) -> Sequence[Passage]:
        try:
            return await self.services.stories.tree(self.room)
        except NoStory:  # closed in between
            return ()

    def _passages(self, story: Story | None, tree: Sequence[Passage]) -> tuple[ShownPassage, ...]:
        if story is None:
            return ()
        beside: dict[str | None, list[Passage]] = {}
        for passage in tree:
            if not passage.deleted:
                beside.setdefault(passage.parent_id, []).append(passage)
        return tuple(
            self._passage(story, passage, beside.get(passage.parent_id, [])) for passage in story.passages
        )

    def _passage(self, story: Story, passage: Passage, beside: Sequence[Passage]) -> ShownPassage:
        author = passage.author
        owner = passage.asker or author
        versions = tuple(
            ShownVersion(each.id, each.author.name, each.text, _marked(story, each)) for each in beside
        )
        return ShownPassage(
            passage.id,
            author.name if passage.by_model else self.label(author.person, author.name),
            None if passage.by_model else self.hue(author.person),
            passage.text,
            self.number(owner),
            passage.edited,
            versions if len(versions) > 1 else (),
            compare=self._compared is not None and passage.id.startswith(self._compared + "."),
            pieces=_marked(story, passage),
        )

    def _shown_draft(self, message_id: str) -> ShownDraft:
        draft = self._drafts[message_id]
        asker = "" if draft.asker is None else self.label(draft.asker.person, draft.asker.name)
        stored, after = self._drafts.is_stored(draft), self._drafts.place(message_id)
        return shown_draft(message_id, draft, asker, stored=stored, after=after)

    def hue(self, person: tuple[str, str]) -> int:
        """The colour of a person in this room."""
        return (self._number(person) - 1) % HUES

    def label(self, person: tuple[str, str], name: str) -> str:
        """A person's name in this room: of several who were here with one name, later ones are numbered."""
        others = self._named.get(name, [])
        place = others.index(person) + 1 if person in others else 1
        return name if place == 1 else f"{name}（{place}）"

    # Telling

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
                yield self._distinct_person(person) if person.name else person

    def _distinct_person(self, person: Person) -> Person:
        who = (self.room.platform, person.id)
        return replace(person, name=self.label(who, person.name), hue=self.hue(who))


def _marked(story: Story, passage: Passage) -> tuple[ShownPiece, ...]:
    return marked(passage.text, beside_lines(story, passage))


def _standing(story: Story | None) -> Standing:
    if story is None:
        return Standing()
    told = (ending(story), last_told(story))
    ends = dict.fromkeys([story.head, *(end.id for end in told if end is not None)])
    ids = tuple(end for end in ends if end is not None)
    return Standing(story.head, undo=story.head is not None, redo=story.can_redo, ends=ids)


def _besides(story: Story | None) -> tuple[object, ...]:
    return (story.id, story.title, story.notes) if story else ()


def _common(before: Sequence[ShownPassage], after: Sequence[ShownPassage]) -> int:
    """How many passages both begin with."""
    same = 0
    for old, new in zip(before, after, strict=False):
        if old != new:
            break
        same += 1
    return same


class Hub:
    """The rooms that somebody looks at or that have a reply under way."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._rooms: dict[Room, LiveRoom] = {}

    def room(self, room: Room) -> LiveRoom:
        """The live room at `room`."""
        self._forget_idle()
        return self._rooms.setdefault(room, LiveRoom(room, self._services))

    async def refresh(self) -> None:
        """Read every story again that somebody looks at: what changed may stand in several."""
        for live in tuple(self._rooms.values()):
            await live.refresh()

    def _forget_idle(self) -> None:
        for room in [room for room, live in self._rooms.items() if live.idle]:
            del self._rooms[room]
