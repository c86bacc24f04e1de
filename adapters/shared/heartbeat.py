"""Keeps until when a platform is known to have been listened to.

What was written while the bot was away has to be asked for, and nobody but the bot knows since when it was.
So it writes down every few seconds which places it hears: not those that it lost the connection to, and not
those that it is still catching up with, or what is left would be forgotten if it ended now.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import structlog

from bot.aio.clock import Clock
from bot.domain.errors import StoreError
from bot.domain.repositories import Heartbeats

_log = structlog.get_logger(__name__)

BEAT_EVERY_S = 15.0
LOOK_EVERY_S = 1.0
"""While nothing is heard: a bot that listened for some seconds only is to know of it, too."""


async def keep_beating(
    heartbeats: Heartbeats, platform: str, clock: Clock, hearing: Callable[[], Collection[str]]
) -> None:
    """Beat for the places that `hearing` names at each time, until cancelled."""
    while True:
        if places := hearing():
            try:
                await heartbeats.record(platform, places)
            except StoreError as error:
                _log.warning("Until when %s was heard could not be kept: %s", platform, error)
        await clock.sleep(BEAT_EVERY_S if places else LOOK_EVERY_S)
