"""Posting exactly once.

Slack has no key of its own for that, so each post carries ours in its metadata, and where an earlier try may
have gone through (its answer was lost, or another process made it) the thread is read for it before posting.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from adapters.slack.recent import Recent
from adapters.slack.render import Shown, stream_key
from adapters.slack.translate import Place
from adapters.slack.trouble import AnswerLost, Misunderstood
from adapters.slack.webapi import METADATA_TYPE, WebApi
from bot.errors import DeliveryError, RetryLater

_PATIENCE_S = 5.0
"""How long a first sign may wait for the search of a thread that most likely holds nothing."""

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

    def born(self, place: Place) -> None:
        """A thread that began while this process ran: no other process has posted in it."""
        self._young.add(place.room.id)

    def not_born(self, place: Place) -> None:
        """It began earlier than it seemed: another process may have posted there."""
        self._young.discard(place.room.id)

    async def post(self, place: Place, shown: Shown, key: str, start: Start | None = None) -> str:
        """Post, or find the post that an earlier try made and bring it up to date; returns its ts.

        Raises:
            RetryLater, Undeliverable
        """
        if (ts := await self._earlier(place, key)) is not None:
            await self._api.update(place.channel, ts, shown, key)
            return ts
        # Before the call: whatever interrupts it leaves the post in doubt. After it too: who asks again for
        # the same key did not get to keep the answer.
        self._sent.add(key)
        try:
            started = await start() if start else None
            return started or await self._api.post(place, shown, key)
        except AnswerLost:
            raise
        except DeliveryError:
            self._sent.discard(key)
            raise

    async def _earlier(self, place: Place, key: str) -> str | None:
        doubtful = key in self._sent
        if not doubtful and (not self._known.add(key) or place.room.id in self._young or not place.thread_ts):
            return None
        try:
            return await self._find(place, key)
        except DeliveryError as error:
            if _may_be_read_soon(error, doubtful=doubtful):
                self._known.discard(key)
                raise
            # Rather a second message than none; without doubt only a process that ended between a post and
            # its answer can have posted.
            _log.warning("A thread cannot be read before posting in it (%s)", error)
            return None

    async def _find(self, place: Place, key: str) -> str | None:
        async for message in self._api.messages(place):
            if key in {_key(message), _stream_key(message)}:
                return str(message["ts"])
        return None


def _key(message: Mapping[str, Any]) -> str:
    metadata = message.get("metadata") or {}
    payload = metadata.get("event_payload") or {}
    return str(payload.get("key") or "") if metadata.get("event_type") == METADATA_TYPE else ""


def _stream_key(message: Mapping[str, Any]) -> str:
    # A stream gets its metadata at its end. Until then its button to stop says whose it is.
    return "" if _key(message) else stream_key(message.get("blocks"))


def _may_be_read_soon(error: DeliveryError, *, doubtful: bool) -> bool:
    if not isinstance(error, RetryLater) or isinstance(error, Misunderstood):
        return False
    return doubtful or (error.after_s or 0.0) <= _PATIENCE_S
