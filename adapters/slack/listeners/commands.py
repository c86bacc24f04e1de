"""`/continue [text]`: begins a story in the channel, or goes on with its latest one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from adapters.shared.error_boundary import error_boundary
from adapters.slack.connection.manifest import COMMAND
from adapters.slack.delivery.notices import NOT_A_MEMBER, Respond, private_teller
from adapters.slack.delivery.render import render_opening
from adapters.slack.listeners.settings_view import SettingsView
from adapters.slack.listeners.thread_commands import ThreadCommand, parse_thread_command, reply_without_story
from adapters.slack.payloads.events import (
    PLATFORM,
    SlackThread,
    SlashCommand,
    message_id,
    parse_slash_command,
)
from adapters.slack.payloads.text import mentioned_users
from adapters.slack.web_api.errors import Refused, retry_briefly
from adapters.slack.workspaces import Workspace
from bot.aio.clock import Clock
from bot.core.services import Services
from bot.core.settings_values import length_named, preset_named
from bot.domain.chat import Author, Message
from bot.domain.errors import DeliveryError, UserError
from bot.domain.jobs import MAX_CANDIDATES, GenerationOptions
from bot.domain.ports import Translate
from bot.domain.room_settings import RoomSettings
from bot.domain.story import Story

# Phones and macOS turn two hyphens into a dash.
_OPTION = re.compile(r"(?:^|\s+)(?:--|—|–)(length|preset|candidates)[ =　]+(\S+)\s*$")


class CommandListener:
    """Answers slash commands. What only the person needs to know goes to their eyes only."""

    def __init__(
        self, services: Services, settings: SettingsView, translate: Translate, clock: Clock
    ) -> None:
        self._services = services
        self._settings = settings
        self._translate = translate
        self._clock = clock

    async def on_command(self, workspace: Workspace, body: Mapping[str, Any], respond: Respond) -> None:
        """A command that was acknowledged."""
        command = parse_slash_command(body, workspace.bot)
        author = await workspace.users.author(command.user_id, command.user_name)
        tell = private_teller(respond, author)
        async with error_boundary(
            "A command could not be done", tell, trouble="slack.failed", later="slack.later"
        ):
            await self._handle(workspace, command, author, respond)

    async def _handle(
        self, workspace: Workspace, command: SlashCommand, author: Author, respond: Respond
    ) -> None:
        thread_command = parse_thread_command(command.raw)
        if thread_command is ThreadCommand.SETTINGS:
            await self._settings.open(workspace, command.thread, author, command.trigger_id)
            return
        if thread_command is not None and thread_command is not ThreadCommand.CONTINUE:
            await respond(reply_without_story(thread_command), author, command=COMMAND)
            return
        typed = command.text(await workspace.users.names(mentioned_users(command.raw)))
        text, options = parse_options(
            typed, await self._services.settings.resolve(command.thread.room), author.locale
        )
        if text.strip() and parse_thread_command(text) is not ThreadCommand.CONTINUE:
            await self._begin(workspace, command, author, text, options)
            return
        story = await self._latest(command.thread)
        if story is None:
            await respond("slack.help", author, command=COMMAND)
            return
        # Refused here already where the bot is no longer a member: the story's own message could not say so.
        thread = SlackThread.of(story.room)
        link = await _link(workspace, thread)
        workspace.recipients[thread.room.id] = author
        event_id = f"command:{command.thread.channel}:{command.trigger_id}"
        await self._services.generation.receive_message(Message(event_id, thread.room, author, ""), options)
        await respond("slack.going_on", author, title=story.title, link=link)

    async def _begin(
        self,
        workspace: Workspace,
        command: SlashCommand,
        author: Author,
        text: str,
        options: GenerationOptions,
    ) -> None:
        # The bot posts it under its own name: what may not be said must not get that far.
        await self._services.generation.validate(Message("", command.thread.room, author, text))
        root = render_opening(text, self._translate("slack.by", author.locale, name=author.name))
        key = f"command:{command.thread.channel}:{command.trigger_id}"
        ts = await retry_briefly(lambda: workspace.posts.post(command.thread, root, key), self._clock)
        thread = command.thread.under(ts)
        workspace.posts.mark_new_thread(thread)
        workspace.recipients[thread.room.id] = author
        event_id = message_id(thread.channel, ts)
        try:
            receipt = await self._services.generation.receive_message(
                Message(event_id, thread.room, author, text), options
            )
        except UserError as error:
            # The text stands in the channel already: what is wrong with it belongs under it.
            await workspace.notices.post_once(thread, event_id, error.key, author, **error.values)
        else:
            if receipt and receipt.needs_warning:
                await workspace.notices.warn_unknown_characters(thread, author, receipt)
        await workspace.posts.remove_duplicates(command.thread, event_id)

    async def _latest(self, thread: SlackThread) -> Story | None:
        stories = await self._services.stories.find(PLATFORM, within=f"channel/{thread.channel}")
        # A channel that workspaces share may hold stories of another one's bot.
        here = (story for story in stories if SlackThread.of(story.room).team == thread.team)
        return next((story for story in here if not story.closed), None)


async def _link(workspace: Workspace, thread: SlackThread) -> str:
    try:
        return await workspace.api.permalink(thread.channel, thread.thread_ts)
    except Refused as error:
        if error.code in NOT_A_MEMBER:
            raise
        return ""
    except DeliveryError:
        return ""


def parse_options(text: str, rules: RoomSettings, locale: str) -> tuple[str, GenerationOptions]:
    """The text without its options, and what they ask for. Text that is not an option stays as written.

    Raises:
        UnknownLength, UnknownPreset
    """
    options = GenerationOptions()
    while match := _OPTION.search(text):
        options = _with(options, match[1], match[2], rules, locale)
        text = text[: match.start()]
    return text, options


def _with(
    options: GenerationOptions, option: str, value: str, rules: RoomSettings, locale: str
) -> GenerationOptions:
    if option == "length":
        return replace(options, length=length_named(value, locale))
    if option == "preset":
        return replace(options, preset=preset_named(value, rules, locale))
    count = unicodedata.normalize("NFKC", value)
    return replace(options, candidates=min(MAX_CANDIDATES, max(1, int(count) if count.isdecimal() else 1)))
