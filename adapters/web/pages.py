"""The addresses of the web room, and what every page has in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from nicegui import APIRouter, ui

from adapters.base import Play
from adapters.web import translate
from adapters.web.elements import Text
from adapters.web.front import FrontPage
from adapters.web.hub import Hub
from adapters.web.room import RoomPage
from adapters.web.visitor import Visitor, visitor_of
from bot.seams import Say

RECONNECT_TIMEOUT_S = 10.0
"""How long the server keeps a page whose connection broke; after that the browser loads it again."""

_LANGUAGES: dict[str, Any] = {"ja": "ja", "en": "en-US"}


@dataclass(frozen=True, slots=True)
class Pages:
    """Builds the pages. `head` is what travels inside each: the style sheet, and what all parts share.

    `later`: what visitors, by their ids, are told on the next page, as the one before was left at once.
    """

    play: Play
    hub: Hub
    say: Say
    head: str
    later: dict[str, str] = field(default_factory=dict)

    def routes(self) -> APIRouter:
        """The pages as routes for an application of ours."""
        router = APIRouter()

        @router.page("/")
        async def front(request: Request) -> None:
            await self.front(request)

        @router.page("/r/{slug}")
        async def room(request: Request, slug: str) -> None:
            await self.room(request, slug)

        return router

    async def front(self, request: Request) -> None:
        """Where stories begin."""
        visitor = visitor_of(request)
        self._dress(visitor.locale, self.say("web.app", visitor.locale))
        await FrontPage(self.play, self.say, visitor, self.later).build()

    async def room(self, request: Request, slug: str) -> None:
        """One story."""
        visitor = visitor_of(request)
        if not translate.is_slug(slug):
            self._no_such_room(visitor)
            return
        room = translate.room_of(slug)
        rules = await self.play.rules(room)
        # No await between the two: a room that nobody looks at or joins may be forgotten.
        page = RoomPage(self.play, self.say, visitor, self.hub, room, ui.context.client)
        snapshot = await page.join()
        self._dress(visitor.locale, page.title)
        page.build(snapshot, rules, self.later.pop(visitor.id, ""))

    def _dress(self, locale: str, title: str) -> None:
        # Language and title belong to the visitor, not to the route: each client gets a page of its own.
        client = ui.context.client
        client.page = ui.page(
            client.page.path,
            title=title,
            language=_LANGUAGES[locale],
            dark=None,
            reconnect_timeout=RECONNECT_TIMEOUT_S,
        )
        ui.add_head_html(self.head)

    def _no_such_room(self, visitor: Visitor) -> None:
        locale = visitor.locale
        ui.context.client.status_code = 404
        self._dress(locale, self.say("web.app", locale))
        with ui.element("div").classes("tz-page tz-front"), ui.element("header").classes("tz-cover"):
            Text("p", self.say("web.no_such_room", locale))
            Text("a", self.say("web.home", locale)).props(f"href={visitor.path}/")
