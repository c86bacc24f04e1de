"""When the bot was there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol


class Heartbeats(Protocol):
    """Until when the bot is known to have listened, so that it can catch up with what it missed.

    A `place` is what an adapter listens to as a whole: Slack's workspace, all of Discord.
    """

    async def listened_until(self, platform: str) -> Mapping[str, datetime]:
        """The moment for each place (UTC, by this machine's clock); nothing of one that is new."""
        ...

    async def record(self, platform: str, places: Collection[str]) -> None:
        """Keep that these places are being listened to at this moment."""
        ...
