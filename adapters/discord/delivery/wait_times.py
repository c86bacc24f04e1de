"""How long people have waited for a reply: after a while, an edit that makes no sound is not enough."""

from __future__ import annotations

import math

from bot.aio.clock import Clock
from bot.domain.replies import Reply, ReplyState

PATIENCE_S = 60.0
_OPEN = {ReplyState.WAITING, ReplyState.WRITING}


class Waits:
    """When each reply that is not finished was begun, on `clock`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begun: dict[str, float] = {}

    def posted(self, draft: Reply) -> None:
        """A first message was posted."""
        if draft.job and draft.state in _OPEN:
            self._begun.setdefault(draft.job, self._clock.now())

    def edited(self, draft: Reply) -> bool:
        """A message changes; True where this ends a long wait, once."""
        if not draft.job:
            return False
        if draft.state in _OPEN:
            # One that an earlier process began: they have waited through a restart.
            self._begun.setdefault(draft.job, -math.inf)
            return False
        if not draft.interactive:
            return False
        begun = self._begun.pop(draft.job, None)
        finished = draft.state is ReplyState.DONE and bool(draft.passage)
        return finished and begun is not None and self._clock.now() - begun > PATIENCE_S
