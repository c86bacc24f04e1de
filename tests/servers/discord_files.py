"""The other host of Discord's, which gives out the files of messages."""

from __future__ import annotations

import mimetypes

from aiohttp import web

from tests.servers.discord_state import DiscordState


class Files:
    """The content delivery network: no token, no rate limit, no JSON."""

    def __init__(self, state: DiscordState) -> None:
        self._state = state
        self.given: list[str] = []
        """The names of the files that were asked for."""

    def routes(self) -> list[web.RouteDef]:
        """Beside the API."""
        return [web.get("/attachments/{channel}/{message}/{number}/{name}", self.give)]

    async def give(self, request: web.Request) -> web.StreamResponse:
        """A file, unless its message is gone."""
        self.given.append(request.match_info["name"])
        self._state.changed()
        fault = next((fault for fault in self._state.faults if fault.meets(request)), None)
        if fault is not None:
            return fault.answer(request)
        message = self._state.world.messages.get(int(request.match_info["message"]))
        if message is None or message.deleted:
            return web.Response(status=404)
        name, data = message.files[int(request.match_info["number"])]
        return web.Response(
            body=data, content_type=mimetypes.guess_type(name)[0] or "application/octet-stream"
        )
