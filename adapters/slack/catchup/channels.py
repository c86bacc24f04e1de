"""Mentions in channels, and direct messages, that came while nobody listened and that nobody answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from adapters.slack.catchup.missed_messages import (
    RECENT_S,
    ListeningGap,
    MissedMessageReceiver,
    parse_missed_message,
)
from adapters.slack.listeners.messages import MessageListener, ReceiveOptions
from adapters.slack.payloads.events import IncomingMessage, SlackThread, is_from_person
from adapters.slack.web_api.client import CHANNELS, DIRECT, Retry
from adapters.slack.workspaces import Workspace
from bot.aio.keyed_lock import KeyedLock
from bot.core.services import Services
from bot.domain.errors import DeliveryError, StoreError

_log = structlog.get_logger(__name__)


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
            try:
                await self._channel(
                    workspace, SlackThread(team, channel), ListeningGap(since, gap.until), retry
                )
            except DeliveryError as error:
                _log.info("A channel cannot be looked through for mentions: %s", error)
            except StoreError:
                raise
            except Exception:  # noqa: BLE001  one channel's border
                _log.exception("A channel could not be looked through for mentions")

    async def _joined(self, workspace: Workspace, retry: Retry) -> list[str]:
        found: list[str] = []
        for types in (CHANNELS, DIRECT):
            try:
                found += await retry(lambda kinds=types: workspace.api.own_channels(kinds))  # type: ignore[misc]
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
