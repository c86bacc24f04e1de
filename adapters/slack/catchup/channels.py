"""Mentions in channels, and direct messages, that came while nobody listened and that nobody answered."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adapters.slack.catchup.late_messages import RECENT_S, Late
from adapters.slack.catchup.missed import Absence, as_heard
from adapters.slack.listeners.messages import Hearing
from adapters.slack.payloads.events import Incoming, Place, by_a_person
from adapters.slack.web_api.client import CHANNELS, DIRECT, Patience
from adapters.slack.workspace import Workspace
from bot.aio.keyed_lock import KeyedLock
from bot.core.services import Services
from bot.domain.errors import DeliveryError, StoreError

_log = logging.getLogger(__name__)


class Channels:
    """Looks through the channels that the bot is in; those with a story first."""

    def __init__(
        self, services: Services, hearing: Hearing, late: Late, in_order: KeyedLock, wall: Callable[[], float]
    ) -> None:
        self._services = services
        self._hearing = hearing
        self._late = late
        self._in_order = in_order
        self._wall = wall

    async def catch_up(
        self, workspace: Workspace, stories: Sequence[Place], absence: Absence, patience: Patience
    ) -> None:
        """Answer in every channel what may still be waited for. Never raises for what Slack refuses."""
        team = workspace.bot.team_id
        told = [place.channel for place in stories]
        channels = dict.fromkeys([*told, *await self._joined(workspace, patience)])
        for number, channel in enumerate(channels):
            since = max(absence.since, self._wall() - RECENT_S)
            if since >= absence.until or number >= absence.looks(workspace.api.reads_a_minute):
                return  # nobody waits any more, or there are too many
            try:
                await self._channel(workspace, Place(team, channel), Absence(since, absence.until), patience)
            except DeliveryError as error:
                _log.info("A channel cannot be looked through for mentions: %s", error)
            except StoreError:
                raise
            except Exception:  # noqa: BLE001  one channel's border
                _log.exception("A channel could not be looked through for mentions")

    async def _joined(self, workspace: Workspace, patience: Patience) -> list[str]:
        found: list[str] = []
        for types in (CHANNELS, DIRECT):
            try:
                found += await patience(lambda kinds=types: workspace.api.own_channels(kinds))  # type: ignore[misc]
            except DeliveryError as error:
                _log.info("Slack does not tell which conversations the bot is in: %s", error)
        return found

    async def _channel(
        self, workspace: Workspace, place: Place, absence: Absence, patience: Patience
    ) -> None:
        messages = workspace.api.messages(place, patience, since=absence.since, patient=True)
        for message in reversed([each async for each in messages]):
            thread = place.thread(str(message.get("thread_ts") or message["ts"]))
            if await self._services.stories.read(thread.room) is not None:
                continue  # its thread is read as a whole
            if float(message.get("latest_reply") or 0.0) > absence.since:
                await self._thread(workspace, thread, absence, patience)
            elif (heard := self._asking(workspace, message, place, absence)) is not None:
                await self._hear(workspace, heard)

    async def _thread(self, workspace: Workspace, place: Place, absence: Absence, patience: Patience) -> None:
        """The last mention in a thread that has no story yet, where the bot did not answer it."""
        last = None
        async for message in workspace.api.messages(place, patience, since=absence.since, patient=True):
            if _is_own(workspace, message):
                last = None
            else:
                last = self._asking(workspace, message, place, absence) or last
        if last is not None:
            await self._hear(workspace, last)

    def _asking(
        self, workspace: Workspace, message: Mapping[str, Any], place: Place, absence: Absence
    ) -> Incoming | None:
        if not by_a_person(message, workspace.bot) or not absence.holds(str(message["ts"])):
            return None
        heard = as_heard(message, place, workspace.bot)
        asks = (heard.called or heard.direct) and self._late.is_recent(heard.ts)
        answered = workspace.bot.user_id in (message.get("reply_users") or ())
        return heard if asks and not answered else None

    async def _hear(self, workspace: Workspace, heard: Incoming) -> None:
        async with self._in_order.holding(heard.place.room.id):
            await self._hearing.hear(workspace, heard, again=True)


def _is_own(workspace: Workspace, message: Mapping[str, Any]) -> bool:
    return message.get("user") == workspace.bot.user_id
