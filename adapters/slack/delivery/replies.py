"""The model's replies as messages: streamed where that is possible and leaves more for the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.slack.delivery.posts import IdempotentPosts
from adapters.slack.delivery.render import ButtonLabel, MessageContent, render_reply
from adapters.slack.delivery.streams import Streams
from adapters.slack.payloads.events import SlackThread, message_id, ts_of
from adapters.slack.web_api.client import WebApi
from adapters.slack.web_api.rate_limits import APPEND, UPDATE, MethodRateLimits, even_interval_s
from bot.aio.clock import Clock
from bot.domain.chat import Author
from bot.domain.ports import Translate
from bot.domain.replies import Reply, ReplyState

_STALE_S = 30.0
"""A message that did not change for so long takes no part of the budget."""


@dataclass(frozen=True, slots=True)
class _Edit:
    """When an open reply's message changed last, and whether that was its text, as it grows."""

    at: float
    growing: bool


class EditPacer:
    """Knows when each open reply's message changed, and when its next change is due."""

    def __init__(self, rate_limits: MethodRateLimits, streams: Streams, clock: Clock) -> None:
        self._rate_limits = rate_limits
        self._streams = streams
        self._clock = clock
        self._edits: dict[str, _Edit] = {}

    def record(self, message_id: str, state: ReplyState) -> None:
        """A message changes now."""
        if state.is_open:
            self._edits[message_id] = _Edit(self._clock.now(), state is ReplyState.WRITING)
        else:
            self.forget(message_id)

    def forget(self, message_id: str) -> None:
        """A message does not change any more."""
        self._edits.pop(message_id, None)

    def seconds_until_due(self, message_id: str) -> float:
        """How many seconds are left until the next piece of a message's text is due."""
        self._forget_stale()
        last = self._edits.get(message_id)
        if last is None:
            return 0.0
        due = last.at + self._interval_s(streamed=message_id in self._streams)
        return max(0.0, due - self._clock.now())

    def prefers_stream(self) -> bool:
        """Whether one more stream would be shown more often than one more edited message."""
        self._forget_stale()
        streamed = sum(each in self._streams for each in self._edits)
        streamed_s = even_interval_s(APPEND, streamed + self._streams.starting + 1)
        return streamed_s <= even_interval_s(UPDATE, len(self._edits) - streamed + 1)

    def _interval_s(self, *, streamed: bool) -> float:
        growing = (each for each, change in self._edits.items() if change.growing)
        alike = sum((each in self._streams) is streamed for each in growing)
        return self._rate_limits.edit_interval_s(APPEND if streamed else UPDATE, max(1, alike))

    def _forget_stale(self) -> None:
        now = self._clock.now()
        self._edits = {each: last for each, last in self._edits.items() if now - last.at < _STALE_S}


class Replies:
    """Shows replies in one workspace. `recipients`: whom streams are for, by the room's id."""

    def __init__(
        self,
        api: WebApi,
        posts: IdempotentPosts,
        streams: Streams,
        recipients: Mapping[str, Author],
        translate: Translate,
        clock: Clock,
    ) -> None:
        self._api = api
        self._posts = posts
        self._streams = streams
        self._recipients = recipients
        self._translate = translate
        self.pacer = EditPacer(api.rate_limits, streams, clock)

    async def post(self, thread: SlackThread, reply: Reply, key: str) -> str:
        """Post a reply, once for a key; returns the message's id.

        Raises:
            RetryLater, Undeliverable
        """
        plain = self._render(reply)
        try:
            ts = await self._posts.post(thread, plain, key, lambda: self._start_stream(thread, reply, key))
        finally:
            self.pacer.forget(key)
        posted = message_id(thread.channel, ts)
        self.pacer.record(posted, reply.state)
        return posted

    async def edit(self, thread: SlackThread, message_id: str, reply: Reply) -> None:
        """Make a message show a reply.

        Raises:
            RetryLater, Undeliverable
        """
        # Who waits knows it already, and what has lost its buttons has shown its text.
        low_priority = not reply.interactive or (reply.state is ReplyState.WAITING and not reply.text)
        self.pacer.record(message_id, reply.state)
        if message_id in self._streams:
            if await self._streams.append(thread, message_id, reply):
                return
            low_priority = await self._streams.stop(thread, message_id, reply)
        await self._api.update(
            thread.channel, ts_of(message_id), self._render(reply), low_priority=low_priority
        )
        if not reply.state.is_open:
            await self._posts.remove_duplicates(thread, message_id)

    async def remove(self, thread: SlackThread, message_id: str) -> None:
        """Take a message away, also one that is streamed.

        Raises:
            RetryLater, Undeliverable
        """
        if message_id in self._streams:
            await self._streams.stop(thread, message_id)
        self.pacer.forget(message_id)
        await self._api.delete(thread.channel, ts_of(message_id))

    async def _start_stream(self, thread: SlackThread, reply: Reply, key: str) -> str | None:
        """Begin a stream where one shall be."""
        reader = self._recipients.get(thread.room.id)
        fits = (
            reply.state.is_open
            and reply.interactive
            and reply.job
            and not reply.other_candidates
            and thread.thread_ts
        )
        if reader is None or not fits or not self._streams.available or not self.pacer.prefers_stream():
            # Counted before it is there: others decide meanwhile.
            self.pacer.record(key, reply.state)
            return None
        return await self._streams.start(thread, reply, key, reader, self._label(reply))

    def _render(self, reply: Reply) -> MessageContent:
        return render_reply(reply, self._label(reply))

    def _label(self, reply: Reply) -> ButtonLabel:
        return lambda name: self._translate(f"slack.button.{name}", reply.locale)
