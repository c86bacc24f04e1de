"""Posting exactly once.

Slack has no key of its own for that, so each post carries ours in its metadata (a stream in its button and
its text), and where an earlier try may have gone through (its answer was lost, or another process made it),
the thread is read for it before posting. Where that shows nothing, or cannot be done, it is read again when
the reply is over: what appeared late is taken away.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import structlog
from cachetools import FIFOCache

from adapters.shared.bounded_set import BoundedSet
from adapters.slack.delivery.render import MessageContent, has_key_mark, stream_block_key
from adapters.slack.payloads.events import SlackThread, message_id, ts_of
from adapters.slack.web_api.client import METADATA_TYPE, WebApi
from adapters.slack.web_api.errors import ResponseLost, UnsupportedMethod
from adapters.slack.web_api.rate_limits import READ_THREAD
from bot.domain.errors import DeliveryError, RetryLater

_PATIENCE_S = 5.0
"""How long a first sign may wait for the search of a thread that most likely holds nothing."""

_MAX_POSSIBLE_DUPLICATES = 500
_LATE_S = 600.0
"""How long before a message an earlier try for it may have appeared."""

StartStream = Callable[[], Awaitable[str | None]]
"""Begins a stream instead of a post and returns its ts; None: it cannot be."""

_log = structlog.get_logger(__name__)


class IdempotentPosts:
    """Posts of ours, each once per key."""

    def __init__(self, api: WebApi) -> None:
        self._api = api
        self._sent_keys = BoundedSet()
        self._known_keys = BoundedSet()
        self._new_threads = BoundedSet()
        self._unconfirmed_keys = BoundedSet()
        """Keys whose earlier post was not there when it was looked for."""
        self._possible_duplicates: FIFOCache[str, str] = FIFOCache(_MAX_POSSIBLE_DUPLICATES)
        """Keys of messages, by id, that an earlier try may yet appear beside."""

    def mark_new_thread(self, thread: SlackThread) -> None:
        """A thread that began while this process ran: no other process has posted in it."""
        self._new_threads.add(thread.room.id)

    def mark_new_key(self, key: str) -> None:
        """A key was made just now: no other process has posted for it."""
        self._known_keys.add(key)

    def unmark_new_thread(self, thread: SlackThread) -> None:
        """It began earlier than it seemed: another process may have posted there."""
        self._new_threads.discard(thread.room.id)

    async def post(
        self, thread: SlackThread, shown: MessageContent, key: str, start: StartStream | None = None
    ) -> str:
        """Post, or find the post that an earlier try made and bring it up to date; returns its ts.

        Raises:
            RetryLater, Undeliverable
        """
        doubtful = key in self._sent_keys
        found, certain = await self._find_earlier(thread, key, doubtful=doubtful)
        if found is not None:
            await self._api.update(thread.channel, found, shown, key)
            if key in self._unconfirmed_keys:
                self._possible_duplicates[message_id(thread.channel, found)] = key
            return found
        if doubtful:
            self._unconfirmed_keys.add(key)
        # Before the call: whatever interrupts it leaves the post in doubt. After it too: who asks again for
        # the same key did not get to keep the answer.
        self._sent_keys.add(key)
        try:
            started = await start() if start else None
            ts = started or await self._api.post(thread, shown, key)
        except ResponseLost:
            raise
        except DeliveryError:
            if not doubtful:
                self._sent_keys.discard(key)
            raise
        if doubtful or not certain:
            self._possible_duplicates[message_id(thread.channel, ts)] = key
        return ts

    async def remove_duplicates(self, thread: SlackThread, message: str) -> None:
        """Take away what an earlier try for the same key posted late, where that could be; quietly."""
        if message not in self._possible_duplicates or self._api.rate_limits.is_exhausted(READ_THREAD):
            return  # its next change is another chance
        key = self._possible_duplicates.pop(message)
        try:
            since = float(ts_of(message)) - _LATE_S
            for ts in [ts async for ts in self._find_all(thread, key, since) if ts != ts_of(message)]:
                await self._api.delete(thread.channel, ts)
        except RetryLater:
            self._possible_duplicates[message] = key
        except DeliveryError as error:
            _log.warning("A thread cannot be searched for a second message (%s)", error)

    async def _find_earlier(
        self, thread: SlackThread, key: str, *, doubtful: bool
    ) -> tuple[str | None, bool]:
        """The ts of an earlier post for a key; and whether it is certain where there is none."""
        if not doubtful and (
            not self._known_keys.add(key) or thread.room.id in self._new_threads or not thread.thread_ts
        ):
            return None, True
        if not doubtful and self._api.rate_limits.is_exhausted(READ_THREAD):
            return None, False  # a first sign does not wait for a minute's end
        try:
            return await self._find_first(thread, key), True
        except DeliveryError as error:
            if _may_be_read_soon(error, doubtful=doubtful):
                self._known_keys.discard(key)
                raise
            # Rather a second message than none; without doubt only a process that ended between a post and
            # its answer can have posted.
            _log.warning("A thread cannot be read before posting in it (%s)", error)
            return None, False

    async def _find_first(self, thread: SlackThread, key: str) -> str | None:
        async for ts in self._find_all(thread, key):
            return ts
        return None

    async def _find_all(self, thread: SlackThread, key: str, since: float = 0.0) -> AsyncIterator[str]:
        async for message in self._api.messages(thread, since=since):
            if _carries_key(message, key):
                yield str(message["ts"])


def _carries_key(message: Mapping[str, Any], key: str) -> bool:
    if own := _metadata_key(message):
        return own == key
    # A stream gets its metadata at its end. Until then its button to stop says whose it is, or its text.
    return stream_block_key(message.get("blocks")) == key or has_key_mark(str(message.get("text") or ""), key)


def _metadata_key(message: Mapping[str, Any]) -> str:
    metadata = message.get("metadata") or {}
    payload = metadata.get("event_payload") or {}
    return str(payload.get("key") or "") if metadata.get("event_type") == METADATA_TYPE else ""


def _may_be_read_soon(error: DeliveryError, *, doubtful: bool) -> bool:
    if not isinstance(error, RetryLater) or isinstance(error, UnsupportedMethod):
        return False
    return doubtful or (error.after_s or 0.0) <= _PATIENCE_S
