"""Posting exactly once.

Slack has no key of its own for that, so each post carries ours in its metadata (a stream in its button and
its text), and where an earlier try may have gone through (its answer was lost, or another process made it),
the thread is read for it before posting. Where that shows nothing, or cannot be done, it is read again when
the reply is over: what appeared late is taken away.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from adapters.slack.delivery.render import Shown, stream_key
from adapters.slack.payloads.events import Place, message_id, ts_of
from adapters.slack.payloads.message_keys import is_marked
from adapters.slack.payloads.recent import Recent
from adapters.slack.web_api.client import METADATA_TYPE, WebApi
from adapters.slack.web_api.errors import AnswerLost, Misunderstood
from bot.domain.errors import DeliveryError, RetryLater

_PATIENCE_S = 5.0
"""How long a first sign may wait for the search of a thread that most likely holds nothing."""

_MAX_TWINS = 500
_LATE_S = 600.0
"""How long before a message an earlier try for it may have appeared."""

Start = Callable[[], Awaitable[str | None]]
"""Begins a stream instead of a post and returns its ts; None: it cannot be."""

_log = logging.getLogger(__name__)


class Postings:
    """Posts of ours, each once per key."""

    def __init__(self, api: WebApi) -> None:
        self._api = api
        self._sent = Recent()
        self._known = Recent()
        self._young = Recent()
        self._late = Recent()
        """Keys whose earlier post was not there when it was looked for."""
        self._twins: dict[str, str] = {}
        """Keys of messages, by id, that an earlier try may yet appear beside."""

    def born(self, place: Place) -> None:
        """A thread that began while this process ran: no other process has posted in it."""
        self._young.add(place.room.id)

    def new(self, key: str) -> None:
        """A key was made just now: no other process has posted for it."""
        self._known.add(key)

    def not_born(self, place: Place) -> None:
        """It began earlier than it seemed: another process may have posted there."""
        self._young.discard(place.room.id)

    async def post(self, place: Place, shown: Shown, key: str, start: Start | None = None) -> str:
        """Post, or find the post that an earlier try made and bring it up to date; returns its ts.

        Raises:
            RetryLater, Undeliverable
        """
        doubtful = key in self._sent
        found, certain = await self._earlier(place, key, doubtful=doubtful)
        if found is not None:
            await self._api.update(place.channel, found, shown, key)
            if key in self._late:
                self._remember_twin(message_id(place.channel, found), key)
            return found
        if doubtful:
            self._late.add(key)
        # Before the call: whatever interrupts it leaves the post in doubt. After it too: who asks again for
        # the same key did not get to keep the answer.
        self._sent.add(key)
        try:
            started = await start() if start else None
            ts = started or await self._api.post(place, shown, key)
        except AnswerLost:
            raise
        except DeliveryError:
            if not doubtful:
                self._sent.discard(key)
            raise
        if doubtful or not certain:
            self._remember_twin(message_id(place.channel, ts), key)
        return ts

    async def tidy(self, place: Place, message: str) -> None:
        """Take away what an earlier try for the same key posted late, where that could be; quietly."""
        if message not in self._twins or self._api.reads_used_up():
            return  # its next change is another chance
        key = self._twins.pop(message)
        try:
            since = float(ts_of(message)) - _LATE_S
            for ts in [ts async for ts in self._all(place, key, since) if ts != ts_of(message)]:
                await self._api.remove(place.channel, ts)
        except RetryLater:
            self._remember_twin(message, key)
        except DeliveryError as error:
            _log.warning("A thread cannot be searched for a second message (%s)", error)

    def _remember_twin(self, message: str, key: str) -> None:
        self._twins[message] = key
        if len(self._twins) > _MAX_TWINS:
            del self._twins[next(iter(self._twins))]

    async def _earlier(self, place: Place, key: str, *, doubtful: bool) -> tuple[str | None, bool]:
        """The ts of an earlier post for a key; and whether it is certain where there is none."""
        if not doubtful and (not self._known.add(key) or place.room.id in self._young or not place.thread_ts):
            return None, True
        if not doubtful and self._api.reads_used_up():
            return None, False  # a first sign does not wait for a minute's end
        try:
            return await self._find(place, key), True
        except DeliveryError as error:
            if _may_be_read_soon(error, doubtful=doubtful):
                self._known.discard(key)
                raise
            # Rather a second message than none; without doubt only a process that ended between a post and
            # its answer can have posted.
            _log.warning("A thread cannot be read before posting in it (%s)", error)
            return None, False

    async def _find(self, place: Place, key: str) -> str | None:
        async for ts in self._all(place, key):
            return ts
        return None

    async def _all(self, place: Place, key: str, since: float = 0.0) -> AsyncIterator[str]:
        async for message in self._api.messages(place, since=since):
            if _is_of(message, key):
                yield str(message["ts"])


def _is_of(message: Mapping[str, Any], key: str) -> bool:
    if own := _key(message):
        return own == key
    # A stream gets its metadata at its end. Until then its button to stop says whose it is, or its text.
    return stream_key(message.get("blocks")) == key or is_marked(str(message.get("text") or ""), key)


def _key(message: Mapping[str, Any]) -> str:
    metadata = message.get("metadata") or {}
    payload = metadata.get("event_payload") or {}
    return str(payload.get("key") or "") if metadata.get("event_type") == METADATA_TYPE else ""


def _may_be_read_soon(error: DeliveryError, *, doubtful: bool) -> bool:
    if not isinstance(error, RetryLater) or isinstance(error, Misunderstood):
        return False
    return doubtful or (error.after_s or 0.0) <= _PATIENCE_S
