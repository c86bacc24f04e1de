"""The Socket Mode side: tickets, hello, envelopes that must be acknowledged, refreshes and drops."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web


class SocketMode:
    """Connections of one app; `changed` is called whenever something arrives or goes."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._tickets: set[str] = set()
        self.connections: list[web.WebSocketResponse] = []
        self.spent: list[str] = []
        self.opened = 0
        self.refused = 0
        self.sent: dict[str, dict[str, Any]] = {}
        self.acknowledged: dict[str, dict[str, Any]] = {}
        self.refuse_next = 0
        self.silent = False
        """Half-open: frames are read and never answered."""

    def ticket(self) -> str:
        """A new one, good for one connection."""
        ticket = uuid.uuid4().hex
        self._tickets.add(ticket)
        return ticket

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """The web socket endpoint."""
        ticket = request.query.get("ticket", "")
        good = ticket in self._tickets
        self._tickets.discard(ticket)
        self.spent.append(ticket)
        if not good or self.refuse_next:
            self.refuse_next = max(0, self.refuse_next - 1)
            self.refused += 1
            self._changed()
            return web.Response(status=408)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        self.connections.append(socket)
        self.opened += 1
        about = {"num_connections": len(self.connections), "connection_info": {"app_id": "A1"}}
        await socket.send_json({"type": "hello", **about})
        self._changed()
        try:
            await self._read(socket)
        finally:
            self.connections.remove(socket)
            self._changed()
        return socket

    async def _read(self, socket: web.WebSocketResponse) -> None:
        async for frame in socket:
            if self.silent:
                continue
            if frame.type is WSMsgType.PING:
                await socket.pong(frame.data)
            elif frame.type is WSMsgType.TEXT:
                answer = json.loads(frame.data)
                self.acknowledged[answer["envelope_id"]] = answer.get("payload") or {}
                self._changed()

    async def send(self, kind: str, payload: dict[str, Any], retry: int | None = None) -> str:
        """An envelope on the newest connection; returns its id. `retry`: the number of this attempt."""
        envelope: dict[str, Any] = {
            "envelope_id": str(uuid.uuid4()),
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            envelope |= {"retry_attempt": retry or 0, "retry_reason": "timeout" if retry else ""}
        self.sent[envelope["envelope_id"]] = envelope
        await self.connections[-1].send_json(envelope)
        return str(envelope["envelope_id"])

    async def refresh(self) -> None:
        """Ask the app to connect anew, as Slack does every few hours."""
        for socket in list(self.connections):
            await socket.send_json({"type": "disconnect", "reason": "refresh_requested", "debug_info": {}})

    async def drop(self) -> None:
        """Close every connection without a word beforehand."""
        for socket in list(self.connections):
            await socket.close(code=1011)
