"""The web room as a platform."""

from __future__ import annotations

import asyncio
import secrets
import socket
from pathlib import Path

from adapters.web import payloads
from adapters.web.pages.routes import Pages
from adapters.web.rooms.room_feed import RoomFeeds
from adapters.web.server import application, bind, serve, url_of
from bot.core.services import Services
from bot.domain.chat import Room
from bot.domain.ports import Limits, Translate
from bot.domain.replies import Reply

_PARTS = Path(__file__).parent / "parts"

# Ours to set: pages take as much text as a story has. Ten changes a second look like writing, and more would
# only keep a hundred browsers busy.
_LIMITS = Limits(max_units=1_000_000, changes_per_period=10, period_s=1.0)


class WebAdapter:
    """Serves the web room and shows replies on the pages that are open.

    `port` 0 takes a free one. `root_path`: what a proxy takes from an address, where it does not say so
    itself (X-Forwarded-Prefix). `secret` signs the session cookies; without one here or by `sign_with` it is
    drawn, and people are known anew after a restart (their names stay with their browsers). It listens on
    this machine alone unless `host` says otherwise: whoever reaches the address may read and write.
    """

    name = payloads.PLATFORM
    limits = _LIMITS

    def __init__(
        self,
        translate: Translate,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        root_path: str = "",
        secret: str | None = None,
    ) -> None:
        self._translate = translate
        self._host = host
        self._port = port
        self._root_path = root_path
        self._secret = secret
        self._services: Services | None = None
        self._bound: socket.socket | None = None
        self._url = ""
        self._up = asyncio.Event()
        self._feeds: RoomFeeds | None = None

    @property
    def url(self) -> str:
        """Where the room is; empty until the port is bound."""
        return self._url

    def attach(self, services: Services) -> None:
        """Give it the services. Needed before `run`."""
        self._services = services
        self._feeds = RoomFeeds(services)

    def sign_with(self, secret: str) -> None:
        """Sign with this secret, unless one was set: it is the same after a restart."""
        self._secret = self._secret or secret

    async def started(self) -> str:
        """Wait until pages are served; returns the address."""
        await self._up.wait()
        return self._url

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            ConfigurationError: the port is taken or may not be used; nothing else was touched.
        """
        services, feeds = self._attached()
        style = (_PARTS / "room.css").read_text(encoding="utf-8")
        seal = (_PARTS / "seal.svg").read_text(encoding="utf-8")
        bound = bind(self._host, self._port)
        try:
            pages = Pages(services, feeds, self._translate, f"<style>{style}</style>")
            secret = self._secret or secrets.token_urlsafe(32)
            app = application(pages.routes(), pages.missing, favicon=seal, secret=secret)
            self._url = url_of(bound)
            await serve(app, bound, self._up.set, self._root_path)
        finally:
            bound.close()
            self._up.clear()
            self._url = ""

    def measure(self, text: str) -> int:
        """Characters: nothing that a page shows needs escaping on the way."""
        return len(text)

    async def post(self, room: Room, reply: Reply, key: str) -> str:
        """Show a new reply. Its key is its id, so a repeated post is the same reply."""
        await self._attached()[1].room(room).publish_reply(key, reply)
        return key

    async def edit(self, room: Room, message_id: str, reply: Reply) -> None:
        """Show a reply as it is now, also one that a process before this one posted."""
        await self._attached()[1].room(room).publish_reply(message_id, reply)

    async def remove(self, room: Room, message_id: str) -> None:
        """Show a reply no more."""
        self._attached()[1].room(room).remove_reply(message_id)

    async def seconds_until_due(self, room: Room, message_id: str, reply: Reply) -> float:  # noqa: ARG002
        """0: a page takes every change."""
        return 0.0

    def _attached(self) -> tuple[Services, RoomFeeds]:
        if self._services is None or self._feeds is None:
            raise RuntimeError("attach() comes before run()")
        return self._services, self._feeds
