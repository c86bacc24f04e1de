"""Heartbeats in memory, with a time of day that a test sets."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from bot.domain.errors import StoreError


class MemoryHeartbeats:
    """`bot.domain.repositories.Heartbeats`. Outlives an adapter as a database outlives a process."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.beats: list[tuple[str, ...]] = []
        self.broken = False
        self._until: dict[str, dict[str, datetime]] = {}

    def remember(self, platform: str, place: str) -> None:
        """Somebody listened until now."""
        self._until.setdefault(platform, {})[place] = self.now

    async def listened_until(self, platform: str) -> Mapping[str, datetime]:
        """What was kept."""
        return dict(self._until.get(platform, {}))

    async def record(self, platform: str, places: Collection[str]) -> None:
        """Keep the moment; a broken one keeps nothing."""
        if self.broken:
            raise StoreError("the disk is full")
        self.beats.append(tuple(places))
        self._until.setdefault(platform, {}).update(dict.fromkeys(places, self.now))
