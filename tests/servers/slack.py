"""A Slack on 127.0.0.1 that the real client libraries connect to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.servers.slack_faults import Fault, Faults, Kind, Rates
from tests.servers.slack_files import Files
from tests.servers.slack_interactions import Interactions
from tests.servers.slack_methods import Methods
from tests.servers.slack_oauth import OAuth
from tests.servers.slack_payloads import arguments_of, event_callback, token_of
from tests.servers.slack_scopes import METHOD_SCOPES, granted_scopes
from tests.servers.slack_sender import SignedSender
from tests.servers.slack_socket import SocketMode
from tests.servers.slack_workspace import BOT_USER, TEAM, Channel, Person, Posted, SlackRefusal, Workspace

BOT_TOKEN = "xoxb-loopback-secret-token"
APP_TOKEN = "xapp-loopback-secret-token"
SIGNING_SECRET = "loopback-signing-secret"


@dataclass(frozen=True, slots=True)
class Tenant:
    """One workspace: what is in it, its methods, its tiers, its people's clicks."""

    workspace: Workspace
    methods: Methods
    interactions: Interactions
    rates: Rates


@dataclass(frozen=True, slots=True)
class Call:
    """One Web API call and how it was answered: `ok`, Slack's error, an HTTP status, or `lost`."""

    method: str
    arguments: dict[str, Any]
    answer: str
    at: float = field(compare=False, default=0.0)
    team: str = TEAM


class SlackServer:
    """`async with SlackServer() as slack`: Web API, Socket Mode, response URLs, and people who type."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        workspace = Workspace(
            people={
                "U1": Person("U1", "hanako", "花子", is_admin=True),
                "U2": Person("U2", "tarou", "太郎"),
                "U3": Person("U3", "anne", "Anne", "en-US"),
            },
            channels={
                "C1": Channel("C1", "monogatari"),
                "C2": Channel("C2", "closed", has_bot=False),
                "G1": Channel("G1", "secret", "group"),
                "D1": Channel("D1", "", "im"),
            },
        )
        self.socket = SocketMode(self._notify)
        self.faults = Faults()
        self.files = Files(lambda: self._base, self._may_read_files)
        self.tenants: dict[str, Tenant] = {}
        self.oauth = OAuth(self.has_team)
        self.scopes = granted_scopes()
        self.calls: list[Call] = []
        self.responses: list[dict[str, Any]] = []
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._base = ""
        self._commands = 0
        self._held = ""
        self._late: list[tuple[str, str, dict[str, Any]]] = []
        self._free = asyncio.Event()
        self._free.set()
        self.add_team(workspace, BOT_TOKEN)

    def add_team(self, workspace: Workspace, token: str) -> Tenant:
        """Another workspace, in which the app has this token."""
        interactions = Interactions(workspace, self._now, self._respond_url)
        methods = Methods(workspace, interactions, self._now, self._upload_url, self.scopes)
        self.tenants[token] = Tenant(workspace, methods, interactions, Rates(self._now))
        return self.tenants[token]

    def has_team(self, team: str) -> bool:
        """Whether there is such a workspace."""
        return any(tenant.workspace.team == team for tenant in self.tenants.values())

    @property
    def tenant(self) -> Tenant:
        """The first workspace."""
        return next(iter(self.tenants.values()))

    @property
    def workspace(self) -> Workspace:
        """What is in the first workspace."""
        return self.tenant.workspace

    @property
    def methods(self) -> Methods:
        """The methods of the first workspace."""
        return self.tenant.methods

    @property
    def people(self) -> Interactions:
        """What people in the first workspace do besides typing."""
        return self.tenant.interactions

    @property
    def rates(self) -> Rates:
        """The tiers of the first workspace."""
        return self.tenant.rates

    def _now(self) -> float:
        return self._clock()

    def _respond_url(self) -> str:
        self._commands += 1
        return f"http://{self._base}/respond/{self._commands}"

    def _upload_url(self, file_id: str) -> str:
        return f"http://{self._base}/upload/{file_id}"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/api/{method}", self._api)
        app.router.add_get("/api/{method}", self._api)
        app.router.add_get("/link", self.socket.connect)
        app.router.add_post("/respond/{id}", self._respond)
        app.router.add_post("/upload/{id}", self._upload)
        app.router.add_get("/files-pri/{id}/{name}", self.files.get)
        app.router.add_get("/login", self.files.login)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._base = f"127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.socket.drop()
        if self._runner:
            await self._runner.cleanup()

    def set_clock(self, clock: Callable[[], float]) -> None:
        """Count the rate tiers on another clock."""
        self._clock = clock

    def hold(self, method: str) -> None:
        """Calls of `method` get no answer until `let_go`."""
        self._held = method
        self._free.clear()

    def let_go(self) -> None:
        """Answer what was held."""
        self._free.set()

    def do_what_is_late(self) -> None:
        """Do the calls that were cut off to come late."""
        for token, method, arguments in self._late:
            self._done(token, method, arguments)
        self._late.clear()

    @property
    def api_url(self) -> str:
        """The base of the Web API."""
        return f"http://{self._base}/api/"

    async def until(self, reached: Callable[[], Any], timeout_s: float = 10.0) -> Any:
        """Wait until `reached()` is true; returns what it gave."""
        async with asyncio.timeout(timeout_s):
            while not (result := reached()):
                self._changed.clear()
                await self._changed.wait()
        return result

    async def until_connected(self) -> None:
        """Wait for a Socket Mode connection."""
        await self.until(lambda: self.socket.connections)

    async def until_posted(self, count: int = 1, channel: str | None = None) -> Posted:
        """Wait until the bot has posted `count` messages; returns the last of them."""
        await self.until(lambda: len(self.workspace.by_bot(channel)) >= count)
        return self.workspace.by_bot(channel)[count - 1]

    async def until_called(self, method: str, count: int = 1) -> Call:
        """Wait until `method` has been called `count` times; returns the last of them."""
        await self.until(lambda: len(self.called(method)) >= count)
        return self.called(method)[count - 1]

    def called(self, method: str) -> list[Call]:
        """The calls of a method so far."""
        return [call for call in self.calls if call.method == method]

    # People

    def types(self, channel: str, user: str, text: str, thread_ts: str = "") -> Posted:
        """A person's message appears in a channel or thread; no event is sent yet."""
        ts = self.workspace.next_ts()
        return self.workspace.add(Posted(channel, ts, user, text, thread_ts))

    def sends(
        self, channel: str, user: str, text: str, *files: dict[str, Any], thread_ts: str = ""
    ) -> Posted:
        """A person's message with files (of `files.add`) appears; no event is sent yet."""
        message = self.types(channel, user, text, thread_ts)
        message.files, message.subtype = list(files), "file_share"
        return message

    def mention(self, channel: str, user: str, text: str, thread_ts: str = "") -> dict[str, Any]:
        """A person mentions the bot; the `app_mention` event of it."""
        return self.event_of(
            self.types(channel, user, f"<@{BOT_USER}> {text}".rstrip(" "), thread_ts), "app_mention"
        )

    def event_of(self, message: Posted, kind: str = "message", **more: Any) -> dict[str, Any]:
        """The Events API payload of a message, as `app_mention` or `message`."""
        event: dict[str, Any] = {
            "type": kind,
            "user": message.user,
            "text": message.text,
            "ts": message.ts,
            "channel": message.channel,
            "event_ts": message.ts,
            "team": TEAM,
        }
        if message.thread_ts:
            event["thread_ts"] = message.thread_ts
        if message.files:
            event["files"] = message.files
        if kind == "message" and message.subtype:
            event["subtype"] = message.subtype
        if kind == "message":
            event["channel_type"] = self.workspace.channels[message.channel].kind
        return event_callback(event | more)

    def changed(self, message: Posted, text: str) -> dict[str, Any]:
        """A person changes their message; the event of it."""
        former = message.payload()
        message.text, message.edited_ts = text, self.workspace.next_ts()
        now = message.payload()
        return self._about(message, subtype="message_changed", message=now, previous_message=former)

    def deleted(self, message: Posted, *, tombstone: bool = False) -> dict[str, Any]:
        """A message is deleted; the first one of a thread leaves a tombstone."""
        former = message.payload()
        if tombstone:
            message.subtype, message.user, message.text = (
                "tombstone",
                "USLACKBOT",
                "This message was deleted.",
            )
            now = former | message.payload()
            return self._about(message, subtype="message_changed", message=now, previous_message=former)
        self.workspace.delete(message)
        more = {"subtype": "message_deleted", "deleted_ts": message.ts, "previous_message": former}
        return self._about(message, **more)

    def _about(self, posted: Posted, **more: Any) -> dict[str, Any]:
        kind = self.workspace.channels[posted.channel].kind
        event = {
            "type": "message",
            "channel": posted.channel,
            "ts": self.workspace.next_ts(),
            "hidden": True,
        }
        event |= {"channel_type": kind, "event_ts": event["ts"]}
        return event_callback(event | more)

    def event(self, kind: str, team: str = TEAM, **more: Any) -> dict[str, Any]:
        """Any other event."""
        event = {"type": kind, "event_ts": self.workspace.next_ts()} | more
        return event_callback(event, team)

    def command(self, channel: str, user: str, text: str, name: str = "/continue") -> dict[str, Any]:
        """The payload of a slash command."""
        return {
            "token": "unused",
            "team_id": TEAM,
            "channel_id": channel,
            "channel_name": self.workspace.channels[channel].name,
            "user_id": user,
            "user_name": self.workspace.people[user].name,
            "command": name,
            "text": text,
            "api_app_id": "A1",
            "trigger_id": self.people.trigger(),
            "response_url": self._respond_url(),
        }

    async def deliver(self, payload: dict[str, Any], retry: int | None = None) -> str:
        """Send an event or command through the socket; returns its envelope's id once it is acknowledged."""
        kind = "slash_commands" if "command" in payload else "events_api"
        kind = kind if payload.get("type") in {None, "event_callback"} else "interactive"
        envelope_id = await self.socket.send(kind, payload, retry)
        await self.until(lambda: envelope_id in self.socket.acknowledged)
        return envelope_id

    def sender(self, port: int) -> SignedSender:
        """What posts signed requests to an app in HTTP mode."""
        return SignedSender(f"http://127.0.0.1:{port}/slack/events", SIGNING_SECRET)

    # The HTTP side

    def _notify(self) -> None:
        self._changed.set()

    async def _respond(self, request: web.Request) -> web.Response:
        self.responses.append(await request.json())
        self._notify()
        return web.Response(text="ok")

    async def _upload(self, request: web.Request) -> web.Response:
        self.workspace.files[request.match_info["id"]] = await request.read()
        return web.Response(text="OK")

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        arguments = await arguments_of(request)
        if method == self._held:
            await self._free.wait()
        fault = self.faults.next(method)
        if fault and fault.kind is Kind.LATE:
            self._late.append((token_of(request, arguments), method, arguments))
        response, answer = self._faulty(method, arguments, fault) if fault else (None, "")
        if response is None and not answer:
            response, answer = self._answered(request, method, arguments)
        if fault and fault.kind in {Kind.LOST, Kind.DONE_500}:
            response, answer = self._after(fault)
        self.calls.append(Call(method, arguments, answer, self._clock(), self._team(request, arguments)))
        self._notify()
        if response is None:
            # The connection is cut where an answer was due.
            if request.transport:
                request.transport.abort()
            return web.Response()
        return response

    def _faulty(
        self, method: str, arguments: dict[str, Any], fault: Fault
    ) -> tuple[web.Response | None, str]:
        if fault.kind is Kind.STATUS:
            headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            body = {"ok": False, "error": "ratelimited"} if fault.status == 429 else {}
            return web.json_response(body, status=fault.status, headers=headers), str(fault.status)
        if fault.kind in {Kind.RESET, Kind.LATE}:
            return None, fault.kind
        if fault.kind is Kind.REFUSED:
            return web.json_response({"ok": False, "error": fault.code}), fault.code
        return None, ""

    def _after(self, fault: Fault) -> tuple[web.Response | None, str]:
        if fault.kind is Kind.LOST:
            return None, "lost"
        return web.Response(
            status=fault.status, text="<html>oops</html>", content_type="text/html"
        ), "done-500"

    def _answered(self, request: web.Request, method: str, given: dict[str, Any]) -> tuple[web.Response, str]:
        tenant = self.tenants.get(token_of(request, given), self.tenant)
        if (wait := tenant.rates.retry_after(method, str(given.get("channel", "")))) is not None:
            headers = {"Retry-After": str(wait)}
            return web.json_response(
                {"ok": False, "error": "ratelimited"}, status=429, headers=headers
            ), "429"
        try:
            answer = self._done(token_of(request, given), method, given)
        except SlackRefusal as refusal:
            return web.json_response({"ok": False, "error": refusal.code}), refusal.code
        headers = {"x-oauth-scopes": ",".join(sorted(self.scopes))}
        return web.json_response({"ok": True, **answer}, headers=headers), "ok"

    def _done(self, token: str, method: str, given: dict[str, Any]) -> dict[str, Any]:
        if method == "apps.connections.open":
            if token != APP_TOKEN:
                raise SlackRefusal("invalid_auth")
            return {"url": f"ws://{self._base}/link?ticket={self.socket.ticket()}"}
        if method == "oauth.v2.access":
            return self.oauth.access(given)
        if method == "apps.manifest.export":
            return self.oauth.manifest_of(token)
        if method == "files.info":
            return self._file(token, given)
        tenant = self.tenants.get(token)
        if tenant is None:
            raise SlackRefusal("invalid_auth" if token else "not_authed")
        if method not in tenant.methods.by_name:
            raise SlackRefusal("unknown_method")
        if not METHOD_SCOPES.get(method, set()) <= self.scopes:
            raise SlackRefusal("missing_scope")
        return tenant.methods.by_name[method](given)

    def _file(self, token: str, given: dict[str, Any]) -> dict[str, Any]:
        if not self._may_read_files(token):
            raise SlackRefusal("missing_scope")
        if (described := self.files.info(str(given["file"]))) is None:
            raise SlackRefusal("file_not_found")
        return {"file": described}

    def _may_read_files(self, token: str) -> bool:
        return token in self.tenants and "files:read" in self.scopes

    def _team(self, request: web.Request, given: dict[str, Any]) -> str:
        tenant = self.tenants.get(token_of(request, given))
        return tenant.workspace.team if tenant else ""
