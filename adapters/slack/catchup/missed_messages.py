"""What happened in a thread while nobody listened, from what it holds now, and how it is received.

Nothing is lost, and nobody is flooded with answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from adapters.slack.listeners.messages import MessageListener, ReceiveOptions
from adapters.slack.listeners.thread_commands import ThreadCommand, parse_thread_command
from adapters.slack.payloads.events import (
    PLATFORM,
    BotUser,
    IncomingMessage,
    MessageChange,
    SlackThread,
    is_from_person,
    parse_message,
)
from adapters.slack.workspaces import Workspace
from bot.core.services import Services
from bot.domain.chat import Author

RECENT_S = 900.0
"""People who asked longer ago do not wait for an answer any more."""
_SOMEBODY = Author(PLATFORM, "", "")
_DIRECT = "D"
MAX_CLOCK_SKEW_S = 10.0
"""Slack's clock and ours. What came as an event, too, is no harm."""

_MIN_READS, _MIN_MINUTES = 15, 2


@dataclass(frozen=True, slots=True)
class ListeningGap:
    """When nobody listened, in seconds since 1970."""

    since: float
    until: float

    def max_reads(self, reads_a_minute: int) -> int:
        """How many threads, and how many channels, are looked at for it.

        Looking takes no longer than the absence did, a little in any case.
        """
        minutes = max(_MIN_MINUTES, (self.until - self.since) / 60)
        return max(_MIN_READS, int(reads_a_minute * minutes))

    def contains(self, ts: str) -> bool:
        """Whether a message is of that time."""
        return self.since < float(ts) <= self.until + MAX_CLOCK_SKEW_S


@dataclass(frozen=True, slots=True)
class MissedEvents:
    """What people wrote meanwhile, in its order, and what became of what they had written before."""

    messages: tuple[IncomingMessage, ...] = ()
    changes: tuple[MessageChange, ...] = ()


def find_missed(
    messages: Iterable[Mapping[str, Any]], thread: SlackThread, bot: BotUser, gap: ListeningGap
) -> MissedEvents:
    """What a thread says of an absence. Replies that were deleted are not there, and nothing says so."""
    found: list[IncomingMessage] = []
    changes: list[MessageChange] = []
    for message in messages:
        if message.get("subtype") == "tombstone":
            changes.append(MessageChange(thread, str(message["ts"]), None))
        elif is_from_person(message, bot):
            incoming = parse_missed_message(message, thread, bot)
            if gap.contains(incoming.ts):
                found.append(incoming)
            elif float(incoming.ts) <= gap.since and _edited_at(message) > gap.since:
                changes.append(MessageChange(incoming.thread, incoming.ts, incoming.raw, incoming.files))
    return MissedEvents(tuple(sorted(found, key=lambda each: float(each.ts))), tuple(changes))


def parse_missed_message(message: Mapping[str, Any], thread: SlackThread, bot: BotUser) -> IncomingMessage:
    """A message of a history as its event would have carried it."""
    incoming = parse_message(message, thread.team, thread.channel, bot)
    return replace(incoming, is_direct=thread.channel.startswith(_DIRECT))


def _edited_at(message: Mapping[str, Any]) -> float:
    return float((message.get("edited") or {}).get("ts") or 0.0)


class MissedMessageReceiver:
    """Lets what was missed in a story's thread become passages; the last that asks for more is answered."""

    def __init__(self, services: Services, listener: MessageListener, wall: Callable[[], float]) -> None:
        self._services = services
        self._listener = listener
        self._wall = wall

    def is_recent(self, ts: str) -> bool:
        """Whether who wrote it may still wait for an answer."""
        return self._wall() - float(ts) <= RECENT_S

    async def receive(self, workspace: Workspace, found: MissedEvents) -> None:
        """What was missed in one thread."""
        for change in found.changes:
            await self._listener.on_change(workspace, change)
        last = await self._last_request(found.messages)
        for each in found.messages:
            options = ReceiveOptions(may_reply=each is last, may_run_commands=self.is_recent(each.ts))
            await self._listener.on_message(workspace, each, options)

    async def _last_request(self, messages: Sequence[IncomingMessage]) -> IncomingMessage | None:
        if not messages:
            return None
        listens = (await self._services.settings.resolve(messages[0].thread.room)).listens
        last = None
        for each in messages:
            command = parse_thread_command(each.raw)
            if command in {ThreadCommand.MUTE, ThreadCommand.UNMUTE}:
                listens = command is ThreadCommand.UNMUTE
            elif command not in {None, ThreadCommand.CONTINUE} or not self.is_recent(each.ts):
                continue
            elif each.mentions_bot or (listens and await self._is_of_the_story(each)):
                last = each
        return last

    async def _is_of_the_story(self, incoming: IncomingMessage) -> bool:
        return not incoming.is_empty and not await self._services.generation.is_out_of_character(
            incoming.to_message(_SOMEBODY, {})
        )
