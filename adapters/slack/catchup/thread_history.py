"""The thread that the bot is called into: what people wrote there so far becomes the story."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from adapters.slack.delivery.notices import patiently
from adapters.slack.payloads.events import Incoming, Place, by_a_person, spoken
from adapters.slack.web_api.client import Patience
from adapters.slack.web_api.errors import Misunderstood
from adapters.slack.workspace import Workspace
from bot.aio.clock import Clock
from bot.core.services import Services
from bot.domain.chat import Author
from bot.domain.errors import Undeliverable, UserError

NOT_READABLE = (Undeliverable, Misunderstood)
"""What says that a thread cannot be read at all: the story begins without it."""

_log = logging.getLogger(__name__)


class Threads:
    """Reads threads into stories, each person's lines as theirs, in their order, each once."""

    def __init__(self, services: Services, clock: Clock) -> None:
        self._services = services
        self._clock = clock

    async def take_in(
        self, workspace: Workspace, place: Place, until_ts: str, by: Author, *, inclusive: bool = False
    ) -> None:
        """Let the play hear what stands in a thread before `until_ts`, or up to it.

        `by` called us there, and is told where it takes long.

        Raises:
            RetryLater: Slack does not let it be read just now.
            Undeliverable: it does not at all.
        """
        told = False

        async def slowly() -> None:
            nonlocal told
            if not told:
                told = True
                await workspace.telling.privately(place, by, "slack.reading")

        async def patience(page: Callable[[], Awaitable[Any]]) -> Any:
            if workspace.api.reads_little and not workspace.api.may_read():
                await slowly()
            return await patiently(page, self._clock, slowly)

        unread = 0
        for said in await self._said(workspace, place, patience):
            if _earlier(said.ts, until_ts) or (inclusive and said.ts == until_ts):
                unread += await self._add(workspace, said)
        if unread:
            await workspace.telling.privately(place, by, "slack.file.in_thread", count=unread)

    async def _said(self, workspace: Workspace, place: Place, patience: Patience) -> list[Incoming]:
        said = [
            spoken(message, place.team, place.channel, workspace.bot)
            async for message in workspace.api.messages(place, patience)
            if by_a_person(message, workspace.bot)
        ]
        return [each for each in said if not each.orders]

    async def hear(self, workspace: Workspace, said: Incoming) -> int:
        """Let the play hear a line, with what its files say; how many texts among them cannot be read.

        Raises:
            UserError: the story cannot have it.
        """
        author = await workspace.people.author(said.user_id)
        names = await workspace.people.names(said.mentioned)
        brought = await workspace.files.read(said.files)
        await self._services.generation.receive_message(said.message(author, names, brought.text), None)
        return sum(each.text for each in brought.unread)

    async def _add(self, workspace: Workspace, said: Incoming) -> int:
        try:
            return await self.hear(workspace, said)
        except UserError as error:
            # One line that the story cannot have must not keep out the others.
            _log.info("A line of a thread was left out of its story: %s", error.key)
            return len(said.files)


def _earlier(ts: str, other: str) -> bool:
    return tuple(map(int, ts.split("."))) < tuple(map(int, other.split(".")))
