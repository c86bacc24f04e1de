"""Words that mean something in a story's thread, where Slack has no slash commands, and what they do."""

from __future__ import annotations

import unicodedata
from enum import StrEnum

from adapters.slack.connection.manifest import COMMAND
from adapters.slack.delivery.render import SETTINGS
from adapters.slack.listeners.story_actions import StoryExporter
from adapters.slack.payloads.events import IncomingMessage
from adapters.slack.workspaces import ThreadContext
from bot.core.permissions import require_permission
from bot.core.services import Services
from bot.domain.errors import DeliveryError


class ThreadCommand(StrEnum):
    """What a message that is nothing but such a word asks for."""

    STOP = "stop"
    MUTE = "mute"
    UNMUTE = "unmute"
    CONTINUE = "go_on"
    EXPORT = "export"
    EXPORT_MARKDOWN = "export_markdown"
    SETTINGS = "settings"
    HELP = "help"


_WORDS = {
    ThreadCommand.STOP: ("stop", "止めて", "とめて", "やめて", "ストップ", "停止"),
    ThreadCommand.MUTE: ("mute", "静かに", "静かにして", "しずかに", "ミュート"),
    ThreadCommand.UNMUTE: ("unmute", "聞いて", "きいて", "ミュート解除"),
    ThreadCommand.CONTINUE: ("continue", "続き", "続けて", "つづき", "つづけて"),
    ThreadCommand.EXPORT: ("export", "書き出し", "書き出して", "エクスポート"),
    ThreadCommand.EXPORT_MARKDOWN: (
        "export md",
        "export markdown",
        "書き出し md",
        "書き出し markdown",
        "マークダウン",
    ),
    ThreadCommand.SETTINGS: ("settings", "設定"),
    ThreadCommand.HELP: ("help", "ヘルプ", "使い方"),
}
_MEANINGS = {word: meaning for meaning, words in _WORDS.items() for word in words}


def parse_thread_command(text: str) -> ThreadCommand | None:
    """What a text asks for, if it is nothing but one of the words."""
    typed = unicodedata.normalize("NFKC", text).strip().rstrip("。.!").strip().casefold()
    return _MEANINGS.get(typed)


_FORMS = {ThreadCommand.EXPORT: "txt", ThreadCommand.EXPORT_MARKDOWN: "md"}
_NEEDS_PERMISSION = frozenset({ThreadCommand.STOP, ThreadCommand.MUTE, ThreadCommand.UNMUTE, *_FORMS})
"""Commands that change something for others, so that not everybody may give them."""


def is_command(incoming: IncomingMessage) -> bool:
    """Whether a message is nothing but a word for the bot: no line of a story."""
    return incoming.mentions_bot and parse_thread_command(incoming.raw) is not None and not incoming.files


def reply_without_story(command: ThreadCommand) -> str:
    """The sentence for who gives `command` where no story is told that it could be about."""
    answers = {ThreadCommand.HELP: "slack.help", ThreadCommand.SETTINGS: "slack.settings_where"}
    return answers.get(command, "slack.word_elsewhere")


class ThreadCommands:
    """Runs commands that somebody wrote in a story's thread."""

    def __init__(self, services: Services, exporter: StoryExporter) -> None:
        self._services = services
        self._exporter = exporter

    async def run(self, context: ThreadContext, command: ThreadCommand) -> None:
        """Do what `command` asks for. Raises UserError, RetryLater."""
        if command in _NEEDS_PERMISSION:
            rules = await self._services.settings.resolve(context.room)
            require_permission(rules, context.room, context.author)
        match command:
            case ThreadCommand.STOP:
                if not await self._services.generation.cancel(context.room, context.author):
                    await context.notify("slack.nothing_to_stop")
            case ThreadCommand.MUTE | ThreadCommand.UNMUTE:
                listens = command is ThreadCommand.UNMUTE
                await self._services.settings.change(context.room, "", {"listens": listens})
                await context.notify("slack.unmuted" if listens else "slack.muted")
            case ThreadCommand.EXPORT | ThreadCommand.EXPORT_MARKDOWN:
                try:
                    await self._exporter.export_room(context.workspace, context.thread, _FORMS[command])
                except DeliveryError:
                    await context.notify("slack.no_export")
            case ThreadCommand.SETTINGS:
                await context.workspace.notices.send_ephemeral_with_button(
                    context.thread, context.author, "slack.settings_where", SETTINGS, command=COMMAND
                )
            case _:
                await context.notify("slack.help_thread", command=COMMAND)
