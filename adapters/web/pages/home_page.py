"""The first page: begin a story, or open one that is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nicegui import ui

from adapters.web import payloads
from adapters.web.elements import ComposerPart, Text
from adapters.web.limits import limits_of
from adapters.web.rooms.submissions import Submissions
from adapters.web.visitor import Visitor
from bot.core.services import Services
from bot.domain.chat import Room
from bot.domain.ports import Translate
from bot.domain.room_settings import RoomSettings
from bot.domain.story import Story

SHOWN_STORIES = 100
"""Enough to find one's own; more would make the first page heavy."""

LOCAL_TIMES = """
for (const time of document.querySelectorAll(".tz-stories time"))
  time.textContent = new Date(time.dateTime).toLocaleString(document.documentElement.lang, {
    dateStyle: "medium", timeStyle: "short" });
"""
"""Only the browser knows where its reader is."""


@dataclass(frozen=True, slots=True)
class HomePage:
    """One visitor's first page. `later`: see `Pages`."""

    services: Services
    translate: Translate
    visitor: Visitor
    later_notices: dict[str, str]

    async def build(self) -> None:
        """Lay the page out."""
        stories = _one_a_room(await self.services.stories.find(payloads.PLATFORM))
        with ui.element("div").classes("tz-page tz-front"):
            self._cover()
            self._composer()
            if stories:
                self._list(stories[:SHOWN_STORIES])

    def _cover(self) -> None:
        with ui.element("header").classes("tz-cover"):
            Text("span", "続").classes("tz-mark").props("aria-hidden=true")
            Text("h1", self.translate("web.app", self.visitor.locale))
            Text("p", self.translate("web.tagline", self.visitor.locale))

    def _composer(self) -> None:
        # Drawn once a page, so that pressing twice begins one story and not two.
        room = payloads.room_of(payloads.new_slug())
        composer = ComposerPart(
            self.translate,
            self.visitor.locale,
            name=self.visitor.name,
            place="start",
            settings=RoomSettings(),
            limits=limits_of(self.services),
            start=True,
        )

        async def enter() -> None:
            ui.navigate.to(f"/r/{room.id}")

        submissions = Submissions(
            self.services, self.translate, self.visitor, room, composer, enter, self._notify_later
        )
        composer.on("send", submissions.submit)

    def _notify_later(self, sentence: str) -> None:
        self.later_notices[self.visitor.id] = sentence

    def _list(self, stories: Sequence[Story]) -> None:
        heading = self.translate("web.stories", self.visitor.locale)
        nav = ui.element("nav")
        nav.props["aria-label"] = heading
        with nav:
            Text("h2", heading)
            with ui.element("ul").classes("tz-stories"):
                for story in stories:
                    self._line(story)
            ui.run_javascript(LOCAL_TIMES)

    def _line(self, story: Story) -> None:
        """Its title, and when it was last written: stories may have one title."""
        with ui.element("li"), ui.element("a").props(f"href={self.visitor.path}/r/{story.room.id}"):
            Text("span", self._title(story))
            if story.changed_at:
                time = Text("time", f"{story.changed_at:%Y-%m-%d %H:%M} UTC")
                time.props["datetime"] = story.changed_at.isoformat()

    def _title(self, story: Story) -> str:
        return story.title or self.translate("web.untitled", self.visitor.locale)


def _one_a_room(stories: Sequence[Story]) -> list[Story]:
    """Each room once, with the story that is open there, else with its latest."""
    rooms: dict[Room, Story] = {}
    for story in stories:
        if story.room not in rooms or rooms[story.room].closed > story.closed:
            rooms[story.room] = story
    return list(rooms.values())
