"""Where the app listens, until when it did, and what it sees to when it was away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping

import structlog

from adapters.shared.heartbeat import keep_beating
from adapters.slack.catchup.catch_up import WorkspaceCatchUp
from adapters.slack.payloads.events import PLATFORM
from adapters.slack.workspaces import Workspaces
from bot.aio.clock import Clock
from bot.domain.errors import StoreError
from bot.domain.repositories import Heartbeats

_log = structlog.get_logger(__name__)


class WorkspaceHeartbeat:
    """Records until when each workspace was listened to, and has caught up with what was missed since.

    `is_listening`: whether events seem to arrive and what came is kept.
    `uncertainty_s`: for how long that may be wrong.
    """

    def __init__(
        self,
        heartbeats: Heartbeats | None,
        workspaces: Workspaces,
        catch_up: WorkspaceCatchUp,
        clock: Clock,
        is_listening: Callable[[], bool],
        uncertainty_s: float,
    ) -> None:
        self._heartbeats = heartbeats
        self._workspaces = workspaces
        self._catch_up = catch_up
        self._clock = clock
        self._is_listening = is_listening
        self._uncertainty_s = uncertainty_s
        self._listened_until: Mapping[str, float] = {}

    async def prepare(self) -> None:
        """Look up until when the last process listened; before any event is received."""
        joined = await self._workspaces.installed_since()
        if self._heartbeats is None:
            return  # each start is a first one
        try:
            kept = await self._heartbeats.listened_until(PLATFORM)
        except StoreError as error:
            _log.warning("Until when Slack was listened to cannot be read: %s", error)
            return
        self._listened_until = {
            team: max(kept[team].timestamp() - self._uncertainty_s, joined[team])
            for team in joined
            if team in kept
        }

    async def run(self, connected: asyncio.Event) -> None:
        """Once events can arrive: catch up, and beat until cancelled."""
        await connected.wait()
        for team, since in self._listened_until.items():
            self._catch_up.start(team, since)
        if self._heartbeats is not None:
            await keep_beating(self._heartbeats, PLATFORM, self._clock, self._listening_teams)

    async def stop(self) -> None:
        """Nothing more is received from now on."""
        places = self._listening_teams()
        await self._catch_up.close()
        if not places or self._heartbeats is None:
            return
        try:
            await self._heartbeats.record(PLATFORM, places)
        except StoreError as error:
            _log.warning("Until when Slack was listened to could not be kept: %s", error)

    def on_reconnect(self, since: float) -> None:
        """The link was away since then, and stands again."""
        for team in tuple(self._workspaces.teams):
            self._catch_up.start(team, since)

    def _listening_teams(self) -> Collection[str]:
        if not self._is_listening():
            return ()
        return sorted(set(self._workspaces.teams) - set(self._catch_up.pending_teams))
