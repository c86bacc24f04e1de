"""What words in a thread do: stop, be quiet, listen again, export, settings, help."""

from __future__ import annotations

from adapters.slack.connection.manifest import COMMAND
from adapters.slack.delivery.render import SETTINGS
from adapters.slack.listeners.export import StoryExporter
from adapters.slack.payloads.events import SlackThread
from adapters.slack.payloads.thread_commands import ThreadCommand
from adapters.slack.workspaces import Workspace
from bot.core.permissions import require_permission
from bot.core.services import Services
from bot.domain.chat import Author
from bot.domain.errors import DeliveryError

_FORMS = {ThreadCommand.EXPORT: "txt", ThreadCommand.EXPORT_MARKDOWN: "md"}
_NEEDS_PERMISSION = frozenset({ThreadCommand.STOP, ThreadCommand.MUTE, ThreadCommand.UNMUTE, *_FORMS})
"""Commands that change something for others, so that not everybody may give them."""


def reply_without_story(command: ThreadCommand) -> str:
    """The sentence for who gives `command` where no story is told that it could be about."""
    answers = {ThreadCommand.HELP: "slack.help", ThreadCommand.SETTINGS: "slack.settings_where"}
    return answers.get(command, "slack.word_elsewhere")


class ThreadCommands:
    """Obeys words in a story's thread."""

    def __init__(self, services: Services, exporter: StoryExporter) -> None:
        self._services = services
        self._exporter = exporter

    async def run(
        self, workspace: Workspace, thread: SlackThread, author: Author, command: ThreadCommand
    ) -> None:
        """Do what `word` asks for. Raises UserError, RetryLater."""
        send = workspace.notices.send_ephemeral
        if command in _NEEDS_PERMISSION:
            await self._require_permission(thread, author)
        if command is ThreadCommand.STOP:
            if not await self._services.generation.cancel(thread.room, author):
                await send(thread, author, "slack.nothing_to_stop")
        elif command is ThreadCommand.MUTE:
            await self._services.settings.change(thread.room, "", {"listens": False})
            await send(thread, author, "slack.muted")
        elif command is ThreadCommand.UNMUTE:
            await self._services.settings.change(thread.room, "", {"listens": True})
            await send(thread, author, "slack.unmuted")
        elif command in _FORMS:
            await self._export(workspace, thread, author, _FORMS[command])
        elif command is ThreadCommand.SETTINGS:
            await workspace.notices.send_ephemeral_with_button(
                thread, author, "slack.settings_where", SETTINGS, command=COMMAND
            )
        else:
            await send(thread, author, "slack.help_thread", command=COMMAND)

    async def _require_permission(self, thread: SlackThread, author: Author) -> None:
        require_permission(await self._services.settings.resolve(thread.room), thread.room, author)

    async def _export(self, workspace: Workspace, thread: SlackThread, author: Author, form: str) -> None:
        try:
            await self._exporter.export_room(workspace, thread, form)
        except DeliveryError:
            await workspace.notices.send_ephemeral(thread, author, "slack.no_export")
