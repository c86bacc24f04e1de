"""Files that people send: where they lie, who may fetch them, and what others get instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

LOGIN = "<!DOCTYPE html><html><body>Sign in to your workspace</body></html>"


@dataclass(slots=True)
class _File:
    content: bytes
    described: dict[str, Any]
    charset: str = "utf-8"


class Files:
    """The files of all workspaces. `may_read`: whether a bearer token is good and has `files:read`."""

    def __init__(self, base: Callable[[], str], may_read: Callable[[str], bool]) -> None:
        self._base = base
        self._may_read = may_read
        self._files: dict[str, _File] = {}
        self.fetched: list[str] = []
        """The ids of files that were handed out."""
        self.broken = 0
        """So many of the next answers are server errors."""

    def add(
        self, name: str, content: bytes, mimetype: str = "text/plain", mode: str = "snippet", **more: Any
    ) -> dict[str, Any]:
        """Keep a file; returns how Slack describes it."""
        file_id = f"F{len(self._files) + 1:04d}"
        url = f"http://{self._base()}/files-pri/{file_id}/{name}"
        described = {
            "id": file_id,
            "name": name,
            "title": name,
            "mimetype": mimetype,
            "mode": mode,
            "size": len(content),
            "is_external": False,
            "url_private": url,
            "url_private_download": f"{url}?download=1",
        }
        self._files[file_id] = _File(content, described | more)
        return self._files[file_id].described

    def info(self, file_id: str) -> dict[str, Any] | None:
        """How Slack describes a file."""
        file = self._files.get(file_id)
        return None if file is None else {k: v for k, v in file.described.items() if k != "file_access"}

    async def get(self, request: web.Request) -> web.Response:
        """The content for who may have it; a redirect to the login page for everybody else."""
        if self.broken:
            self.broken -= 1
            return web.Response(status=503)
        file = self._files.get(request.match_info["id"])
        if file is None:
            return web.Response(status=404)
        if not self._may_read(request.headers.get("Authorization", "").removeprefix("Bearer ")):
            raise web.HTTPFound(f"http://{self._base()}/login")
        self.fetched.append(file.described["id"])
        return web.Response(body=file.content, content_type=file.described["mimetype"] or "text/plain")

    async def login(self, _: web.Request) -> web.Response:
        """A page for browsers, with status 200."""
        return web.Response(text=LOGIN, content_type="text/html")
