"""The addresses of the web room, and what every page has in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from nicegui import APIRouter, ui

from adapters.web import payloads as translate
from adapters.web.elements import Text
from adapters.web.live.room import Hub
from adapters.web.live.visitor import Visitor, path_of, visitor_of
from adapters.web.pages.front_page import FrontPage
from adapters.web.pages.room_page import RoomPage
from bot.core.services import Services
from bot.domain.ports import Translate

BUILD_TIMEOUT_S = 30.0
"""How long a page may take to be built. After a restart all come at once, and NiceGUI's own three seconds end
with an error page of its own."""

RECONNECT_TIMEOUT_S = 10.0
"""How long the server keeps a page whose connection broke; after that the browser loads it again."""

_LANGUAGES: dict[str, Any] = {"ja": "ja", "en": "en-US"}


@dataclass(frozen=True, slots=True)
class Pages:
    """Builds the pages. `head` is what travels inside each: the style sheet.

    `later`: what visitors, by their ids, are told on the next page, as the one before was left at once.
    """

    services: Services
    hub: Hub
    say: Translate
    head: str
    later: dict[str, str] = field(default_factory=dict)

    def routes(self) -> APIRouter:
        """The pages as routes for an application of ours."""
        router = APIRouter()

        @router.page("/", response_timeout=BUILD_TIMEOUT_S)
        async def front(request: Request) -> None:
            await self.front(request)

        @router.page("/r/{slug}", response_timeout=BUILD_TIMEOUT_S)
        async def room(request: Request, slug: str) -> None:
            await self.room(request, slug)

        # Who only asks whether somebody is there gets no page built for them.
        router.add_api_route("/", self.is_there, methods=["HEAD"])
        router.add_api_route("/r/{slug}", self.is_there, methods=["HEAD"])
        return router

    async def is_there(self, slug: str = "-") -> Response:
        """The answer to HEAD: without a body, and without a page that waits for a browser."""
        known = slug == "-" or translate.is_slug(slug)
        return HTMLResponse(status_code=HTTPStatus.OK if known else HTTPStatus.NOT_FOUND)

    async def missing(self, request: Request, _: Exception) -> Response:
        """The page for an address that leads nowhere."""
        locale = translate.locale_of(request.headers.get("accept-language", ""))
        home = escape(path_of(request) + "/")
        told, back, title = (
            escape(self.say(f"web.{key}", locale)) for key in ("no_such_page", "home", "app")
        )
        return HTMLResponse(
            f'<!DOCTYPE html><html lang="{locale}"><head><meta charset="utf-8"><title>{title}</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">{self.head}'
            f'</head><body><main class="tz-page tz-front"><header class="tz-cover"><h1>{title}</h1>'
            f'<p>{told}</p><p><a href="{home}">{back}</a></p></header></main></body></html>',
            HTTPStatus.NOT_FOUND,
        )

    async def front(self, request: Request) -> None:
        """Where stories begin."""
        visitor = visitor_of(request)
        self._dress(visitor.locale, self.say("web.app", visitor.locale))
        await FrontPage(self.services, self.say, visitor, self.later).build()

    async def room(self, request: Request, slug: str) -> None:
        """One story."""
        visitor = visitor_of(request)
        if not translate.is_slug(slug):
            self._no_such_room(visitor)
            return
        room = translate.room_of(slug)
        rules = await self.services.settings.resolve(room)
        # No await between the two: a room that nobody looks at or joins may be forgotten.
        page = RoomPage(self.services, self.say, visitor, self.hub, room, ui.context.client)
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
