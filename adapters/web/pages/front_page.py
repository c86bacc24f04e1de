"""The first page: begin a story, or open one that is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nicegui import ui

from adapters.web import payloads as translate
from adapters.web.elements import ComposerPart, Text
from adapters.web.limits import limits_of
from adapters.web.live.submissions import Desk
from adapters.web.live.visitor import Visitor
from bot.core.services import Services
from bot.domain.chat import Room
from bot.domain.ports import Translate
from bot.domain.room_settings import RoomSettings
from bot.domain.story import Story

SHOWN_STORIES = 100
"""Enough to find one's own; more would make the first page heavy."""


@dataclass(frozen=True, slots=True)
class FrontPage:
    """One visitor's first page. `later`: see `Pages`."""

    services: Services
    say: Translate
    visitor: Visitor
    later: dict[str, str]

    async def build(self) -> None:
        """Lay the page out."""
        stories = _one_a_room(await self.services.stories.list_stories(translate.PLATFORM))
        with ui.element("div").classes("tz-page tz-front"):
            self._cover()
            self._composer()
            if stories:
                self._list(stories[:SHOWN_STORIES])

    def _cover(self) -> None:
        with ui.element("header").classes("tz-cover"):
            Text("span", "続").classes("tz-mark").props("aria-hidden=true")
            Text("h1", self.say("web.app", self.visitor.locale))
            Text("p", self.say("web.tagline", self.visitor.locale))

    def _composer(self) -> None:
        # Drawn once a page, so that pressing twice begins one story and not two.
        room = translate.room_of(translate.new_slug())
        composer = ComposerPart(
            self.say,
            self.visitor.locale,
            name=self.visitor.name,
            place="start",
            rules=RoomSettings(),
            limits=limits_of(self.services),
            start=True,
        )

        async def enter() -> None:
            ui.navigate.to(f"/r/{room.id}")

        desk = Desk(self.services, self.say, self.visitor, room, composer, enter, self._tell_later)
        composer.on("send", desk.take)

    def _tell_later(self, sentence: str) -> None:
        self.later[self.visitor.id] = sentence

    def _list(self, stories: Sequence[Story]) -> None:
        heading = self.say("web.stories", self.visitor.locale)
        nav = ui.element("nav")
        nav.props["aria-label"] = heading
        with nav:
            Text("h2", heading)
            with ui.element("ul").classes("tz-stories"):
                for story in stories:
                    with ui.element("li"):
                        Text("a", self._title(story)).props(f"href={self.visitor.path}/r/{story.room.id}")

    def _title(self, story: Story) -> str:
        return story.title or self.say("web.untitled", self.visitor.locale)


def _one_a_room(stories: Sequence[Story]) -> list[Story]:
    """Each room once, with the story that is open there, else with its latest."""
    rooms: dict[Room, Story] = {}
    for story in stories:
        if story.room not in rooms or rooms[story.room].closed > story.closed:
            rooms[story.room] = story
    return list(rooms.values())
