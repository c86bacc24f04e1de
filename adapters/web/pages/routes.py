"""The addresses of the web room, and what every page has in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from nicegui import APIRouter, ui

from adapters.web import payloads
from adapters.web.elements import Text
from adapters.web.pages.home_page import HomePage
from adapters.web.pages.room_page import RoomPage
from adapters.web.rooms.room_feed import RoomFeeds
from adapters.web.visitor import Visitor, path_of, visitor_of
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

    `later_notices`: what visitors, by their ids, are told on the next page: the one before was left at once.
    """

    services: Services
    feeds: RoomFeeds
    translate: Translate
    head: str
    later_notices: dict[str, str] = field(default_factory=dict)

    def routes(self) -> APIRouter:
        """The pages as routes for an application of ours."""
        router = APIRouter()

        @router.page("/", response_timeout=BUILD_TIMEOUT_S)
        async def front(request: Request) -> None:
            await self.home(request)

        @router.page("/r/{slug}", response_timeout=BUILD_TIMEOUT_S)
        async def room(request: Request, slug: str) -> None:
            await self.room(request, slug)

        # Who only asks whether somebody is there gets no page built for them.
        router.add_api_route("/", self.is_there, methods=["HEAD"])
        router.add_api_route("/r/{slug}", self.is_there, methods=["HEAD"])
        return router

    async def is_there(self, slug: str = "-") -> Response:
        """The answer to HEAD: without a body, and without a page that waits for a browser."""
        known = slug == "-" or payloads.is_slug(slug)
        return HTMLResponse(status_code=HTTPStatus.OK if known else HTTPStatus.NOT_FOUND)

    async def missing(self, request: Request, _: Exception) -> Response:
        """The page for an address that leads nowhere."""
        locale = payloads.locale_of(request.headers.get("accept-language", ""))
        home = escape(path_of(request) + "/")
        message, back, title = (
            escape(self.translate(f"web.{key}", locale)) for key in ("no_such_page", "home", "app")
        )
        return HTMLResponse(
            f'<!DOCTYPE html><html lang="{locale}"><head><meta charset="utf-8"><title>{title}</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">{self.head}'
            f'</head><body><main class="tz-page tz-front"><header class="tz-cover"><h1>{title}</h1>'
            f'<p>{message}</p><p><a href="{home}">{back}</a></p></header></main></body></html>',
            HTTPStatus.NOT_FOUND,
        )

    async def home(self, request: Request) -> None:
        """Where stories begin."""
        visitor = visitor_of(request)
        self._set_title(visitor.locale, self.translate("web.app", visitor.locale))
        await HomePage(self.services, self.translate, visitor, self.later_notices).build()

    async def room(self, request: Request, slug: str) -> None:
        """One story."""
        visitor = visitor_of(request)
        if not payloads.is_slug(slug):
            self._no_such_room(visitor)
            return
        room = payloads.room_of(slug)
        settings = await self.services.settings.resolve(room)
        # No await between the two: a room that nobody looks at or joins may be forgotten.
        page = RoomPage(self.services, self.translate, visitor, self.feeds, room, ui.context.client)
        snapshot = await page.subscribe()
        self._set_title(visitor.locale, page.title)
        page.build(snapshot, settings, self.later_notices.pop(visitor.id, ""))

    def _set_title(self, locale: str, title: str) -> None:
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
        self._set_title(locale, self.translate("web.app", locale))
        with ui.element("div").classes("tz-page tz-front"), ui.element("header").classes("tz-cover"):
            Text("p", self.translate("web.no_such_room", locale))
            Text("a", self.translate("web.home", locale)).props(f"href={visitor.path}/")
