"""Hears what was written while nobody listened: nothing is lost, and nobody is flooded with answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from adapters.slack.catchup.missed import Missed
from adapters.slack.listeners.messages import Hearing, Manner
from adapters.slack.payloads.events import PLATFORM, Incoming
from adapters.slack.payloads.thread_words import Word, meaning
from adapters.slack.workspace import Workspace
from bot.core.services import Services
from bot.domain.chat import Author

RECENT_S = 900.0
"""People who asked longer ago do not wait for an answer any more."""
_SOMEBODY = Author(PLATFORM, "", "")


class Late:
    """Lets what was missed in a story's thread become passages; the last that asks for more is answered."""

    def __init__(self, services: Services, hearing: Hearing, wall: Callable[[], float]) -> None:
        self._services = services
        self._hearing = hearing
        self._wall = wall

    def is_recent(self, ts: str) -> bool:
        """Whether who wrote it may still wait for an answer."""
        return self._wall() - float(ts) <= RECENT_S

    async def hear(self, workspace: Workspace, found: Missed) -> None:
        """What was missed in one thread."""
        for change in found.changes:
            await self._hearing.follow(workspace, change)
        last = await self._last_that_asks(found.said)
        for each in found.said:
            manner = Manner(asks=each is last, obeys=self.is_recent(each.ts))
            await self._hearing.hear(workspace, each, again=False, manner=manner)

    async def _last_that_asks(self, said: Sequence[Incoming]) -> Incoming | None:
        if not said:
            return None
        listens = (await self._services.settings.resolve(said[0].place.room)).listens
        last = None
        for each in said:
            word = meaning(each.raw)
            if word in {Word.MUTE, Word.UNMUTE}:
                listens = word is Word.UNMUTE
            elif word not in {None, Word.GO_ON} or not self.is_recent(each.ts):
                continue
            elif each.called or (listens and await self._is_of_the_story(each)):
                last = each
        return last

    async def _is_of_the_story(self, said: Incoming) -> bool:
        return not said.is_bare and not await self._services.generation.is_out_of_character(
            said.message(_SOMEBODY, {})
        )
