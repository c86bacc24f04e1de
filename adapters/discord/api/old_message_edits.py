"""Changes that Discord takes less often than others: not before their time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import discord

from bot.aio.clock import Clock
from bot.domain.chat import Room

OLD = timedelta(hours=1)
OLD_EVERY_S = 2.1
"""Of messages older than an hour Discord takes three edits in six seconds a channel."""


class Spacing:
    """At most one change in `every_s` seconds in a room, on `clock`."""

    def __init__(self, clock: Clock, every_s: float) -> None:
        self._clock = clock
        self._every_s = every_s
        self._next_s: dict[str, float] = {}

    def wait_s(self, room: Room) -> float:
        """0: the change may be made now, and counts. Else the seconds until it may."""
        now_s = self._clock.now()
        self._next_s = {where: next_s for where, next_s in self._next_s.items() if next_s > now_s}
        if room.id in self._next_s:
            return self._next_s[room.id] - now_s
        self._next_s[room.id] = now_s + self._every_s
        return 0.0

    def rest_s(self, room: Room) -> float:
        """The seconds until a change may be made, without making one."""
        return max(0.0, self._next_s.get(room.id, 0.0) - self._clock.now())


class OldMessages:
    """Edits of messages by their age, which stands in their ids; `today` is the time of day."""

    def __init__(self, clock: Clock, today: Callable[[], datetime] = discord.utils.utcnow) -> None:
        self._spacing = Spacing(clock, OLD_EVERY_S)
        self._today = today

    def wait_s(self, room: Room, message_id: int) -> float:
        """As `Spacing.wait_s`; always 0 for a message that is not old."""
        return self._spacing.wait_s(room) if self._is_old(message_id) else 0.0

    def rest_s(self, room: Room, message_id: int) -> float:
        """As `Spacing.rest_s`; always 0 for a message that is not old."""
        return self._spacing.rest_s(room) if self._is_old(message_id) else 0.0

    def _is_old(self, message_id: int) -> bool:
        return self._today() - discord.utils.snowflake_time(message_id) > OLD
