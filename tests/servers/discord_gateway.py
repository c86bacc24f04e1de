"""The gateway of the loopback Discord: hello, identify, heartbeat, dispatch, resume, close codes."""

from __future__ import annotations

import asyncio
import json
import secrets
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from tests.servers.discord_payloads import Payload, guild_payload, user_payload
from tests.servers.discord_world import Guild, User, World

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11
MESSAGE_CONTENT = 1 << 15
PRIVILEGED = MESSAGE_CONTENT | 1 << 8 | 1 << 1
UNREAD: Payload = {"content": "", "attachments": []}
"""What a message shows of itself without the intent."""
BAD_TOKEN, DISALLOWED_INTENTS = 4004, 4014


class Wire:
    """One websocket; compresses with one zlib stream where the client asked for it."""

    def __init__(self, socket: web.WebSocketResponse, *, compressed: bool) -> None:
        self.socket = socket
        self._deflate = zlib.compressobj() if compressed else None

    async def send(self, op: int, data: object, sequence: int | None = None, name: str | None = None) -> None:
        """Send one gateway message."""
        text = json.dumps({"op": op, "d": data, "s": sequence, "t": name}, ensure_ascii=False)
        if self.socket.closed:
            return
        if self._deflate is None:
            await self.socket.send_str(text)
        else:
            packed = self._deflate.compress(text.encode()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
            await self.socket.send_bytes(packed)


@dataclass(slots=True)
class Session:
    """What a client may resume: everything dispatched to it, in order."""

    id: str
    intents: int
    wire: Wire
    events: list[tuple[str, Payload]] = field(default_factory=list)
    ready: bool = False
    shard: tuple[int, int] = (0, 1)

    def hears(self, guild_id: str | None) -> bool:
        """Whether a server's events come to this shard; direct messages come to the first."""
        number, count = self.shard
        return number == (0 if guild_id is None else (int(guild_id) >> 22) % count)

    async def dispatch(self, name: str, data: Payload) -> None:
        """Send an event and keep it for a resume."""
        self.events.append((name, data))
        await self.wire.send(DISPATCH, data, len(self.events), name)

    async def replay(self, after: int) -> None:
        """Send again what the client had not seen."""
        for sequence, (name, data) in enumerate(self.events[after:], start=after + 1):
            await self.wire.send(DISPATCH, data, sequence, name)


@dataclass(slots=True)
class Gateway:
    """All gateway connections of one bot.

    `granted` are the privileged intents switched on in the developer portal.
    """

    world: World
    bot: User
    token: str
    changed: Callable[[], None]
    url: str = ""
    granted: int = PRIVILEGED
    sessions: dict[str, Session] = field(default_factory=dict)
    identified: list[Payload] = field(default_factory=list)
    resumed: int = 0
    connected: int = 0

    @property
    def live(self) -> list[Session]:
        """The sessions with an open connection."""
        return [session for session in self.sessions.values() if not session.wire.socket.closed]

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection until it closes."""
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        self.connected += 1
        wire = Wire(socket, compressed=request.query.get("compress") == "zlib-stream")
        await wire.send(HELLO, {"heartbeat_interval": 41_250})
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._answer(wire, json.loads(message.data))
        self.changed()
        return socket

    async def _answer(self, wire: Wire, payload: Payload) -> None:
        if payload["op"] == HEARTBEAT:
            await wire.send(ACK, None)
        elif payload["op"] == IDENTIFY:
            await self._identify(wire, payload["d"])
        elif payload["op"] == RESUME:
            await self._resume(wire, payload["d"])
        self.changed()

    async def _identify(self, wire: Wire, data: Payload) -> None:
        self.identified.append(data)
        if data["token"] != self.token:
            await wire.socket.close(code=BAD_TOKEN, message=b"Authentication failed.")
            return
        if data["intents"] & PRIVILEGED & ~self.granted:
            await wire.socket.close(code=DISALLOWED_INTENTS, message=b"Disallowed intent(s).")
            return
        session = Session(secrets.token_hex(8), data["intents"], wire)
        number, count = data.get("shard", [0, 1])
        session.shard = (number, count)
        self.sessions[session.id] = session
        await session.dispatch("READY", self._ready(session, [number, count]))
        for guild in filter(lambda home: session.hears(str(home.id)), self._homes()):
            await session.dispatch("GUILD_CREATE", guild_payload(guild, self.world))
        session.ready = True

    def _homes(self) -> list[Guild]:
        return [guild for guild in self.world.guilds.values() if not guild.abroad]

    def _ready(self, session: Session, shard: list[int]) -> Payload:
        guilds = [{"id": str(guild.id), "unavailable": True} for guild in self._homes()]
        return {
            "v": 10,
            "user": user_payload(self.bot),
            "guilds": guilds,
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "shard": shard,
            "application": {"id": str(self.bot.id), "flags": 0},
        }

    async def _resume(self, wire: Wire, data: Payload) -> None:
        session = self.sessions.get(data["session_id"])
        if session is None or data["token"] != self.token:
            await wire.send(INVALID, False)
            return
        session.wire = wire
        self.resumed += 1
        await session.replay(data["seq"] or 0)
        await wire.send(DISPATCH, {}, len(session.events), "RESUMED")

    async def dispatch(self, name: str, data: Payload) -> None:
        """Send an event to every session that it is for; one that is away gets it when it resumes."""
        for session in self.sessions.values():
            if session.hears(data.get("guild_id")):
                await session.dispatch(name, data)

    async def dispatch_message(self, data: Payload) -> None:
        """MESSAGE_CREATE, without its content where the intents and the message do not give it."""
        for session in [each for each in self.sessions.values() if each.hears(data.get("guild_id"))]:
            open_to_bot = session.intents & MESSAGE_CONTENT or self._always_readable(data)
            await session.dispatch("MESSAGE_CREATE", data if open_to_bot else data | UNREAD)

    def _always_readable(self, data: Payload) -> bool:
        mentioned = any(int(user["id"]) == self.bot.id for user in data["mentions"])
        return mentioned or "guild_id" not in data or int(data["author"]["id"]) == self.bot.id

    async def drop(self, code: int = 4000) -> None:
        """Close every open connection, as Discord does many times a day."""
        await asyncio.gather(*(session.wire.socket.close(code=code) for session in self.live))
        self.changed()

    async def ask_to_reconnect(self) -> None:
        """Send RECONNECT to every open connection."""
        for session in self.live:
            await session.wire.send(RECONNECT, None)

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Nothing reaches the clients, and afterwards no session can be resumed: they identify anew."""
        live = self.live
        self.sessions.clear()
        yield
        for session in live:
            await session.wire.send(INVALID, False)

    async def forget(self) -> None:
        """Drop the sessions: the clients must identify anew."""
        live = self.live
        self.sessions.clear()
        for session in live:
            await session.wire.send(INVALID, False)
