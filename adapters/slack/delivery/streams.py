"""Slack's native streams: a message that grows without being edited, on a budget of its own.

A stream can only grow, and Slack ends it after five minutes. Whatever it cannot show, and its end, goes
through chat.update on the same message. Where a workspace does not stream, that is noticed at the first try.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from adapters.slack.delivery.render import Label, stream_button
from adapters.slack.payloads.events import Place, message_id, ts_of
from adapters.slack.payloads.message_keys import mark
from adapters.slack.payloads.text import markdown
from adapters.slack.web_api.client import WebApi
from adapters.slack.web_api.errors import AnswerLost, Misunderstood, Refused
from bot.aio.clock import Clock
from bot.domain.chat import Author
from bot.domain.errors import DeliveryError, RetryLater
from bot.domain.replies import Reply, ReplyState

LONGEST_S = 230.0
"""Slack ends a stream after about five minutes; we end it before four."""
_OF_THE_PLACE = {"channel_not_found", "not_in_channel", "is_archived", "thread_not_found", "msg_too_long"}
"""Refusals that a plain post would meet too: they say nothing about streams."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Stream:
    """An open stream: the note it began with, and the story's text that it shows so far."""

    key: str
    note: str
    text: str
    begun: float

    def growth(self, draft: Reply) -> str | None:
        """What `draft` has more; None where it is not simply more, or more is to come elsewhere."""
        if draft.other_candidates or not draft.state.is_open:
            return None
        if draft.state is ReplyState.WAITING:
            return "" if draft.note == self.note and not self.text else None
        return None if draft.note else self.more(draft)

    def more(self, draft: Reply) -> str | None:
        """What the text of `draft` has more; None where it goes another way."""
        return draft.text[len(self.text) :] if draft.text.startswith(self.text) else None

    def chunks(self, growth: str) -> list[dict[str, Any]]:
        """`growth` as Slack takes it."""
        before = "" if self.text or not self.note else "\n\n"
        # Of the whole text: what makes a link may come in two pieces.
        grown = markdown(self.text + growth)[len(markdown(self.text)) :]
        return [{"type": "markdown_text", "text": before + grown}] if growth else []


class Streams:
    """The open streams of one workspace, by message id."""

    def __init__(self, api: WebApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._open: dict[str, _Stream] = {}
        self._unknown_here = False
        self.beginning = 0
        """How many are being begun just now."""

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._open

    @property
    def possible(self) -> bool:
        """Whether another one may be begun now."""
        return not self._unknown_here and self._api.may_stream()

    async def begin(self, place: Place, draft: Reply, key: str, reader: Author, label: Label) -> str | None:
        """Begin a stream; returns its ts, None where there is none to be had.

        Raises:
            AnswerLost: it may have begun.
        """
        note = draft.note if draft.state is ReplyState.WAITING else ""
        chunks: list[dict[str, Any]] = [
            {"type": "markdown_text", "text": markdown(draft.text or note or "…") + mark(key)},
            {"type": "blocks", "blocks": [stream_button(draft.job, key, label)]},
        ]
        self.beginning += 1
        try:
            ts = await self._api.start_stream(place, chunks, reader.id)
        except Refused as error:
            self._unknown_here = error.code not in _OF_THE_PLACE
        except Misunderstood:
            self._unknown_here = True
        except AnswerLost:
            raise
        except RetryLater as error:
            # No stream just now: a post does as well, at once.
            _log.info("A stream could not be begun: %s", error)
        else:
            if ts:
                stream = _Stream(key, note, draft.text, self._clock.now())
                self._open[message_id(place.channel, ts)] = stream
                return ts
            self._unknown_here = True
            raise AnswerLost("chat.startStream: Slack names no message")
        finally:
            self.beginning -= 1
        if self._unknown_here:
            _log.info("This Slack workspace does not stream; messages are edited instead")
        return None

    async def follow(self, place: Place, message_id: str, draft: Reply) -> bool:
        """Let the stream show `draft`; False where it cannot.

        Raises:
            RetryLater
        """
        stream = self._open[message_id]
        growth = stream.growth(draft)
        if growth is None or self._clock.now() - stream.begun > LONGEST_S:
            return False
        if not growth:
            return True
        try:
            await self._api.append_stream(place.channel, ts_of(message_id), stream.chunks(growth))
        except (AnswerLost, Refused) as error:
            # It may show the text by now, or have ended: an edit is right in any case.
            _log.info("A stream could not go on: %s", error)
            return False
        stream.text = draft.text
        return True

    async def end(self, place: Place, message_id: str, draft: Reply | None = None) -> bool:
        """Make the message an ordinary one, with what `draft` has more; whether it shows its text now.

        What goes wrong here shows when it is edited.
        """
        stream = self._open.pop(message_id)
        more = stream.more(draft) if draft else None
        chunks = stream.chunks(more or "")
        try:
            await self._api.stop_stream(place.channel, ts_of(message_id), stream.key, chunks)
        except DeliveryError as error:
            _log.info("A stream could not be ended: %s", error)
            return False
        return more is not None

    async def end_all(self, team: str) -> None:
        """The process ends: every message stays as it reads."""
        for each in list(self._open):
            await self.end(Place(team, each.partition(":")[0]), each)
