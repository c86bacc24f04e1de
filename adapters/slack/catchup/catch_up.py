"""Catching up: Slack's events of a time when nobody listened are gone, but its threads are there.

Threads of open stories are read, the one told on last first, and the channels' latest messages for mentions
that nobody answered. Whatever came as an event, too, is known by its channel and time stamp. Slack counts
these calls: live messages go first, and an app that may read one thread a minute reads the latest ones only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from adapters.slack.catchup.channels import ChannelCatchUp
from adapters.slack.catchup.missed_messages import ListeningGap, MissedMessageReceiver, find_missed
from adapters.slack.payloads.events import PLATFORM, SlackThread
from adapters.slack.web_api.client import Retry
from adapters.slack.web_api.errors import UnsupportedMethod
from adapters.slack.web_api.rate_limits import READ_THREAD
from adapters.slack.workspaces import Workspace, Workspaces
from bot.aio.clock import Clock
from bot.aio.keyed_lock import KeyedLock
from bot.aio.retry import Backoff, retry
from bot.core.services import Services
from bot.domain.errors import DeliveryError, RetryLater, StoreError

_BACKOFF = Backoff(first_s=2.0, longest_s=60.0)
_TRIES = 31

_log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class _Pending:
    """An absence, and the rooms whose threads were read for it."""

    gap: ListeningGap
    read: set[str] = field(default_factory=set)


class WorkspaceCatchUp:
    """Catches up with what was missed in each workspace, one absence after the other."""

    def __init__(
        self,
        workspaces: Workspaces,
        services: Services,
        receiver: MissedMessageReceiver,
        channels: ChannelCatchUp,
        in_order: KeyedLock,
        clock: Clock,
        wall: Callable[[], float],
    ) -> None:
        self._workspaces = workspaces
        self._services = services
        self._receiver = receiver
        self._channels = channels
        self._in_order = in_order
        self._wall = wall
        self._retry: Retry = partial(
            retry, on=RetryLater, unless=UnsupportedMethod, backoff=_BACKOFF, clock=clock, tries=_TRIES
        )
        self._pending: dict[str, deque[_Pending]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, team: str, since: float) -> None:
        """Nobody listened in a workspace since then, and somebody does now."""
        self._pending.setdefault(team, deque()).append(_Pending(ListeningGap(since, self._wall())))
        if team not in self._tasks:
            self._tasks[team] = asyncio.create_task(self._run(team), name=f"slack catches up {team}")

    @property
    def pending_teams(self) -> Collection[str]:
        """The workspaces in which something may still be missing."""
        return self._pending.keys()

    async def close(self) -> None:
        """Read nothing more; what is left is found again at the next start."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def catch_up_thread(self, workspace: Workspace, thread: SlackThread) -> None:
        """Receive what was missed in a thread before what comes now, where that needs no waiting."""
        for pending in tuple(self._pending.get(thread.team, ())):
            unread = thread.room.id not in pending.read
            if (
                not unread
                or not workspace.api.rate_limits.has_capacity(READ_THREAD)
                or await self._services.stories.open_in(thread.room) is None
            ):
                continue
            try:
                await self._thread(workspace, thread, pending, None)
            except DeliveryError as error:
                _log.info("A thread could not be caught up with at once: %s", error)

    async def _run(self, team: str) -> None:
        waiting = self._pending[team]
        try:
            while waiting:
                await self._catch_up(team, waiting[0])
                waiting.popleft()
            del self._pending[team]
        except Exception:  # noqa: BLE001  a task's border: it counts as missing, and the next start tries again
            _log.exception("What was written in Slack meanwhile could not be read")
        finally:
            del self._tasks[team]

    async def _catch_up(self, team: str, pending: _Pending) -> None:
        try:
            workspace = await self._workspaces.get(team)
        except DeliveryError:
            return  # taken out meanwhile
        rooms = map(SlackThread.of, await self._services.stories.open_rooms(PLATFORM))
        threads = [thread for thread in rooms if thread.team == team]
        async with asyncio.TaskGroup() as group:
            group.create_task(self._threads(workspace, threads, pending))
            group.create_task(self._channels.catch_up(workspace, threads, pending.gap, self._retry))

    async def _threads(self, workspace: Workspace, threads: Sequence[SlackThread], pending: _Pending) -> None:
        for number, thread in enumerate(threads):
            if number >= pending.gap.max_reads(workspace.api.rate_limits.reads_a_minute):
                left = len(threads) - number
                _log.info("Slack: %d older stories were not looked at for what was missed", left)
                return
            try:
                await self._thread(workspace, thread, pending, self._retry)
            except DeliveryError as error:
                _log.info("A story's thread cannot be caught up with: %s", error)
            except StoreError:
                raise
            except Exception:  # noqa: BLE001  one thread's border: what is odd there must not keep out the others
                _log.exception("A story's thread could not be caught up with")

    async def _thread(
        self, workspace: Workspace, thread: SlackThread, pending: _Pending, retry: Retry | None
    ) -> None:
        if thread.room.id in pending.read:
            return
        messages = await _messages(workspace, thread, pending.gap, retry)
        async with self._in_order.holding(thread.room.id):
            if thread.room.id not in pending.read:
                pending.read.add(thread.room.id)
                found = find_missed(messages, thread, workspace.bot, pending.gap)
                await self._receiver.receive(workspace, found)


async def _messages(
    workspace: Workspace, thread: SlackThread, gap: ListeningGap, retry: Retry | None
) -> list[Any]:
    """A thread, as a whole where that costs little: what is older may have been edited."""
    api, found = workspace.api, []
    if not api.rate_limits.reads_are_restricted:
        async for message in api.messages(thread, retry, low_priority=retry is not None):
            found.append(message)
            if api.rate_limits.reads_are_restricted:
                break
        else:
            return found
    since = gap.since
    return [each async for each in api.messages(thread, retry, since=since, low_priority=retry is not None)]
