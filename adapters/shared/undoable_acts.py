"""What somebody does to a story that everybody sees and can take back, and the act that is kept of it."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from bot.core.services import Services
from bot.domain.chat import Author, Room
from bot.domain.story import Act, Story


@dataclass(frozen=True, slots=True)
class ActResult:
    """What came of it. `act` None: nothing to take back, as where nothing changed."""

    story: Story
    act: Act | None = None


async def run_act(services: Services, room: Room, by: Author, doing: Coroutine[Any, Any, Story]) -> ActResult:
    """Do it, and find the act that was kept of it."""
    before = await services.stories.last_act(room)
    story = await doing
    last = await services.stories.last_act(room)
    if last is None or (before is not None and last.id == before.id):
        return ActResult(story)
    # Somebody else's came in between: what they undo or choose is theirs to tell of.
    return ActResult(story, last if last.by.person == by.person else None)
