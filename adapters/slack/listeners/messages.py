"""What is written in threads and direct messages, and what becomes of it in the story."""

from __future__ import annotations

from dataclasses import dataclass, replace

import structlog

from adapters.shared.bounded_set import BoundedSet
from adapters.shared.error_boundary import Failure, error_boundary
from adapters.slack.connection.manifest import COMMAND
from adapters.slack.listeners.story_actions import StoryActions
from adapters.slack.listeners.thread_commands import (
    ThreadCommand,
    ThreadCommands,
    parse_thread_command,
    reply_without_story,
)
from adapters.slack.listeners.thread_importer import NOT_READABLE, ThreadImporter
from adapters.slack.payloads.events import PLATFORM, IncomingMessage, MessageChange, message_id
from adapters.slack.web_api.file_reader import FileTexts
from adapters.slack.workspaces import ThreadContext, Workspace
from bot.aio.clock import Clock
from bot.core.services import Services
from bot.domain.chat import Author, Message
from bot.domain.errors import EmptyPrompt, FileTooLong, PassageGone, RetryLater, UserError
from bot.domain.jobs import GenerationOptions, JobReceipt
from bot.domain.story import Passage, Story

_ALWAYS_RUN = {ThreadCommand.STOP, ThreadCommand.UNMUTE}
"""Commands that are run in a story's thread also where it does not reply by itself."""

_LASTING = {ThreadCommand.MUTE, ThreadCommand.UNMUTE}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReceiveOptions:
    """How a message is received: whether it may ask for a reply, and whether a command in it is run."""

    may_reply: bool = True
    may_run_commands: bool = True
    redelivered: bool = False
    """Slack had sent it before and got no acknowledgement."""


class MessageListener:
    """Adds messages to stories, and follows what people change about them."""

    def __init__(
        self, services: Services, commands: ThreadCommands, story_actions: StoryActions, clock: Clock
    ) -> None:
        self._services = services
        self._story_actions = story_actions
        self._commands = commands
        self._history = ThreadImporter(services, clock)
        self._commands_run = BoundedSet()
        self._notified = BoundedSet()
        self._files_read = BoundedSet()

    async def on_message(
        self, workspace: Workspace, incoming: IncomingMessage, options: ReceiveOptions
    ) -> None:
        """A message that was acknowledged."""

        async def tell(failure: Failure) -> None:
            if isinstance(failure.error, EmptyPrompt):
                await self._notify(workspace, incoming, "slack.help", command=COMMAND)
            elif incoming.is_to_bot or isinstance(failure.error, UserError | RetryLater):
                await self._notify(workspace, incoming, failure.key, **failure.values)

        what_failed = "A message could not be received"
        async with error_boundary(what_failed, tell, trouble="slack.failed", later="slack.later"):
            await self._handle(workspace, incoming, options)

    async def _handle(self, workspace: Workspace, incoming: IncomingMessage, options: ReceiveOptions) -> None:
        story = await self._services.stories.open_in(incoming.thread.room)
        command = parse_thread_command(incoming.raw)
        if not incoming.mentions_bot and not await self._is_for_story(incoming, story, command):
            return
        author = await workspace.users.author(incoming.user_id)
        context = ThreadContext(workspace, incoming.thread, author)
        if command is None or command is ThreadCommand.CONTINUE:
            await self._add_to_story(context, incoming, story, options)
        elif not options.may_run_commands:
            await self._run_missed_command(context, incoming, command)
        elif story is None:
            await self._notify(workspace, incoming, reply_without_story(command), command=COMMAND)
        elif self._commands_run.add(incoming.event_id):
            await self._commands.run(context, command)

    async def _run_missed_command(
        self, context: ThreadContext, incoming: IncomingMessage, command: ThreadCommand
    ) -> None:
        """Of commands that were written long ago, what still makes a difference."""
        if command is ThreadCommand.STOP:
            await self._services.generation.cancel(context.room, context.author)
        elif command in _LASTING and self._commands_run.add(incoming.event_id):
            await self._commands.run(context, command)

    async def _notify(
        self, workspace: Workspace, incoming: IncomingMessage, key: str, **values: object
    ) -> None:
        """Say what is wrong, once: in the thread to who spoke to us, else to the writer only."""
        author = await workspace.users.author(incoming.user_id)
        if incoming.is_to_bot:
            await workspace.notices.post_once(incoming.thread, incoming.event_id, key, author, **values)
        elif self._notified.add(incoming.event_id):
            await workspace.notices.send_ephemeral(incoming.thread, author, key, **values)

    async def on_change(self, workspace: Workspace, change: MessageChange) -> None:
        """Somebody changed or deleted a message: if a passage came of it, that follows."""
        if change.raw is None and await self._services.generation.withdraw(*_message_address(change)):
            return
        passage = await self._services.passages.by_message(*_message_address(change))
        if passage is None:
            return
        by = await _with_current_roles(workspace, passage.asker or passage.author)
        context = ThreadContext(workspace, change.thread, by)
        try:
            if change.raw is None:
                await self._story_actions.delete(context, passage)
            elif not passage.by_model:
                await self._edit(context, change, passage)
        except PassageGone:
            return
        except UserError as error:
            await context.notify(error.key, **error.values)

    async def _edit(self, context: ThreadContext, change: MessageChange, passage: Passage) -> None:
        """What the files of a message say stays part of its passage."""
        file_texts = await context.workspace.files.read(change.files)
        for unread in file_texts.unread:
            await context.notify(unread.key, **unread.values)
        text = change.text(await context.workspace.users.names(change.mentioned_users), file_texts.text)
        if text != passage.text and not file_texts.is_missing_text:
            await self._services.editing.edit(context.room, context.author, passage.id, text)

    async def _is_for_story(
        self, incoming: IncomingMessage, story: Story | None, command: ThreadCommand | None
    ) -> bool:
        """Whether a message without a mention is for the bot."""
        if story is None:
            return incoming.is_direct
        if command in _ALWAYS_RUN:
            return True
        if incoming.is_empty:
            return False  # a picture, say: nobody asked for anything
        return (await self._services.settings.resolve(incoming.thread.room)).listens

    async def _add_to_story(
        self, context: ThreadContext, incoming: IncomingMessage, story: Story | None, options: ReceiveOptions
    ) -> None:
        if not options.redelivered and story is None:
            context.workspace.posts.mark_new_thread(incoming.thread)
        if not incoming.starts_thread and _needs_history(story, options):
            try:
                await self._history.import_thread(context, incoming.ts)
            except NOT_READABLE as error:
                _log.warning("A thread could not be read, its story begins without it: %s", error)
        context.record_recipient()
        if incoming.files and incoming.event_id in self._files_read:
            return  # received already, with what its files say
        file_texts = await context.workspace.files.read(incoming.files)
        if not (incoming.is_empty and file_texts.unread):
            await self._append(context, incoming, file_texts, may_reply=options.may_reply)
        if incoming.files:
            self._files_read.add(incoming.event_id)
        await _notify_unread_files(context, incoming, file_texts)

    async def _append(
        self, context: ThreadContext, incoming: IncomingMessage, file_texts: FileTexts, *, may_reply: bool
    ) -> None:
        workspace, author = context.workspace, context.author
        names = await workspace.users.names(incoming.mentioned_users)
        message = incoming.to_message(author, names, file_texts.text)
        if parse_thread_command(incoming.raw) is ThreadCommand.CONTINUE:
            message = replace(message, text="")
        # What is only said beside the story is kept, and asks for nothing; so is what a text is missing of.
        beside = not incoming.mentions_bot and await self._services.generation.is_out_of_character(message)
        may_reply = may_reply and not beside and not file_texts.is_missing_text
        if not may_reply and not message.whole:
            return  # a wish to go on that came to nothing
        receipt = await self._receive(message, GenerationOptions() if may_reply else None)
        if receipt and receipt.repeated:
            workspace.posts.unmark_new_thread(incoming.thread)
        elif receipt and receipt.needs_warning:
            await workspace.notices.warn_unknown_characters(incoming.thread, author, receipt)

    async def _receive(self, message: Message, options: GenerationOptions | None) -> JobReceipt | None:
        try:
            return await self._services.generation.receive_message(message, options)
        except FileTooLong:
            if message.text:
                await self._services.generation.receive_message(replace(message, attached=""), None)
            raise


async def _notify_unread_files(
    context: ThreadContext, incoming: IncomingMessage, file_texts: FileTexts
) -> None:
    for unread in file_texts.unread:
        if (unread.text or incoming.is_empty) and incoming.is_to_bot:
            event_id = f"{incoming.event_id}:{unread.key}"
            await context.workspace.notices.post_once(
                incoming.thread, event_id, unread.key, context.author, **unread.values
            )
        else:
            await context.notify(unread.key, **unread.values)


def _needs_history(story: Story | None, options: ReceiveOptions) -> bool:
    # Each event counts once: reading a thread again after an interrupted first time is safe.
    return story is None or (options.redelivered and not any(passage.by_model for passage in story.passages))


async def _with_current_roles(workspace: Workspace, kept: Author) -> Author:
    """What is kept of a person says nothing of the roles that rules may name."""
    return await workspace.users.author(kept.id) if kept.platform == PLATFORM else kept


def _message_address(change: MessageChange) -> tuple[str, str]:
    return change.thread.room.platform, message_id(change.thread.channel, change.ts)
