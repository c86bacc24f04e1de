"""What the app listens to, and who handles it: one code path for Socket Mode and HTTP.

Slack sends an event again when it is not acknowledged within three seconds, so everything is acknowledged
first and done after. The event id makes a second delivery harmless.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_bolt.request.async_request import AsyncBoltRequest

from adapters.shared.bounded_set import BoundedSet
from adapters.shared.error_boundary import error_boundary
from adapters.slack.catchup.catch_up import WorkspaceCatchUp
from adapters.slack.connection.manifest import COMMAND_PATTERN, SHORTCUT
from adapters.slack.delivery.notices import ephemeral_responder
from adapters.slack.delivery.render import ACTION_PREFIX
from adapters.slack.listeners.actions import EDIT_CALLBACK_ID, ActionListeners
from adapters.slack.listeners.app_home import HOME_ACTION_PREFIX, AppHomeListener
from adapters.slack.listeners.commands import CommandListener
from adapters.slack.listeners.messages import MessageListener, ReceiveOptions
from adapters.slack.listeners.settings_view import SETTINGS_CALLBACK_ID, SettingsView
from adapters.slack.listeners.shortcuts import ShortcutListener
from adapters.slack.listeners.story_actions import StoryActions, StoryExporter
from adapters.slack.listeners.thread_commands import ThreadCommands
from adapters.slack.payloads.events import (
    IncomingMessage,
    parse_block_action,
    parse_message_change,
    parse_message_event,
    parse_message_shortcut,
    team_of,
)
from adapters.slack.payloads.files import blocks_show_file
from adapters.slack.workspaces import Workspace, Workspaces
from bot.aio.cancellation import sleep_until
from bot.aio.clock import Clock
from bot.aio.keyed_lock import KeyedLock
from bot.core.services import Services
from bot.domain.ports import Translate

_PATIENCE_S = 1.0
"""The two events of one text leave Slack together."""

_NOT_DONE = "Something that Slack sent could not be done"

Body = dict[str, Any]


class InFlight:
    """Counts what was acknowledged and is not done yet, and waits for it at the end."""

    def __init__(self) -> None:
        self._count = 0
        self._empty = asyncio.Event()
        self._empty.set()

    async def __aenter__(self) -> None:
        self._count += 1
        self._empty.clear()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._count -= 1
        if not self._count:
            self._empty.set()

    @property
    def busy(self) -> bool:
        """Whether anything is being done."""
        return self._count > 0

    async def drained(self, timeout_s: float) -> bool:
        """Wait until nothing runs; False where that took too long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True


class MentionDeduplicator:
    """One text, two events: a mention comes as `app_mention` and as `message`, in either order.

    Only the second surely lists the files that came with it. A mention that seems to say nothing, or that
    shows a file and lists none, waits for it: received first, it would be gone on from as if nothing had been
    sent.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._received = BoundedSet()
        self._awaited: dict[str, asyncio.Event] = {}

    async def should_handle(self, event: Mapping[str, Any], incoming: IncomingMessage) -> bool:
        """Whether this event is the one to go by; waits a moment where the other would tell more."""
        if event.get("type") != "app_mention":
            self._received.add(incoming.event_id)
            if incoming.event_id in self._awaited:
                self._awaited[incoming.event_id].set()
            return True
        if "files" in event or not (blocks_show_file(event) or not incoming.raw.strip()):
            return True
        return not await self._message_follows(incoming.event_id)

    async def _message_follows(self, event_id: str) -> bool:
        if event_id in self._received:
            return True
        came = self._awaited.setdefault(event_id, asyncio.Event())
        try:
            await sleep_until(came, _PATIENCE_S, self._clock)
        finally:
            self._awaited.pop(event_id, None)
        return came.is_set()


class Listeners:
    """Receives whatever Slack sends, and hands it on in the order it came."""

    def __init__(
        self,
        workspaces: Workspaces,
        services: Services,
        translate: Translate,
        clock: Clock,
        wall: Callable[[], float],
        in_flight: InFlight,
    ) -> None:
        exporter, story_actions = StoryExporter(services, clock, wall), StoryActions(services, translate)
        settings = SettingsView(services, translate)
        messages = MessageListener(services, ThreadCommands(services, exporter), story_actions, clock)
        self._workspaces = workspaces
        self._translate = translate
        self._in_flight = in_flight
        self._in_order = KeyedLock()
        self._handled = BoundedSet()
        self._mentions = MentionDeduplicator(clock)
        self._messages = messages
        self._commands = CommandListener(services, settings, translate, clock)
        self._actions = ActionListeners(services, translate, story_actions, settings, clock)
        self._shortcuts = ShortcutListener(services, story_actions, clock)
        self._settings = settings
        self._home = AppHomeListener(services, exporter, settings, translate)
        self.catch_up = WorkspaceCatchUp(workspaces, services, messages, self._in_order, clock, wall)

    def register(self, app: AsyncApp) -> None:
        """Tie the listeners to the app."""
        app.event("app_mention")(self.on_message)
        app.event("message")(self.on_message)
        app.event("app_home_opened")(self.on_home_opened)
        app.event("app_uninstalled")(self.on_uninstalled)
        app.event("tokens_revoked")(self.on_revoked)
        # Slack may send what a later manifest asks for; Bolt would log it with its whole body.
        app.event(re.compile(".*"))(_ignore)
        app.command(re.compile(COMMAND_PATTERN))(self.on_command)
        app.shortcut(SHORTCUT)(self.on_shortcut)
        app.action(re.compile(f"^{HOME_ACTION_PREFIX}"))(self.on_home_action)
        app.action(re.compile(f"^{ACTION_PREFIX}"))(self.on_action)
        app.view(EDIT_CALLBACK_ID)(self.on_edit_submitted)
        app.view(SETTINGS_CALLBACK_ID)(self.on_settings_submitted)

    async def on_message(self, body: Body, request: AsyncBoltRequest) -> None:
        """A message or a mention, or what became of one. Bolt has acknowledged it already."""
        # Socket Mode counts its first delivery as retry 0.
        redelivered = request.headers.get("x-slack-retry-num", ["0"])[0] != "0"
        options = ReceiveOptions(redelivered=redelivered)

        async def handle(workspace: Workspace) -> None:
            if (change := parse_message_change(body, workspace.bot)) is not None:
                async with self._in_order.holding(change.thread.room.id):
                    await self._messages.on_change(workspace, change)
            elif (incoming := parse_message_event(body, workspace.bot)) is not None:
                if not await self._mentions.should_handle(body["event"], incoming):
                    return
                if not incoming.starts_thread:
                    async with error_boundary("A thread could not be caught up with"):
                        await self.catch_up.catch_up_thread(workspace, incoming.thread)
                async with self._in_order.holding(incoming.thread.room.id):
                    await self._messages.on_message(workspace, incoming, options)

        await self._in_workspace(body, handle)

    async def on_command(self, ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        """`/continue`."""
        await ack()

        async def handle(workspace: Workspace) -> None:
            if self._is_first_delivery(body):
                answer = ephemeral_responder(respond, self._translate)
                await self._commands.on_command(workspace, body, answer)

        await self._in_workspace(body, handle)

    async def on_shortcut(self, ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        """「ここから続ける」."""
        await ack()

        async def handle(workspace: Workspace) -> None:
            shortcut = parse_message_shortcut(body, workspace.bot)
            async with self._in_order.holding(shortcut.message.thread.room.id):
                answer = ephemeral_responder(respond, self._translate)
                await self._shortcuts.on_shortcut(workspace, shortcut, answer)

        await self._in_workspace(body, handle)

    async def on_action(self, ack: AsyncAck, body: Body) -> None:
        """A button below a text."""
        await ack()
        await self._in_workspace(
            body, lambda found: self._actions.on_action(found, parse_block_action(body, found.bot))
        )

    async def on_edit_submitted(self, ack: AsyncAck, body: Body, view: Body) -> None:
        """The view with a passage's text."""
        user_id = str(body["user"]["id"])
        await self._in_workspace(
            body, lambda found: self._actions.on_edit_submitted(found, ack, view, user_id)
        )

    async def on_settings_submitted(self, ack: AsyncAck, body: Body, view: Body) -> None:
        """The view with a channel's settings."""
        user_id = str(body["user"]["id"])
        await self._in_workspace(body, lambda found: self._settings.on_submitted(found, ack, view, user_id))

    async def on_home_opened(self, body: Body) -> None:
        """Somebody opened the home tab."""
        await self._in_workspace(body, lambda found: self._home.on_opened(found, body))

    async def on_home_action(self, ack: AsyncAck, body: Body) -> None:
        """A button on the home tab."""
        await ack()

        async def handle(workspace: Workspace) -> None:
            if self._is_first_delivery(body):
                await self._home.on_action(workspace, body)

        await self._in_workspace(body, handle)

    async def on_uninstalled(self, body: Body) -> None:
        """The app was taken out of a workspace."""
        async with self._in_flight, error_boundary(_NOT_DONE):
            await self._workspaces.forget(team_of(body))

    async def on_revoked(self, body: Body) -> None:
        """Tokens of a workspace hold no longer. People's own tokens are none of ours."""
        if (body.get("event") or {}).get("tokens", {}).get("bot"):
            await self.on_uninstalled(body)

    def _is_first_delivery(self, body: Body) -> bool:
        """Whether a command or click is delivered for the first time."""
        return self._handled.add(str(body.get("trigger_id") or id(body)))

    async def _in_workspace(self, body: Body, handle: Callable[[Workspace], Awaitable[None]]) -> None:
        async with self._in_flight, error_boundary(_NOT_DONE):
            await handle(await self._workspaces.get(team_of(body)))


async def _ignore() -> None:
    """Nothing to do."""
