"""Slack's native streams: a message that grows without being edited, on a budget of its own.

A stream can only grow, and Slack ends it after five minutes. Whatever it cannot show, and its end, goes
through chat.update on the same message. Where a workspace does not stream, that is noticed at the first try.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from adapters.slack.delivery.render import ButtonLabel, key_mark, stream_button
from adapters.slack.payloads.events import SlackThread, message_id, ts_of
from adapters.slack.payloads.text import escape_markdown
from adapters.slack.web_api.client import WebApi
from adapters.slack.web_api.errors import Refused, ResponseLost, UnsupportedMethod
from adapters.slack.web_api.rate_limits import START_STREAM
from bot.aio.clock import Clock
from bot.domain.chat import Author
from bot.domain.errors import DeliveryError, RetryLater
from bot.domain.replies import Reply, ReplyState

MAX_STREAM_S = 230.0
"""Slack ends a stream after about five minutes; we end it before four."""
_NOT_ABOUT_STREAMS = {
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "thread_not_found",
    "msg_too_long",
}
"""Refusals that a plain post would meet too: they say nothing about streams."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Stream:
    """An open stream: the note it began with, and the story's text that it shows so far."""

    key: str
    note: str
    text: str
    started_at: float

    def growth(self, reply: Reply) -> str | None:
        """What `reply` has more; None where it is not simply more, or more is to come elsewhere."""
        if reply.other_candidates or not reply.state.is_open:
            return None
        if reply.state is ReplyState.WAITING:
            return "" if reply.note == self.note and not self.text else None
        return None if reply.note else self.more(reply)

    def more(self, reply: Reply) -> str | None:
        """What the text of `reply` has more; None where it goes another way."""
        return reply.text[len(self.text) :] if reply.text.startswith(self.text) else None

    def chunks(self, growth: str) -> list[dict[str, Any]]:
        """`growth` as Slack takes it."""
        before = "" if self.text or not self.note else "\n\n"
        # Of the whole text: what makes a link may come in two pieces.
        grown = escape_markdown(self.text + growth)[len(escape_markdown(self.text)) :]
        return [{"type": "markdown_text", "text": before + grown}] if growth else []


class Streams:
    """The open streams of one workspace, by message id."""

    def __init__(self, api: WebApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._open: dict[str, _Stream] = {}
        self._unsupported = False
        self.starting = 0
        """How many are being begun just now."""

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._open

    @property
    def available(self) -> bool:
        """Whether another one may be begun now."""
        return not self._unsupported and self._api.rate_limits.has_capacity(START_STREAM)

    async def start(
        self, thread: SlackThread, reply: Reply, key: str, recipient: Author, label: ButtonLabel
    ) -> str | None:
        """Begin a stream; returns its ts, None where there is none to be had.

        Raises:
            ResponseLost: it may have begun.
        """
        note = reply.note if reply.state is ReplyState.WAITING else ""
        chunks: list[dict[str, Any]] = [
            {"type": "markdown_text", "text": escape_markdown(reply.text or note or "…") + key_mark(key)},
            {"type": "blocks", "blocks": [stream_button(reply.job, key, label)]},
        ]
        self.starting += 1
        try:
            ts = await self._api.start_stream(thread, chunks, recipient.id)
        except Refused as error:
            self._unsupported = error.code not in _NOT_ABOUT_STREAMS
        except UnsupportedMethod:
            self._unsupported = True
        except ResponseLost:
            raise
        except RetryLater as error:
            # No stream just now: a post does as well, at once.
            _log.info("A stream could not be begun: %s", error)
        else:
            if ts:
                stream = _Stream(key, note, reply.text, self._clock.now())
                self._open[message_id(thread.channel, ts)] = stream
                return ts
            self._unsupported = True
            raise ResponseLost("chat.startStream: Slack names no message")
        finally:
            self.starting -= 1
        if self._unsupported:
            _log.info("This Slack workspace does not stream; messages are edited instead")
        return None

    async def append(self, thread: SlackThread, message_id: str, reply: Reply) -> bool:
        """Let the stream show `reply`; False where it cannot.

        Raises:
            RetryLater
        """
        stream = self._open[message_id]
        growth = stream.growth(reply)
        if growth is None or self._clock.now() - stream.started_at > MAX_STREAM_S:
            return False
        if not growth:
            return True
        try:
            await self._api.append_stream(thread.channel, ts_of(message_id), stream.chunks(growth))
        except (ResponseLost, Refused) as error:
            # It may show the text by now, or have ended: an edit is right in any case.
            _log.info("A stream could not go on: %s", error)
            return False
        stream.text = reply.text
        return True

    async def stop(self, thread: SlackThread, message_id: str, reply: Reply | None = None) -> bool:
        """Make the message an ordinary one, with what `reply` has more; whether it shows its text now.

        What goes wrong here shows when it is edited.
        """
        stream = self._open.pop(message_id)
        more = stream.more(reply) if reply else None
        chunks = stream.chunks(more or "")
        try:
            await self._api.stop_stream(thread.channel, ts_of(message_id), stream.key, chunks)
        except DeliveryError as error:
            _log.info("A stream could not be ended: %s", error)
            return False
        return more is not None

    async def stop_all(self, team: str) -> None:
        """The process ends: every message stays as it reads."""
        for each in list(self._open):
            await self.stop(SlackThread(team, each.partition(":")[0]), each)
