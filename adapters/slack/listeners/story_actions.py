"""What somebody does with a story: moves that its thread tells of, to be taken back, and its file."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from adapters.shared.undoable_acts import run_act
from adapters.slack.delivery.render import TAKE_BACK, MessageContent, render_notice, render_notice_with_button
from adapters.slack.payloads.events import BlockAction, SlackThread
from adapters.slack.web_api.errors import ResponseLost
from adapters.slack.workspaces import ThreadContext, Workspace
from bot.aio.clock import Clock
from bot.core.services import Services
from bot.domain.chat import Author
from bot.domain.errors import DeliveryError, NoStory, NothingToTakeBack
from bot.domain.ports import Translate
from bot.domain.story import Act, Passage, Story
from bot.story.export_formats import export_text, file_name
from bot.story.joining import is_in_story

_LOOKS_AFTER_S = (0.0, 1.0, 3.0)
"""When a file whose upload was not answered is looked for: Slack shows files a moment later."""
_CLOCKS_DIFFER_S = 60.0


class StoryActions:
    """Moves in a story's tree and passages taken out of it. Each raises UserError where it cannot be done."""

    def __init__(self, services: Services, translate: Translate) -> None:
        self._services = services
        self._translate = translate

    async def announce(self, context: ThreadContext, change: Coroutine[Any, Any, Story]) -> Story:
        """Make a change, and say in the thread what was done."""
        done = await run_act(self._services, context.room, context.author, change)
        if done.act is not None:
            line = self._line(done.act, context.author)
            await context.workspace.notices.send_public(context.thread, _key(done.act.id), line)
        return done.story

    async def delete(self, context: ThreadContext, passage: Passage) -> None:
        """Take out a passage whose message was deleted.

        Slack does not tell who deleted a message, and asks them itself; brought back, the passage would stand
        in the story and nowhere in the thread. So there is no button to take it back.
        """
        story = await self._services.stories.open_in(context.room)
        await self._services.editing.delete(context.room, context.author, passage.id)
        if story is None or not is_in_story(story, passage):
            return
        key = "slack.act.delete_reply" if passage.by_model else "slack.act.delete"
        line = render_notice(self._translate(key, context.author.locale, name=context.author.name))
        await context.workspace.notices.send_public(context.thread, f"deleted:{passage.id}", line)

    async def take_back(self, context: ThreadContext, action: BlockAction) -> None:
        """Take back what the line tells of that was clicked; it says so, and its button goes."""
        key, author, notices = _key(action.value), context.author, context.workspace.notices
        try:
            await self._services.editing.take_back(context.room, author, action.value)
        except NothingToTakeBack:
            # Perhaps the line of an earlier click was not changed any more. What it says stays.
            await notices.update(action.thread, action.ts, key, render_notice(action.message_text))
            raise
        taken_back = self._translate("slack.act.taken_back", author.locale, name=author.name)
        line = render_notice("\n".join(part for part in (action.message_text, taken_back) if part))
        await notices.update(action.thread, action.ts, key, line)

    def _line(self, act: Act, author: Author) -> MessageContent:
        counts = {"before": act.passages_before, "after": act.passages_after}
        text = self._translate(f"slack.act.{act.kind}", author.locale, name=author.name, **counts)
        return render_notice_with_button(
            text, TAKE_BACK, act.id, lambda name: self._translate(f"slack.button.{name}", author.locale)
        )


def _key(act_id: str) -> str:
    return f"act:{act_id}"


class StoryExporter:
    """Uploads stories."""

    def __init__(self, services: Services, clock: Clock, wall: Callable[[], float]) -> None:
        self._services = services
        self._clock = clock
        self._wall = wall

    async def export_room(self, workspace: Workspace, thread: SlackThread, form: str = "txt") -> None:
        """Put the story that is open in a thread into it as a file.

        Raises:
            NoStory, RetryLater, Undeliverable
        """
        story = await self._services.stories.open_in(thread.room)
        if story is None:
            raise NoStory
        await self.export_story(workspace, story, thread, form)

    async def export_story(
        self, workspace: Workspace, story: Story, thread: SlackThread, form: str = "txt"
    ) -> None:
        """Put a story as a file into a thread.

        Raises:
            NoSuchStory, RetryLater, Undeliverable
        """
        text = export_text(await self._services.stories.get(story.id), form)
        file, since = file_name(story, form), self._wall() - _CLOCKS_DIFFER_S
        try:
            await workspace.api.upload(thread, file, story.title or "story", text)
        except ResponseLost:
            if not await self._appeared(workspace, thread, file, since):
                raise

    async def _appeared(self, workspace: Workspace, thread: SlackThread, file: str, since: float) -> bool:
        """Whether a file stands there although nothing said so."""
        for pause_s in _LOOKS_AFTER_S:
            await self._clock.sleep(pause_s)
            try:
                if await _stands(workspace, thread, file, since):
                    return True
            except DeliveryError:
                return False
        return False


async def _stands(workspace: Workspace, thread: SlackThread, file: str, since: float) -> bool:
    async for message in workspace.api.messages(thread, since=since):
        names = {each.get("name") for each in message.get("files") or ()}
        if message.get("user") == workspace.bot.user_id and file in names and float(message["ts"]) > since:
            return True
    return False
