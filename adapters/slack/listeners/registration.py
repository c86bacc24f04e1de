"""What the app does with what it hears: one code path for Socket Mode and HTTP.

Slack sends an event again when it is not acknowledged within three seconds, so everything is acknowledged
first and done after. The event id makes a second delivery harmless.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_bolt.request.async_request import AsyncBoltRequest

from adapters.slack.catchup.catch_up import CatchUp
from adapters.slack.connection.in_flight import Inflight
from adapters.slack.connection.manifest import COMMAND_PATTERN, SHORTCUT
from adapters.slack.delivery.ephemeral import responding
from adapters.slack.delivery.render import ACTION
from adapters.slack.listeners.actions import EDIT_FORM, Buttons
from adapters.slack.listeners.app_home import HOME, Home
from adapters.slack.listeners.commands import Commands
from adapters.slack.listeners.messages import Hearing
from adapters.slack.listeners.settings_view import SETTINGS_FORM, SettingsForm
from adapters.slack.listeners.shortcuts import Pointing
from adapters.slack.payloads.duplicate_events import Siblings
from adapters.slack.payloads.events import Incoming, change, click, incoming, pointed, team_of
from adapters.slack.payloads.recent import Recent
from adapters.slack.workspace import Workspace
from adapters.slack.workspaces import Workspaces
from bot.aio.clock import Clock
from bot.aio.keyed_lock import KeyedLock
from bot.domain.errors import Undeliverable
from bot.domain.ports import Translate

_log = logging.getLogger(__name__)

Body = dict[str, Any]


class Listeners:
    """Hears whatever Slack sends, and hands it on in the order it came."""

    def __init__(
        self,
        workspaces: Workspaces,
        hearing: Hearing,
        commands: Commands,
        buttons: Buttons,
        pointing: Pointing,
        settings: SettingsForm,
        home: Home,
        say: Translate,
        clock: Clock,
        catch_up: CatchUp,
        in_order: KeyedLock,
        inflight: Inflight,
    ) -> None:
        self._workspaces = workspaces
        self._hearing = hearing
        self._commands = commands
        self._buttons = buttons
        self._pointing = pointing
        self._settings = settings
        self._home = home
        self._say = say
        self._catch_up = catch_up
        self._inflight = inflight
        self._done = Recent()
        self._in_order = in_order
        self._siblings = Siblings(clock)

    def register(self, app: AsyncApp) -> None:
        """Tie the listeners to the app."""
        app.event("app_mention")(self.on_message)
        app.event("message")(self.on_message)
        app.event("app_home_opened")(self.on_home)
        app.event("app_uninstalled")(self.on_uninstalled)
        app.event("tokens_revoked")(self.on_revoked)
        # Slack may send what a later manifest asks for; Bolt would log it with its whole body.
        app.event(re.compile(".*"))(_ignore)
        app.command(re.compile(COMMAND_PATTERN))(self.on_command)
        app.shortcut(SHORTCUT)(self.on_shortcut)
        app.action(re.compile(f"^{HOME}"))(self.on_home_button)
        app.action(re.compile(f"^{ACTION}"))(self.on_button)
        app.view(EDIT_FORM)(self.on_edited)
        app.view(SETTINGS_FORM)(self.on_settings)

    async def on_message(self, body: Body, request: AsyncBoltRequest) -> None:
        """A message or a mention, or what became of one. Bolt has acknowledged it already."""
        async with self._workspace(body) as workspace:
            if workspace is None:
                return
            if (changed := change(body, workspace.bot)) is not None:
                async with self._in_order.holding(changed.place.room.id):
                    await _guarded(self._hearing.follow(workspace, changed))
            elif (heard := incoming(body, workspace.bot)) is not None:
                if not await self._siblings.is_the_fuller(body["event"], heard):
                    return
                await self._missed_before(workspace, heard)
                # Socket Mode counts its first delivery as retry 0.
                again = request.headers.get("x-slack-retry-num", ["0"])[0] != "0"
                async with self._in_order.holding(heard.place.room.id):
                    await _guarded(self._hearing.hear(workspace, heard, again=again))

    async def _missed_before(self, workspace: Workspace, heard: Incoming) -> None:
        if not heard.begins:
            await _guarded(self._catch_up.before(workspace, heard.place))

    async def on_command(self, ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        """`/continue`."""
        await ack()
        async with self._workspace(body) as workspace:
            if workspace is not None and self._first(body):
                await self._commands.go_on(workspace, body, responding(respond, self._say))

    async def on_shortcut(self, ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        """「ここから続ける」."""
        await ack()
        async with self._workspace(body) as workspace:
            if workspace is None:
                return
            given = pointed(body, workspace.bot)
            async with self._in_order.holding(given.said.place.room.id):
                await self._pointing.go_on(workspace, given, responding(respond, self._say))

    async def on_button(self, ack: AsyncAck, body: Body) -> None:
        """A button below a text."""
        await ack()
        async with self._workspace(body) as workspace:
            if workspace is not None:
                await self._buttons.press(workspace, click(body, workspace.bot))

    async def on_edited(self, ack: AsyncAck, body: Body, view: Body) -> None:
        """The form with a passage's text."""
        async with self._workspace(body) as workspace:
            if workspace is not None:
                await self._buttons.edited(workspace, ack, view, str(body["user"]["id"]))

    async def on_settings(self, ack: AsyncAck, body: Body, view: Body) -> None:
        """The form with a channel's rules."""
        async with self._workspace(body) as workspace:
            if workspace is not None:
                await self._settings.saved(workspace, ack, view, str(body["user"]["id"]))

    async def on_home(self, body: Body) -> None:
        """Somebody opened the home tab."""
        async with self._workspace(body) as workspace:
            if workspace is not None:
                await _guarded(self._home.opened(workspace, body))

    async def on_home_button(self, ack: AsyncAck, body: Body) -> None:
        """A button on the home tab."""
        await ack()
        async with self._workspace(body) as workspace:
            if workspace is not None and self._first(body):
                await _guarded(self._home.press(workspace, body))

    async def on_uninstalled(self, body: Body) -> None:
        """The app was taken out of a workspace."""
        async with self._inflight:
            await _guarded(self._workspaces.forget(team_of(body)))

    async def on_revoked(self, body: Body) -> None:
        """Tokens of a workspace hold no longer. People's own tokens are none of ours."""
        if (body.get("event") or {}).get("tokens", {}).get("bot"):
            await self.on_uninstalled(body)

    def _first(self, body: Body) -> bool:
        """Whether a command or click is delivered for the first time."""
        return self._done.add(str(body.get("trigger_id") or id(body)))

    @asynccontextmanager
    async def _workspace(self, body: Body) -> AsyncIterator[Workspace | None]:
        async with self._inflight:
            try:
                workspace = await self._workspaces.of(team_of(body))
            except Undeliverable as error:
                _log.warning("Slack sent something from a workspace without us: %s", error)
                workspace = None
            yield workspace


async def _guarded(work: Awaitable[None]) -> None:
    try:
        await work
    except Exception:  # noqa: BLE001  a task's border
        _log.exception("Something that Slack sent could not be done")


async def _ignore() -> None:
    """Nothing to do."""
