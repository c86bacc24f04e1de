"""The message shortcut 「ここから続ける」."""

from __future__ import annotations

import structlog

from adapters.slack.connection.manifest import COMMAND
from adapters.slack.delivery.notices import Respond
from adapters.slack.listeners.story_actions import StoryActions
from adapters.slack.listeners.thread_importer import ThreadImporter
from adapters.slack.payloads.events import PLATFORM, MessageShortcut
from adapters.slack.web_api.errors import Refused
from adapters.slack.workspaces import Workspace
from bot.aio.clock import Clock
from bot.core.services import Services
from bot.domain.chat import Author, Message
from bot.domain.errors import DeliveryError, EmptyPrompt, UserError
from bot.domain.jobs import GenerationOptions

NOT_A_MEMBER = {"not_in_channel", "channel_not_found"}
"""A private channel without the bot looks to it as if it were not there."""

_log = structlog.get_logger(__name__)


class ShortcutListener:
    """Goes on from any message: a passage, a line of a thread, or one that stands alone."""

    def __init__(self, services: Services, story_actions: StoryActions, clock: Clock) -> None:
        self._services = services
        self._story_actions = story_actions
        self._history = ThreadImporter(services, clock)

    async def on_shortcut(self, workspace: Workspace, shortcut: MessageShortcut, respond: Respond) -> None:
        """A shortcut that was acknowledged."""
        author = await workspace.users.author(shortcut.user_id)
        try:
            await self._handle(workspace, shortcut, author)
        except UserError as error:
            await respond(error.key, author, **error.values)
        except Refused as error:
            await respond(
                "slack.invite" if error.code in NOT_A_MEMBER else "slack.closed", author, command=COMMAND
            )
        except DeliveryError as error:
            _log.warning("A message could not be gone on from: %s", error)
            await respond("slack.later", author)
        except Exception:  # noqa: BLE001  a task's border: the person is told, the log has it
            _log.exception("A message could not be gone on from")
            await respond("slack.failed", author)

    async def _handle(self, workspace: Workspace, shortcut: MessageShortcut, author: Author) -> None:
        incoming = shortcut.message
        room = incoming.thread.room
        passage = await self._services.stories.passage_of_message(PLATFORM, incoming.event_id)
        after = None
        if passage is not None:
            story = await self._story_actions.branch(workspace, incoming.thread, author, passage.id)
            after = story.head
        elif not shortcut.is_from_person or incoming.is_command or incoming.is_empty:
            raise EmptyPrompt
        elif await self._services.stories.read(room) is None:
            # Read from Slack also where it stands alone: that shows whether the bot may be there at all.
            await self._history.import_thread(workspace, incoming.thread, incoming.ts, author, inclusive=True)
        elif await self._history.import_message(workspace, incoming):
            await workspace.notices.send_ephemeral(incoming.thread, author, "slack.file.in_thread", count=1)
        workspace.recipients.record(room, author)
        event_id = f"{incoming.event_id}:from-here:{shortcut.action_ts}"
        await self._services.generation.receive_message(
            Message(event_id, room, author, "", after=after), GenerationOptions()
        )
