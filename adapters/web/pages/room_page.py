"""One story's page, as one browser has it open."""

from __future__ import annotations

import json

from nicegui import Client, ui
from nicegui.events import GenericEventArguments

from adapters.shared.double_clicks import DoubleClicks
from adapters.web import payloads
from adapters.web.elements import ComposerPart, HeadingPart, NotebookPart, PeoplePart, StoryPart, Text
from adapters.web.limits import limits_of
from adapters.web.pages.notebook import Notebook, notes_payload
from adapters.web.render import probability
from adapters.web.render.values import Participant, RoomChange
from adapters.web.rooms.actions import Payload, RoomActions
from adapters.web.rooms.room_feed import RoomFeeds
from adapters.web.rooms.submissions import Submissions, notify, payload_of, run_action
from adapters.web.visitor import Visitor
from bot.aio.clock import SystemClock
from bot.core.services import Services
from bot.domain.chat import Room
from bot.domain.ports import Translate
from bot.domain.room_settings import RoomSettings
from bot.domain.story import Notes


class RoomPage:
    """Shows a room to one visitor and takes what they do; a `Subscriber` of its feed."""

    _heading: HeadingPart
    _people: PeoplePart
    _story: StoryPart
    _composer: ComposerPart
    _leaves: NotebookPart

    def __init__(
        self,
        services: Services,
        translate: Translate,
        visitor: Visitor,
        feeds: RoomFeeds,
        room: Room,
        client: Client,
    ) -> None:
        self._services = services
        self._translate = translate
        self._visitor = visitor
        self._feed = feeds.room(room)
        self._client = client
        clicks = DoubleClicks(SystemClock())
        self._actions = RoomActions(
            services,
            visitor,
            self._feed,
            feeds.refresh,
            self._on_notes_changed,
            self._on_presets_changed,
            self._on_forgotten,
            clicks,
        )
        self._notebook = Notebook(services, room)
        self._limits = limits_of(services)
        self._shown_title = ("", False)

    @property
    def title(self) -> str:
        """The story's title, or what stands for it before there is one."""
        return self._feed.title or self._translate("web.untitled", self._visitor.locale)

    async def subscribe(self) -> RoomChange:
        """Subscribe to the room; returns what it shows already. Build before the next `await`."""
        self._client.on_connect(self._on_connect)
        self._client.on_disconnect(lambda: self._feed.disconnected(self))
        self._client.on_delete(lambda: self._feed.unsubscribe(self))
        return await self._feed.subscribe(self)

    def build(self, snapshot: RoomChange, settings: RoomSettings, notice: str) -> None:
        """Lay the page out around what the room shows; `notice`: what is left to say of the page before."""
        locale, visitor = self._visitor.locale, self._visitor
        Text("a", self._translate("web.skip", locale)).classes("tz-skip").props("href=#tz-text")
        with ui.element("div").classes("tz-page"):
            self._head(locale, visitor.path)
            me = self._feed.number(visitor.author)
            self._story = StoryPart(
                snapshot, self._translate, locale, me=me, place=self._feed.room.id, limits=self._limits
            )
            self._composer = ComposerPart(
                self._translate,
                locale,
                name=visitor.name,
                place=self._feed.room.id,
                settings=settings,
                limits=self._limits,
            )
        if snapshot.standing:
            self._composer.show_position(snapshot.standing)
        self._retitle()
        self._register_handlers()
        if notice:
            notify(notice)

    def show(self, change: RoomChange) -> None:
        """A change of the room."""
        self._story.apply(change)
        if change.standing:
            self._composer.show_position(change.standing)
        if change.start is not None or change.standing or change.besides:
            self._leaves.stale()
        if self._retitle():
            self._client.run_javascript(f"document.title = {json.dumps(self.title)}")

    def show_people(self, people: tuple[Participant, ...]) -> None:
        """Who is there now."""
        self._people.show(people)

    def show_settings(self, settings: RoomSettings) -> None:
        """The room's settings as they are now."""
        self._composer.show_settings(settings)
        self._leaves.stale()

    def _head(self, locale: str, path: str) -> None:
        with ui.element("header").classes("tz-head"):
            home = ui.element("a").classes("tz-home")
            home.props["href"], home.props["aria-label"] = f"{path}/", self._translate("web.home", locale)
            with home:
                Text("span", "続").classes("tz-mark").props("aria-hidden=true")
            self._heading = HeadingPart(self.title, self._translate, locale, limits=self._limits)
            self._people = PeoplePart(self._translate, locale)
            self._leaves = NotebookPart(
                self._translate, locale, place=self._feed.room.id, limits=self._limits
            )

    def _register_handlers(self) -> None:
        submissions = Submissions(
            self._services,
            self._translate,
            self._visitor,
            self._feed.room,
            self._composer,
            self._feed.refresh,
        )
        self._composer.on("send", submissions.submit)
        self._composer.on("name", self._rename)
        for part in (self._composer, self._story, self._leaves, self._heading):
            part.on("act", self._act)
        self._story.on("scores", self._scores)
        self._leaves.on("look", self._look)
        self._leaves.on("export", self._export)

    def _retitle(self) -> bool:
        """Show the title as it is now; whether it was another one."""
        now = (self.title, self._feed.story is not None)
        if now == self._shown_title:
            return False
        self._shown_title = now
        self._heading.show(now[0], named=now[1])
        return True

    def _on_connect(self) -> None:
        self._feed.connected(self, Participant(self._visitor.id, self._visitor.name))

    async def _rename(self, event: GenericEventArguments) -> None:
        await run_action(self._take_name(payload_of(event)), self._translate, self._visitor.locale)

    async def _take_name(self, payload: Payload) -> None:
        if self._visitor.rename(payload):
            self._on_connect()

    def rename(self, name: str) -> None:
        """The visitor took another name in another tab; empty: they are forgotten."""
        self._visitor.name = name
        self._composer.rename(name)

    async def _act(self, event: GenericEventArguments) -> None:
        payload = payload_of(event)
        if not await run_action(self._actions.perform(payload), self._translate, self._visitor.locale):
            return
        action = str(payload["do"])
        self._leaves.saved(action)
        if action == "edit":
            self._story.edited(payloads.passage_of(payload))
        if action == "rename":
            self._heading.kept()

    def _on_notes_changed(self, notes: Notes) -> None:
        self._leaves.clash(notes_payload(notes))

    def _on_presets_changed(self, settings: RoomSettings) -> None:
        self._leaves.presets_changed(settings)

    def _on_forgotten(self, count: int) -> None:
        self._feed.forgotten(self._visitor.id)
        key = "web.forgotten" if count else "web.nothing_to_forget"
        notify(self._translate(key, self._visitor.locale, **({"count": count} if count else {})))

    async def _look(self, event: GenericEventArguments) -> None:
        await run_action(self._show_leaf(payload_of(event)), self._translate, self._visitor.locale)

    async def _show_leaf(self, payload: Payload) -> None:
        name = payloads.text_of(payload, "leaf")
        self._leaves.show(name, await self._notebook.leaf(name))

    async def _scores(self, event: GenericEventArguments) -> None:
        await run_action(self._shade(payload_of(event)), self._translate, self._visitor.locale)

    async def _shade(self, payload: Payload) -> None:
        passage = await self._services.passages.existing(payloads.passage_of(payload))
        scores = await self._services.passages.scores(passage.id)
        if scores:
            self._story.shade(passage.id, probability.shaded(passage.text, scores))
        else:
            notify(self._translate("web.no_odds", self._visitor.locale))

    async def _export(self, event: GenericEventArguments) -> None:
        await run_action(self._download(payload_of(event)), self._translate, self._visitor.locale)

    async def _download(self, payload: Payload) -> None:
        form = payloads.text_of(payload, "form") or "txt"
        name, text = await self._notebook.text_of_story(payloads.text_of(payload, "story"), form)
        ui.download.content(text.encode(), name, "text/plain; charset=utf-8")
