"""What Discord tells with each answer about the limit of its route: how often messages of a channel change.

discord.py waits for a route's next period inside the call that used the last one up, and with it whoever
wants to show an end. So a growing text spends a period evenly, and leaves the last change of it to others.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from bot.aio.clock import Clock

REMEMBERED = 1000


class Routes:
    """When each channel's next change of a message is due that can wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due_s: OrderedDict[str, float] = OrderedDict()

    def learn(self, channel: str, headers: Mapping[str, str]) -> None:
        """Discord answered an edit in a channel."""
        try:
            left, over_in_s = int(headers["X-RateLimit-Remaining"]), float(headers["X-RateLimit-Reset-After"])
        except (KeyError, ValueError):
            return
        self._due_s[channel] = self._clock.now() + over_in_s / max(1, left)
        self._due_s.move_to_end(channel)
        while len(self._due_s) > REMEMBERED:
            self._due_s.popitem(last=False)

    def due_in_s(self, channel: str) -> float:
        """How long a change that can wait leaves the route alone."""
        return max(0.0, self._due_s.get(channel, 0.0) - self._clock.now())
