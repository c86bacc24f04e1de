"""Catching up: Slack's events of a time when nobody listened are gone, but its threads are there.

Threads of open stories are read, the latest first, and the channels' latest messages for mentions that nobody
answered. Whatever came as an event, too, is known by its channel and time stamp. Slack counts these calls:
live messages go first, and an app that may read one thread a minute reads the latest ones only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from adapters.slack.catchup.missed_messages import (
    RECENT_S,
    ListeningGap,
    MissedMessageReceiver,
    find_missed,
    parse_missed_message,
)
from adapters.slack.listeners.messages import MessageListener, ReceiveOptions
from adapters.slack.payloads.events import PLATFORM, IncomingMessage, SlackThread, is_from_person
from adapters.slack.web_api.client import CHANNELS, DIRECT, Retry
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
        listener: MessageListener,
        in_order: KeyedLock,
        clock: Clock,
        wall: Callable[[], float],
    ) -> None:
        self._workspaces = workspaces
        self._services = services
        self._receiver = MissedMessageReceiver(services, listener, wall)
        self._channels = ChannelCatchUp(services, listener, self._receiver, in_order, wall)
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
            with _kept_apart("A story's thread could not be caught up with"):
                await self._thread(workspace, thread, pending, self._retry)

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


@contextmanager
def _kept_apart(what_failed: str) -> Iterator[None]:
    """What is odd in one place must not keep out the others."""
    try:
        yield
    except DeliveryError as error:
        _log.info("%s: %s", what_failed, error)
    except StoreError:
        raise
    except Exception:  # noqa: BLE001  one place's border
        _log.exception(what_failed)


class ChannelCatchUp:
    """Looks through the channels that the bot is in; those with a story first."""

    def __init__(
        self,
        services: Services,
        listener: MessageListener,
        receiver: MissedMessageReceiver,
        in_order: KeyedLock,
        wall: Callable[[], float],
    ) -> None:
        self._services = services
        self._listener = listener
        self._receiver = receiver
        self._in_order = in_order
        self._wall = wall

    async def catch_up(
        self, workspace: Workspace, stories: Sequence[SlackThread], gap: ListeningGap, retry: Retry
    ) -> None:
        """Answer in every channel what may still be waited for. Never raises for what Slack refuses."""
        team = workspace.bot.team_id
        with_stories = [thread.channel for thread in stories]
        channels = dict.fromkeys([*with_stories, *await self._joined(workspace, retry)])
        for number, channel in enumerate(channels):
            since = max(gap.since, self._wall() - RECENT_S)
            if since >= gap.until or number >= gap.max_reads(workspace.api.rate_limits.reads_a_minute):
                return  # nobody waits any more, or there are too many
            with _kept_apart("A channel could not be looked through for mentions"):
                await self._channel(
                    workspace, SlackThread(team, channel), ListeningGap(since, gap.until), retry
                )

    async def _joined(self, workspace: Workspace, retry: Retry) -> list[str]:
        found: list[str] = []
        for types in (CHANNELS, DIRECT):
            try:
                found += await retry(lambda kinds=types: workspace.api.conversations(kinds))  # type: ignore[misc]
            except DeliveryError as error:
                _log.info("Slack does not tell which conversations the bot is in: %s", error)
        return found

    async def _channel(
        self, workspace: Workspace, thread: SlackThread, gap: ListeningGap, retry: Retry
    ) -> None:
        messages = workspace.api.messages(thread, retry, since=gap.since, low_priority=True)
        for message in reversed([each async for each in messages]):
            thread = thread.under(str(message.get("thread_ts") or message["ts"]))
            if await self._services.stories.open_in(thread.room) is not None:
                continue  # its thread is read as a whole
            if float(message.get("latest_reply") or 0.0) > gap.since:
                await self._thread(workspace, thread, gap, retry)
            elif (incoming := self._parse_request(workspace, message, thread, gap)) is not None:
                await self._receive(workspace, incoming)

    async def _thread(
        self, workspace: Workspace, thread: SlackThread, gap: ListeningGap, retry: Retry
    ) -> None:
        """The last mention in a thread that has no story yet, where the bot did not answer it."""
        last = None
        async for message in workspace.api.messages(thread, retry, since=gap.since, low_priority=True):
            if _is_own(workspace, message):
                last = None
            else:
                last = self._parse_request(workspace, message, thread, gap) or last
        if last is not None:
            await self._receive(workspace, last)

    def _parse_request(
        self, workspace: Workspace, message: Mapping[str, Any], thread: SlackThread, gap: ListeningGap
    ) -> IncomingMessage | None:
        if not is_from_person(message, workspace.bot) or not gap.contains(str(message["ts"])):
            return None
        incoming = parse_missed_message(message, thread, workspace.bot)
        asks = incoming.is_to_bot and self._receiver.is_recent(incoming.ts)
        answered = workspace.bot.user_id in (message.get("reply_users") or ())
        return incoming if asks and not answered else None

    async def _receive(self, workspace: Workspace, incoming: IncomingMessage) -> None:
        async with self._in_order.holding(incoming.thread.room.id):
            await self._listener.on_message(workspace, incoming, ReceiveOptions(redelivered=True))


def _is_own(workspace: Workspace, message: Mapping[str, Any]) -> bool:
    return message.get("user") == workspace.bot.user_id
