"""One text, two events: a mention comes as `app_mention` and as `message`, in either order.

Only the second surely lists the files that came with it. A mention that seems to say nothing, or that shows a
file and lists none, waits for it: received first, it would be gone on from as if nothing had been sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from adapters.shared.bounded_set import BoundedSet
from adapters.slack.payloads.events import IncomingMessage
from adapters.slack.payloads.files import blocks_show_file
from bot.aio.cancellation import sleep_until
from bot.aio.clock import Clock

PATIENCE_S = 1.0
"""Both leave Slack together."""


class MentionDeduplicator:
    """Knows which texts came as a `message`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._received = BoundedSet()
        self._awaited: dict[str, asyncio.Event] = {}

    async def should_handle(self, event: Mapping[str, Any], incoming: IncomingMessage) -> bool:
        """Whether this event is the one to go by; waits a moment where the other would tell more."""
        if event.get("type") != "app_mention":
            self._received.add(incoming.event_id)
            if incoming.event_id in self._awaited:
                self._awaited[incoming.event_id].set()
            return True
        if "files" in event or not (blocks_show_file(event) or not incoming.raw.strip()):
            return True
        return not await self._message_follows(incoming.event_id)

    async def _message_follows(self, event_id: str) -> bool:
        if event_id in self._received:
            return True
        came = self._awaited.setdefault(event_id, asyncio.Event())
        try:
            await sleep_until(came, PATIENCE_S, self._clock)
        finally:
            self._awaited.pop(event_id, None)
        return came.is_set()
