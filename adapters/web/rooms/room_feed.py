"""What each room shows just now, sent to everybody who looks at it.

A room's passages come from the store alone, by their ids: whatever made them (a person in a browser, the
model, another process), they are shown once. Replies are kept here until their passage is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from adapters.web.render.markup import TextPiece, marked
from adapters.web.render.values import (
    ActView,
    AlternativeView,
    Participant,
    PassageView,
    ReplyView,
    RoomChange,
    StoryPosition,
    reply_view,
)
from adapters.web.rooms.reply_board import ReplyBoard
from bot.core.services import Services
from bot.domain.chat import Author, Room
from bot.domain.replies import Reply, ReplyState
from bot.domain.room_settings import RoomSettings
from bot.domain.story import Act, Passage, Story
from bot.story.joining import last_in_character, last_passage, lines_out_of_character

HUES = 8
"""How many author colours the style sheet has; they are given in the order of first appearance."""


class Subscriber(Protocol):
    """One open page."""

    def show(self, change: RoomChange) -> None:
        """Apply a change; never waits."""
        ...

    def show_people(self, people: tuple[Participant, ...]) -> None:
        """Show who is there now."""
        ...

    def show_settings(self, settings: RoomSettings) -> None:
        """The room's settings as they are now."""
        ...

    def rename(self, name: str) -> None:
        """The page's person took another name in another tab; empty: they are forgotten."""
        ...


@dataclass(slots=True)
class RoomFeed:
    """One room: its story as last read, its replies in the making, its subscribers."""

    room: Room
    services: Services
    story: Story | None = None
    _shown: tuple[PassageView, ...] = ()
    _position: StoryPosition = field(default_factory=StoryPosition)
    _replies: ReplyBoard = field(default_factory=ReplyBoard)
    _awaited: set[str] = field(default_factory=set)
    _compared: str | None = None
    _act: Act | None = None
    _read_once: bool = False
    _named: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    _subscribers: list[Subscriber] = field(default_factory=list)
    _people: dict[Subscriber, Participant] = field(default_factory=dict)
    _joining: int = 0
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def title(self) -> str:
        """The story's title; empty where there is no story."""
        return self.story.title if self.story else ""

    @property
    def idle(self) -> bool:
        """Whether nobody looks and nothing is under way: the room may be forgotten."""
        return not (self._subscribers or self._replies or self._joining or self._reading.locked())

    # Subscribers

    async def subscribe(self, subscriber: Subscriber) -> RoomChange:
        """Subscribe a page; returns all there is to show. What comes later goes to `subscriber.show`."""
        self._joining += 1
        try:
            return await self._joined(subscriber)
        finally:
            self._joining -= 1

    async def _joined(self, subscriber: Subscriber) -> RoomChange:
        async with self._reading:
            self._publish(await self._read())
            # No await from here on: a change falls either into the snapshot or into `show`, never between.
            self._subscribers.append(subscriber)
            drafts = tuple(self._reply_view(key) for key in self._replies)
            return RoomChange(0, self._shown, drafts, standing=self._position)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """The page is gone."""
        if subscriber in self._subscribers:
            self._subscribers.remove(subscriber)
        self.disconnected(subscriber)

    def connected(self, subscriber: Subscriber, person: Participant) -> None:
        """A page is connected, or its person took another name: all their pages bear the same."""
        known = next((each.name for each in self._people.values() if each.id == person.id and each.name), "")
        self._people[subscriber] = person
        if person.name or known:
            self._name(person.id, person.name or known)
        self._publish_people()

    def forgotten(self, person_id: str) -> None:
        """A person had all of theirs deleted: none of their pages bears their name any more."""
        self._name(person_id, "")
        self._publish_people()

    def _name(self, person_id: str, name: str) -> None:
        for subscriber, known in tuple(self._people.items()):
            if known.id == person_id and known.name != name:
                self._people[subscriber] = replace(known, name=name)
                subscriber.rename(name)
        who, others = (self.room.platform, person_id), self._named.setdefault(name, [])
        if name and who not in others:
            others.append(who)

    def disconnected(self, subscriber: Subscriber) -> None:
        """A subscriber's page lost its connection."""
        if self._people.pop(subscriber, None) is not None:
            self._publish_people()

    def number(self, author: Author) -> int:
        """What stands for a person in this room, so that no page learns another visitor's id."""
        return self._number(author.person)

    def _number(self, person: tuple[str, str]) -> int:
        return self._numbers.setdefault(person, len(self._numbers) + 1)

    # Changing

    async def refresh(self) -> None:
        """Read the story again and tell everybody what is new."""
        async with self._reading:
            self._publish(await self._read())

    def end_comparison(self) -> None:
        """Somebody chose between candidates: they need not lie side by side any more."""
        self._compared = None

    def publish_settings(self, settings: RoomSettings) -> None:
        """Tell everybody which settings hold now."""
        for subscriber in tuple(self._subscribers):
            subscriber.show_settings(settings)

    async def publish_reply(self, message_id: str, reply: Reply) -> None:
        """Show a reply; one that became a passage gives way to it in the same change."""
        if reply.state.is_open:
            if not self._replies.is_stored(reply):
                await self._publish_open(message_id, reply)
        else:
            await self._publish_ended(message_id, reply)

    def remove_reply(self, message_id: str) -> None:
        """A reply in the making goes: another one stands in its stead."""
        self._publish(RoomChange(drop=self._replies.drop(message_id)))

    async def _publish_open(self, message_id: str, reply: Reply) -> None:
        before = self._replies.state(message_id)
        drop = () if before else self._replies.drop_ended()
        self._awaited.add(reply.job)
        self._replies.put_open(message_id, reply)
        if self._subscribers and reply.state is not before:
            # It was begun, or waits anew: the story knows its place.
            async with self._reading:
                change = await self._read()
                self._publish(self._with_reply(replace(change, drop=(*drop, *change.drop)), message_id))
        else:
            self._publish(self._with_reply(RoomChange(drop=drop), message_id))

    async def _publish_ended(self, message_id: str, reply: Reply) -> None:
        """A reply is over: its passage takes its place; what is to be said about it stays for a while."""
        async with self._reading:
            awaited = reply.job in self._awaited
            self._awaited.discard(reply.job)
            if awaited and reply.other_candidates:
                self._compared = reply.job
            change = await self._read()
            if awaited and reply.state is ReplyState.DONE:
                change = replace(change, drop=(*change.drop, *self._replies.drop_ended()))
            # Without buttons, another reply waits already: why this one ended is news all the same.
            if reply.note and (reply.interactive or awaited):
                self._replies.put_ended(message_id, reply, self.story)
            else:
                change = replace(change, drop=(*change.drop, *self._replies.drop(message_id)))
            self._publish(self._with_reply(change, message_id))

    def _with_reply(self, change: RoomChange, message_id: str) -> RoomChange:
        """A change that shows a reply as it is now, if it is there, besides what it shows already."""
        others = tuple(reply for reply in change.drafts if reply.id != message_id)
        this = (self._reply_view(message_id),) if message_id in self._replies else ()
        return replace(change, drafts=(*others, *this))

    # Reading

    async def _read(self) -> RoomChange:
        """Take over the story as it is now; returns what changed."""
        story, tree = await self.services.stories.open_in(self.room), []
        if story is not None:
            tree = list(await self.services.passages.of_story(story.id))
        besides = _besides(story) != _besides(self.story)
        self.story = story
        over = self._replies.drop_stored(frozenset(passage.id for passage in tree))
        moved = tuple(self._reply_view(key) for key in self._replies.follow(story))
        last = last_passage(story) if story else None
        if self._compared and not (last and last.id.startswith(self._compared + ".")):
            self._compared = None
        before, self._shown = self._shown, self._passages(story, tree)
        position = _position_of(story)
        change = RoomChange(drafts=moved, drop=over, besides=besides, act=await self._new_act())
        if position != self._position:
            self._position = position
            change = replace(change, standing=position)
        if before != self._shown:
            start = _common(before, self._shown)
            change = replace(change, start=start, passages=self._shown[start:])
        return change

    async def _new_act(self) -> ActView | None:
        """What was done since the room was last read; what was done before anybody looked is no news."""
        act, before = await self.services.stories.last_act(self.room), self._act
        self._act = act
        looked, self._read_once = self._read_once, True
        if not looked or act is None or act == before:
            return None
        name = self.label(act.by.person, act.by.name)
        counts = (act.passages_before, act.passages_after)
        return ActView(act.id, act.kind.value, name, self.number(act.by), *counts, act.taken_back)

    def _passages(self, story: Story | None, tree: Sequence[Passage]) -> tuple[PassageView, ...]:
        if story is None:
            return ()
        beside: dict[str | None, list[Passage]] = {}
        for passage in tree:
            if not passage.deleted:
                beside.setdefault(passage.parent_id, []).append(passage)
        return tuple(
            self._passage(story, passage, beside.get(passage.parent_id, [])) for passage in story.passages
        )

    def _passage(self, story: Story, passage: Passage, beside: Sequence[Passage]) -> PassageView:
        author = passage.author
        owner = passage.asker or author
        versions = tuple(
            AlternativeView(each.id, each.author.name, each.text, _marked(story, each)) for each in beside
        )
        return PassageView(
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

    def _reply_view(self, message_id: str) -> ReplyView:
        reply = self._replies[message_id]
        asker = "" if reply.asker is None else self.label(reply.asker.person, reply.asker.name)
        stored, after = self._replies.is_stored(reply), self._replies.place(message_id)
        return reply_view(message_id, reply, asker, stored=stored, after=after)

    def hue(self, person: tuple[str, str]) -> int:
        """The colour of a person in this room."""
        return (self._number(person) - 1) % HUES

    def label(self, person: tuple[str, str], name: str) -> str:
        """A person's name in this room: of several who were here with one name, later ones are numbered."""
        others = self._named.get(name, [])
        place = others.index(person) + 1 if person in others else 1
        return name if place == 1 else f"{name}（{place}）"

    # Publishing

    def _publish(self, change: RoomChange) -> None:
        if change.empty:
            return
        for subscriber in tuple(self._subscribers):
            subscriber.show(change)

    def _publish_people(self) -> None:
        people = tuple(self._distinct())
        for subscriber in tuple(self._subscribers):
            subscriber.show_people(people)

    def _distinct(self) -> Iterator[Participant]:
        seen: set[str] = set()
        for person in self._people.values():
            if person.id not in seen:
                seen.add(person.id)
                yield self._distinct_person(person) if person.name else person

    def _distinct_person(self, person: Participant) -> Participant:
        who = (self.room.platform, person.id)
        return replace(person, name=self.label(who, person.name), hue=self.hue(who))


def _marked(story: Story, passage: Passage) -> tuple[TextPiece, ...]:
    return marked(passage.text, lines_out_of_character(story, passage))


def _position_of(story: Story | None) -> StoryPosition:
    if story is None:
        return StoryPosition()
    last = (last_passage(story), last_in_character(story))
    ends = dict.fromkeys([story.head, *(end.id for end in last if end is not None)])
    ids = tuple(end for end in ends if end is not None)
    return StoryPosition(story.head, undo=story.head is not None, redo=story.can_redo, ends=ids)


def _besides(story: Story | None) -> tuple[object, ...]:
    return (story.id, story.title, story.notes) if story else ()


def _common(before: Sequence[PassageView], after: Sequence[PassageView]) -> int:
    """How many passages both begin with."""
    same = 0
    for old, new in zip(before, after, strict=False):
        if old != new:
            break
        same += 1
    return same


class RoomFeeds:
    """The rooms that somebody looks at or that have a reply under way."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._feeds: dict[Room, RoomFeed] = {}

    def room(self, room: Room) -> RoomFeed:
        """The feed of a room."""
        self._forget_idle()
        return self._feeds.setdefault(room, RoomFeed(room, self._services))

    async def refresh(self) -> None:
        """Read every story again that somebody looks at: what changed may stand in several."""
        for feed in tuple(self._feeds.values()):
            await feed.refresh()

    def _forget_idle(self) -> None:
        for room in [room for room, feed in self._feeds.items() if feed.idle]:
            del self._feeds[room]
