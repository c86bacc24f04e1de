"""Until when a Socket Mode link was surely alive: what is sent after that, until it stands again, is gone."""

from __future__ import annotations

import json
from collections.abc import Callable

from aiohttp import WSMessage

_GAP_S = 2.0
"""A new connection that Slack asks for stands sooner than that."""
_PINGS = 1.5
"""A link that did not answer for so many pings may be dead already."""

CameBack = Callable[[float], None]
"""Is told since when nothing was heard, in seconds since 1970."""


class LinkWatch:
    """Notes each sign of life, and tells when a new connection follows a silence."""

    def __init__(self, wall: Callable[[], float], ping_interval_s: float) -> None:
        self._wall = wall
        self._came_back: CameBack | None = None
        self._alive_at = 0.0
        self.unsure_s = _PINGS * ping_interval_s
        """For how long it may be taken for alive when it is not."""

    def on_return(self, came_back: CameBack) -> None:
        """Who is to be told."""
        self._came_back = came_back

    @property
    def hears(self) -> bool:
        """Whether there is no sign that nothing would be heard."""
        return self._wall() - self._alive_at <= self.unsure_s

    def opened(self) -> None:
        """The first connection stands."""
        self._alive_at = self._wall()

    async def came(self, message: WSMessage) -> None:
        """Something came."""
        if json.loads(message.data).get("type") == "hello":
            self._greeted()
        self._alive_at = self._wall()

    def answered(self, at: float | None) -> None:
        """When the last ping was sent that was answered."""
        self._alive_at = max(self._alive_at, at or 0.0)

    def _greeted(self) -> None:
        if self._came_back and self._alive_at and self._wall() - self._alive_at > _GAP_S:
            self._came_back(self._alive_at)
