"""How often each message that grows is changed, so that all in a workspace get their part of the budget."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.slack.delivery.streams import Streams
from adapters.slack.web_api.client import WebApi
from adapters.slack.web_api.rate_budget import APPEND, UPDATE, even_s
from bot.aio.clock import Clock
from bot.domain.replies import ReplyState

_STALE_S = 30.0
"""A message that did not change for so long takes no part of the budget."""


@dataclass(frozen=True, slots=True)
class _Change:
    """When an open reply's message changed last, and whether that was its text, as it grows."""

    at: float
    growing: bool


class Pace:
    """Knows when each open reply's message changed, and when its next change is due."""

    def __init__(self, api: WebApi, streams: Streams, clock: Clock) -> None:
        self._api = api
        self._streams = streams
        self._clock = clock
        self._changes: dict[str, _Change] = {}

    def note(self, message_id: str, state: ReplyState) -> None:
        """A message changes now."""
        if state.is_open:
            self._changes[message_id] = _Change(self._clock.now(), state is ReplyState.WRITING)
        else:
            self.forget(message_id)

    def forget(self, message_id: str) -> None:
        """A message does not change any more."""
        self._changes.pop(message_id, None)

    def rest_s(self, message_id: str) -> float:
        """How many seconds are left until the next piece of a message's text is due."""
        self._forget_stale()
        last = self._changes.get(message_id)
        if last is None:
            return 0.0
        due = last.at + self._pace_s(streamed=message_id in self._streams)
        return max(0.0, due - self._clock.now())

    def streams_are_lighter(self) -> bool:
        """Whether one more stream would be shown more often than one more edited message."""
        self._forget_stale()
        streamed = sum(each in self._streams for each in self._changes)
        streamed_s = even_s(APPEND, streamed + self._streams.beginning + 1)
        return streamed_s <= even_s(UPDATE, len(self._changes) - streamed + 1)

    def _pace_s(self, *, streamed: bool) -> float:
        growing = (each for each, change in self._changes.items() if change.growing)
        alike = sum((each in self._streams) is streamed for each in growing)
        return self._api.pace_s(APPEND if streamed else UPDATE, max(1, alike))

    def _forget_stale(self) -> None:
        now = self._clock.now()
        self._changes = {each: last for each, last in self._changes.items() if now - last.at < _STALE_S}
