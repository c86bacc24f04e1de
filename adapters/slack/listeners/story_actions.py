"""What somebody does to a story, and the line in its thread that says so, with the button to take it back."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from adapters.shared.undoable_acts import run_act
from adapters.slack.delivery.render import TAKE_BACK, MessageContent, render_notice, render_notice_with_button
from adapters.slack.payloads.events import BlockAction, SlackThread
from adapters.slack.workspaces import Workspace
from bot.core.services import Services
from bot.domain.chat import Author
from bot.domain.errors import NothingToTakeBack
from bot.domain.ports import Translate
from bot.domain.story import Act, Passage, Story
from bot.story.joining import is_in_story


class StoryActions:
    """Moves in a story's tree and passages taken out of it. Each raises UserError where it cannot be done."""

    def __init__(self, services: Services, translate: Translate) -> None:
        self._services = services
        self._translate = translate

    async def announce(
        self, workspace: Workspace, thread: SlackThread, author: Author, change: Coroutine[Any, Any, Story]
    ) -> Story:
        """Make a change, and say in the thread what was done."""
        done = await run_act(self._services, thread.room, author, change)
        if done.act is not None:
            await workspace.notices.send_public(thread, _key(done.act.id), self._line(done.act, author))
        return done.story

    async def delete(
        self, workspace: Workspace, thread: SlackThread, author: Author, passage: Passage
    ) -> None:
        """Take out a passage whose message was deleted.

        Slack does not tell who deleted a message, and asks them itself; brought back, the passage would stand
        in the story and nowhere in the thread. So there is no button to take it back.
        """
        story = await self._services.stories.open_in(thread.room)
        await self._services.editing.delete(thread.room, author, passage.id)
        if story is None or not is_in_story(story, passage):
            return
        key = "slack.act.delete_reply" if passage.by_model else "slack.act.delete"
        line = render_notice(self._translate(key, author.locale, name=author.name))
        await workspace.notices.send_public(thread, f"deleted:{passage.id}", line)

    async def take_back(self, workspace: Workspace, action: BlockAction, author: Author) -> None:
        """Take back what the line tells of that was clicked; it says so, and its button goes."""
        key = _key(action.value)
        try:
            await self._services.editing.take_back(action.thread.room, author, action.value)
        except NothingToTakeBack:
            # Perhaps the line of an earlier press was not changed any more. What it says stays.
            await workspace.notices.update(action.thread, action.ts, key, render_notice(action.message_text))
            raise
        taken_back = self._translate("slack.act.taken_back", author.locale, name=author.name)
        line = render_notice("\n".join(part for part in (action.message_text, taken_back) if part))
        await workspace.notices.update(action.thread, action.ts, key, line)

    def _line(self, act: Act, author: Author) -> MessageContent:
        counts = {"before": act.passages_before, "after": act.passages_after}
        text = self._translate(f"slack.act.{act.kind}", author.locale, name=author.name, **counts)
        return render_notice_with_button(
            text, TAKE_BACK, act.id, lambda name: self._translate(f"slack.button.{name}", author.locale)
        )


def _key(act_id: str) -> str:
    return f"act:{act_id}"
