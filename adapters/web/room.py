"""One story's page, as one browser has it open."""

from __future__ import annotations

import json
import logging

from nicegui import Client, ui
from nicegui.events import GenericEventArguments

from adapters.base import Play
from adapters.web.desk import Desk, notify
from adapters.web.elements import ComposerPart, PeoplePart, StoryPart, Text
from adapters.web.hub import Change, LiveRoom, Person
from adapters.web.visitor import Visitor
from bot.messages import Say

_log = logging.getLogger(__name__)


class RoomPage:
    """Shows a live room to one visitor and takes what they write; a `Watcher` of the hub."""

    _heading: Text
    _people: PeoplePart
    _story: StoryPart

    def __init__(self, play: Play, say: Say, visitor: Visitor, live: LiveRoom, client: Client) -> None:
        self._play = play
        self._say = say
        self._visitor = visitor
        self._live = live
        self._client = client

    @property
    def title(self) -> str:
        """The story's title, or what stands for it before there is one."""
        return self._live.title or self._say("web.untitled", self._visitor.locale)

    async def join(self) -> Change:
        """Watch the room from now on; returns what it shows already. Build before the next `await`."""
        self._client.on_connect(self._arrive)
        self._client.on_disconnect(lambda: self._live.away(self))
        self._client.on_delete(lambda: self._live.leave(self))
        return await self._live.join(self)

    def build(self, snapshot: Change) -> None:
        """Lay the page out around what the room shows."""
        locale = self._visitor.locale
        with ui.element("div").classes("tz-page"):
            self._head(locale)
            self._story = StoryPart(snapshot, self._say, locale)
            self._story.on("stop", self._stop)
            composer = ComposerPart(self._say, locale, name=self._visitor.name, place=self._live.room.id)
        desk = Desk(self._play, self._say, self._visitor, self._live.room, composer, self._live.refresh)
        composer.on("send", desk.take)
        composer.on("name", self._rename)

    def show(self, change: Change) -> None:
        """A change of the room."""
        self._story.update_story(change)
        if self._heading.text != self.title:
            self._heading.text = self.title
            self._client.run_javascript(f"document.title = {json.dumps(self.title)}")

    def show_people(self, people: tuple[Person, ...]) -> None:
        """Who is there now."""
        self._people.show(people)

    def _head(self, locale: str) -> None:
        with ui.element("header").classes("tz-head"):
            home = ui.element("a").classes("tz-home")
            home.props["href"], home.props["aria-label"] = "/", self._say("web.home", locale)
            with home:
                Text("span", "続").classes("tz-mark").props("aria-hidden=true")
            self._heading = Text("h1", self.title)
            self._people = PeoplePart(self._say, locale)

    def _arrive(self) -> None:
        self._live.here(self, Person(self._visitor.id, self._visitor.name))

    def _rename(self, event: GenericEventArguments) -> None:
        if isinstance(event.args, dict) and self._visitor.rename(event.args):
            self._arrive()

    async def _stop(self) -> None:
        locale = self._visitor.locale
        try:
            stopped = await self._play.cancel(self._live.room)
        except Exception:  # noqa: BLE001 the border of one click: the person is told, the cause is logged once
            _log.exception("A continuation could not be stopped")
            notify(self._say("web.trouble", locale))
            return
        if not stopped:
            notify(self._say("web.nothing_to_stop", locale))
