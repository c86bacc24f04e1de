"""The story as a file in its thread."""

from __future__ import annotations

from collections.abc import Callable

from adapters.slack.payloads.events import SlackThread
from adapters.slack.web_api.errors import ResponseLost
from adapters.slack.workspaces import Workspace
from bot.aio.clock import Clock
from bot.core.services import Services
from bot.domain.errors import DeliveryError, NoStory
from bot.domain.story import Story
from bot.story.export_formats import export_text, file_name

_LOOKS_AFTER_S = (0.0, 1.0, 3.0)
"""When a file whose upload was not answered is looked for: Slack shows files a moment later."""
_CLOCKS_DIFFER_S = 60.0


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
        """Put a story as a file where `place` says.

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
