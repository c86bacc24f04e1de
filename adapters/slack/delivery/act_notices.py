"""What somebody does to a story is told in its thread in one line, with the button to take it back."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from adapters.shared.acts import run_act
from adapters.slack.delivery.render import Shown, offer, sentence
from adapters.slack.payloads.events import Click, Place
from adapters.slack.workspace import Workspace
from bot.core.services import Services
from bot.domain.chat import Author
from bot.domain.errors import NothingToTakeBack
from bot.domain.ports import Translate
from bot.domain.story import Act, Passage, Story
from bot.story.joining import is_read

TAKE_BACK = "take_back"
"""The button's name. It carries the act's id, so that it works after any restart."""


class Acts:
    """Moves in a story's tree and passages taken out of it. Each raises UserError where it cannot be done."""

    def __init__(self, services: Services, say: Translate) -> None:
        self._services = services
        self._say = say

    async def undo(self, workspace: Workspace, place: Place, author: Author, after: str) -> None:
        """Take the passage `after` back."""
        await self._do(workspace, place, author, self._services.editing.undo(place.room, author, after=after))

    async def choose(self, workspace: Workspace, place: Place, author: Author, passage_id: str) -> None:
        """Go on with another candidate."""
        await self._do(
            workspace, place, author, self._services.editing.choose(place.room, author, passage_id)
        )

    async def branch(self, workspace: Workspace, place: Place, author: Author, passage_id: str) -> Story:
        """Go on from any passage."""
        return await self._do(
            workspace, place, author, self._services.editing.branch(place.room, author, passage_id)
        )

    async def delete(self, workspace: Workspace, place: Place, author: Author, passage: Passage) -> None:
        """Take out a passage whose message was deleted.

        Slack does not tell who deleted a message, and asks them itself; brought back, the passage would stand
        in the story and nowhere in the thread. So there is no button to take it back.
        """
        story = await self._services.stories.read(place.room)
        await self._services.editing.delete(place.room, author, passage.id)
        if story is None or not is_read(story, passage):
            return
        key = "slack.act.delete_reply" if passage.by_model else "slack.act.delete"
        line = sentence(self._say(key, author.locale, name=author.name))
        await workspace.telling.aloud(place, f"deleted:{passage.id}", line)

    async def take_back(self, workspace: Workspace, click: Click, author: Author) -> None:
        """Take back what the line tells of that was clicked; it says so, and its button goes."""
        key = _key(click.value)
        try:
            await self._services.editing.take_back(click.place.room, author, click.value)
        except NothingToTakeBack:
            # Perhaps the line of an earlier press was not changed any more. What it says stays.
            await workspace.telling.amend(click.place, click.ts, key, sentence(click.said))
            raise
        taken_back = self._say("slack.act.taken_back", author.locale, name=author.name)
        line = sentence("\n".join(part for part in (click.said, taken_back) if part))
        await workspace.telling.amend(click.place, click.ts, key, line)

    async def _do(
        self, workspace: Workspace, place: Place, author: Author, doing: Coroutine[Any, Any, Story]
    ) -> Story:
        done = await run_act(self._services, place.room, author, doing)
        if done.act is not None:
            await workspace.telling.aloud(place, _key(done.act.id), self._line(done.act, author))
        return done.story

    def _line(self, act: Act, author: Author) -> Shown:
        counts = {"before": act.passages_before, "after": act.passages_after}
        told = self._say(f"slack.act.{act.kind}", author.locale, name=author.name, **counts)
        return offer(told, TAKE_BACK, act.id, lambda name: self._say(f"slack.button.{name}", author.locale))


def _key(act_id: str) -> str:
    return f"act:{act_id}"
