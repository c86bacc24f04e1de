"""The thread that the bot is called into: what people wrote there so far becomes the story."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from adapters.slack.listeners.thread_commands import is_command
from adapters.slack.payloads.events import IncomingMessage, SlackThread, is_from_person, parse_message
from adapters.slack.web_api.client import Retry
from adapters.slack.web_api.errors import UnsupportedMethod, retry_briefly
from adapters.slack.web_api.rate_limits import READ_THREAD
from adapters.slack.workspaces import ThreadContext, Workspace
from bot.aio.clock import Clock
from bot.core.services import Services
from bot.domain.errors import Undeliverable, UserError

NOT_READABLE = (Undeliverable, UnsupportedMethod)
"""What says that a thread cannot be read at all: the story begins without it."""

_log = structlog.get_logger(__name__)


class ThreadImporter:
    """Reads threads into stories, each person's lines as theirs, in their order, each once."""

    def __init__(self, services: Services, clock: Clock) -> None:
        self._services = services
        self._clock = clock

    async def import_thread(self, context: ThreadContext, until_ts: str, *, inclusive: bool = False) -> None:
        """Add to the story what stands in a thread before `until_ts`, or up to it.

        Whoever called us there is notified where it takes long.

        Raises:
            RetryLater: Slack does not let it be read just now.
            Undeliverable: it does not at all.
        """
        notified = False

        async def notify_wait(*_: object) -> None:
            nonlocal notified
            if not notified:
                notified = True
                await context.notify("slack.reading")

        async def retry(page: Callable[[], Awaitable[Any]]) -> Any:
            limits = context.workspace.api.rate_limits
            if limits.reads_are_restricted and not limits.has_capacity(READ_THREAD):
                await notify_wait()
            return await retry_briefly(page, self._clock, notify_wait)

        unread = 0
        for incoming in await _messages(context.workspace, context.thread, retry):
            if _earlier(incoming.ts, until_ts) or (inclusive and incoming.ts == until_ts):
                unread += await self._add(context.workspace, incoming)
        if unread:
            await context.notify("slack.file.in_thread", count=unread)

    async def import_message(self, workspace: Workspace, incoming: IncomingMessage) -> int:
        """Add a line to the story, with what its files say; how many texts among them cannot be read.

        Raises:
            UserError: the story cannot have it.
        """
        author = await workspace.users.author(incoming.user_id)
        names = await workspace.users.names(incoming.mentioned_users)
        file_texts = await workspace.files.read(incoming.files)
        await self._services.generation.receive_message(
            incoming.to_message(author, names, file_texts.text), None
        )
        return sum(each.text for each in file_texts.unread)

    async def _add(self, workspace: Workspace, incoming: IncomingMessage) -> int:
        try:
            return await self.import_message(workspace, incoming)
        except UserError as error:
            # One line that the story cannot have must not keep out the others.
            _log.info("A line of a thread was left out of its story: %s", error.key)
            return len(incoming.files)


async def _messages(workspace: Workspace, thread: SlackThread, retry: Retry) -> list[IncomingMessage]:
    incoming = [
        parse_message(message, thread.team, thread.channel, workspace.bot)
        async for message in workspace.api.messages(thread, retry)
        if is_from_person(message, workspace.bot)
    ]
    return [each for each in incoming if not is_command(each)]


def _earlier(ts: str, other: str) -> bool:
    return tuple(map(int, ts.split("."))) < tuple(map(int, other.split(".")))
