"""How much may be asked for in a day."""

from __future__ import annotations

from datetime import timedelta

from bot.aio.clock import UtcClock, utc_now
from bot.core.settings_resolver import scope_of_setting
from bot.domain.chat import Author, Room
from bot.domain.errors import QuotaReached
from bot.domain.repositories import Repositories
from bot.domain.room_settings import RoomSettings

QUOTA_TIME = timedelta(hours=24)


class DailyQuota:
    """The limits `daily_per_person` and `daily_in_all` over the last 24 hours."""

    def __init__(self, store: Repositories, clock: UtcClock = utc_now) -> None:
        self._store = store
        self._clock = clock

    async def require_left(self, room: Room, author: Author, settings: RoomSettings) -> None:
        """Raise QuotaReached where no more may be asked for, wherever the setting of the limit holds."""
        if settings.daily_per_person:
            await self._require_below(settings.daily_per_person, "daily_per_person", room, author)
        if settings.daily_in_all:
            await self._require_below(settings.daily_in_all, "daily_in_all", room, None)

    async def _require_below(self, limit: int, setting: str, room: Room, author: Author | None) -> None:
        scope = scope_of_setting(setting, await self._store.settings.get(room.platform, room.scopes), room)
        since = self._clock() - QUOTA_TIME
        asked = await self._store.jobs.count_since(room.platform, since, author=author, scope=scope)
        if asked >= limit:
            raise QuotaReached(limit=limit, who="place" if author is None else "person")
