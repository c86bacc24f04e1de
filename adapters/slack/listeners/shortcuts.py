"""The message shortcut 「ここから続ける」."""

from __future__ import annotations

from adapters.shared.error_boundary import error_boundary
from adapters.slack.delivery.notices import Respond, private_teller
from adapters.slack.listeners.story_actions import StoryActions
from adapters.slack.listeners.thread_commands import is_command
from adapters.slack.listeners.thread_importer import ThreadImporter
from adapters.slack.payloads.events import PLATFORM, MessageShortcut
from adapters.slack.workspaces import ThreadContext, Workspace
from bot.aio.clock import Clock
from bot.core.services import Services
from bot.domain.chat import Message
from bot.domain.errors import EmptyPrompt
from bot.domain.jobs import GenerationOptions


class ShortcutListener:
    """Goes on from any message: a passage, a line of a thread, or one that stands alone."""

    def __init__(self, services: Services, story_actions: StoryActions, clock: Clock) -> None:
        self._services = services
        self._story_actions = story_actions
        self._history = ThreadImporter(services, clock)

    async def on_shortcut(self, workspace: Workspace, shortcut: MessageShortcut, respond: Respond) -> None:
        """A shortcut that was acknowledged."""
        author = await workspace.users.author(shortcut.user_id)
        tell, what_failed = private_teller(respond, author), "A message could not be gone on from"
        async with error_boundary(what_failed, tell, trouble="slack.failed", later="slack.later"):
            await self._handle(ThreadContext(workspace, shortcut.message.thread, author), shortcut)

    async def _handle(self, context: ThreadContext, shortcut: MessageShortcut) -> None:
        incoming, room, author = shortcut.message, context.room, context.author
        passage = await self._services.passages.by_message(PLATFORM, incoming.event_id)
        after = None
        if passage is not None:
            change = self._services.editing.branch(room, author, passage.id)
            story = await self._story_actions.announce(context, change)
            after = story.head
        elif not shortcut.is_from_person or is_command(incoming) or incoming.is_empty:
            raise EmptyPrompt
        elif await self._services.stories.open_in(room) is None:
            # Read from Slack also where it stands alone: that shows whether the bot may be there at all.
            await self._history.import_thread(context, incoming.ts, inclusive=True)
        elif await self._history.import_message(context.workspace, incoming):
            await context.notify("slack.file.in_thread", count=1)
        context.record_recipient()
        event_id = f"{incoming.event_id}:from-here:{shortcut.action_ts}"
        await self._services.generation.receive_message(
            Message(event_id, room, author, "", after=after), GenerationOptions()
        )
