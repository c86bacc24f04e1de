"""What the bot does when someone uses `/continue`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import discord
import structlog
from discord import app_commands
from discord.app_commands import Choice

from adapters.discord.api.requests import as_delivery_errors
from adapters.discord.delivery.posts import Posts
from adapters.discord.delivery.threads import StoryThreads
from adapters.discord.handlers.autocomplete import Autocomplete
from adapters.discord.handlers.command_tree import CONTEXTS, INSTALLS, command_texts, option_texts, phrase
from adapters.discord.handlers.interaction_context import (
    PROMPTLY_S,
    Interaction,
    InteractionContext,
    open_context,
)
from adapters.discord.payloads.messages import PLATFORM, bot_identity, look_up_mention_names, story_text
from adapters.discord.payloads.rooms import (
    ThreadRef,
    awaits_response,
    choose_thread,
    command_room,
)
from adapters.discord.payloads.thread_history import ThreadHistory, ThreadLines
from adapters.discord.render.components import begin_modal
from adapters.discord.render.replies import MAX_CONTENT, keep_indent, split_content, unread_characters
from bot.core.services import Services
from bot.domain.chat import Message
from bot.domain.errors import DeliveryError, SpokenError
from bot.domain.jobs import MAX_CANDIDATES, GenerationOptions, JobReceipt, Length

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ContinueCommand:
    """Answers `/continue`: with text the answer shows the text, without it goes on with what is there.

    What is said is kept first, by the command's own id: an answer that Discord does not take, or that the
    process does not live to give, costs the answer and not the story.
    """

    services: Services
    posts: Posts
    threads: StoryThreads
    thread_history: ThreadHistory
    autocomplete: Autocomplete

    def command(self) -> app_commands.Command[Any, ..., None]:
        """`/continue`, in Japanese `/続き`."""
        command: app_commands.Command[Any, ..., None] = app_commands.Command(
            **command_texts("continue"),
            callback=self._invoked,
            allowed_installs=INSTALLS,
            allowed_contexts=CONTEXTS,
        )
        command.autocomplete("preset")(self.autocomplete.presets)
        return command

    @option_texts("text", "length", "preset", "candidates")
    @app_commands.choices(
        length=[Choice(name=phrase(f"length.{length}"), value=str(length)) for length in Length]
    )
    async def _invoked(
        self,
        interaction: Interaction,
        text: str = "",
        length: str = "",
        preset: str = "",
        candidates: app_commands.Range[int, 1, MAX_CANDIDATES] = 0,
    ) -> None:
        options = GenerationOptions(Length(length) if length else 0, preset, candidates)
        context = open_context(interaction, self.posts)
        async with context.error_boundary(text):
            await self.run(context, text, options)

    async def run(self, context: InteractionContext, text: str, options: GenerationOptions) -> None:
        """Go on with a story, by command or by the form for a beginning."""
        context.require_send_permission()
        if text.strip():
            await (self._add_user_installed if context.user_installed else self._begin_or_add)(
                context, text, options
            )
        elif await self.services.stories.open_in(context.room) is not None:
            await self._continue_story(context, options, ThreadLines())
        elif (lines := await self._prompt_lines(context)).messages:
            await self._continue_story(context, options, lines)
        else:
            # There is nothing to go on from: a form takes the beginning, with its line breaks.
            await context.send_modal(begin_modal(options, context.phrase))

    async def _lines(self, context: InteractionContext) -> ThreadLines:
        """What was written in a thread that the bot is called into."""
        interaction = context.interaction
        me = bot_identity(interaction.client, interaction.guild)
        if me is None or context.user_installed:
            return ThreadLines()
        allowed, channel = interaction.app_permissions, interaction.channel
        return await self.thread_history.lines(channel, interaction.id, me, context.locale, allowed)

    async def _prompt_lines(self, context: InteractionContext) -> ThreadLines:
        """The same, as far as it is there before Discord wants an answer."""
        try:
            async with asyncio.timeout(PROMPTLY_S):
                return await self._lines(context)
        except (TimeoutError, DeliveryError) as error:
            _log.warning("A thread could not be read in time: %s", error)
            return ThreadLines()

    async def _begin_or_add(self, context: InteractionContext, text: str, options: GenerationOptions) -> None:
        place = self._choose_thread(context)
        self.posts.set_locale(place.room, context.public_locale)
        with self.threads.responding(place.room):
            receipt, lines = await self._store_or_defer(context, place, text, options)
            await self._follow(context, place, await self._shown(context, place, text))
        for sentence in _notices(context, place, receipt, lines):
            await context.send_ephemeral(sentence)

    async def _add_user_installed(
        self, context: InteractionContext, text: str, options: GenerationOptions
    ) -> None:
        """Where the bot may only answer, nothing can be shown before the answer."""
        # The bot shows it under its own name: what may not be said must not get that far.
        await self.services.generation.validate(context.message(text))
        rest: list[discord.WebhookMessage] = []
        with as_delivery_errors():
            shown = await _respond(context.interaction, text, rest)
        text = await self._with_mention_names(context, text)
        try:
            receipt = await self.services.generation.receive_message(
                context.message(text, event_id=str(shown or "")), options
            )
        except SpokenError:
            await context.delete_original(rest)
            raise
        if receipt is not None and receipt.needs_warning:
            await context.send_ephemeral(unread_characters(receipt, context.phrase))

    def _choose_thread(self, context: InteractionContext) -> ThreadRef:
        """A thread that will hang on the answer is known by the command's id until then."""
        interaction = context.interaction
        thread = command_room(interaction.id, context.room)
        return choose_thread(interaction.channel, interaction.app_permissions, thread, context.room)

    async def _store_or_defer(
        self, context: InteractionContext, place: ThreadRef, text: str, options: GenerationOptions
    ) -> tuple[JobReceipt | None, ThreadLines]:
        """Store the text. Where that takes long, people see that we think about it meanwhile."""
        storing = asyncio.create_task(self._store(context, place, text, options))
        done, _ = await asyncio.wait({storing}, timeout=PROMPTLY_S)
        if done:
            return await storing
        await context.defer_public()
        try:
            return await storing
        except SpokenError:
            # Else what is only for the person would take the place of what everybody sees.
            await context.delete_original()
            raise

    async def _store(
        self, context: InteractionContext, place: ThreadRef, text: str, options: GenerationOptions
    ) -> tuple[JobReceipt | None, ThreadLines]:
        said, lines = await self._with_mention_names(context, text), await self._lines(context)
        message = Message(str(context.interaction.id), place.room, context.author, said)
        return await self.services.generation.receive_message(message, options, lines.messages), lines

    async def _with_mention_names(self, context: InteractionContext, text: str) -> str:
        """The text with names for mentions: as an option of a command it comes without."""
        guild = None if context.user_installed else context.interaction.guild
        me = bot_identity(context.interaction.client, guild)
        return text if me is None else story_text(text, me, await look_up_mention_names(text, guild))

    async def _shown(self, context: InteractionContext, place: ThreadRef, text: str) -> int | None:
        """The message that shows the text to everybody: the answer, or where that is refused one of ours."""
        try:
            with as_delivery_errors():
                return await _respond(context.interaction, text, [])
        except DeliveryError as error:
            _log.warning("A command's answer was not taken: %s", error)
        try:
            with as_delivery_errors():
                # It may have been taken all the same, and only the receipt got lost.
                return (await context.interaction.original_response()).id
        except DeliveryError:
            return await self._shown_anyway(context, place, text)

    async def _shown_anyway(self, context: InteractionContext, place: ThreadRef, text: str) -> int | None:
        if awaits_response(place.room):
            return None  # who posts the reply shows it, before and after a restart
        key = f"command {context.interaction.id}"
        try:
            return await self.threads.show_text(place.room, context.author, text, key)
        except DeliveryError as error:
            _log.warning("A command's text could not be shown: %s", error)
            return None

    async def _follow(self, context: InteractionContext, place: ThreadRef, shown: int | None) -> None:
        """By the message that shows it, its menu and replies to it find the passage."""
        if shown is None:
            return
        if awaits_response(place.room):
            self.threads.responded(place.room, shown)
            return
        await self.services.editing.show_by(PLATFORM, str(context.interaction.id), str(shown))
        if not isinstance(context.interaction.channel, discord.Thread):
            self.posts.expect_reply_to(place.room, shown)

    async def _continue_story(
        self, context: InteractionContext, options: GenerationOptions, lines: ThreadLines
    ) -> None:
        if context.user_installed:
            # The reply takes the place of this answer.
            await context.defer_ephemeral()
            await self.services.generation.receive_message(context.message(), options)
            return
        storing = self.services.generation.receive_message(context.message(), options, lines.messages)
        await context.store_then_acknowledge(storing, context.defer_ephemeral)
        await context.delete_original()
        if (notice := lines.notice(context.phrase)) is not None:
            await context.send_ephemeral(notice)


def _notices(
    context: InteractionContext, place: ThreadRef, receipt: JobReceipt | None, lines: ThreadLines
) -> list[str]:
    notices = [notice for notice in [lines.notice(context.phrase)] if notice]
    if place.missing_permission is not None:
        permission = context.phrase(f"discord.permission.{place.missing_permission}")
        notices.append(context.phrase("discord.no_thread", permission=permission))
    if receipt is not None and receipt.needs_warning:
        notices.append(unread_characters(receipt, context.phrase))
    return notices


async def _respond(interaction: Interaction, text: str, rest: list[discord.WebhookMessage]) -> int | None:
    """Show the text; the id of the message, and in `rest` those with what did not go into it."""
    quiet = discord.AllowedMentions.none()
    first, *pieces = split_content(keep_indent(text), MAX_CONTENT - 1)

    async def further(content: str) -> discord.WebhookMessage:
        return await interaction.followup.send(
            content, allowed_mentions=quiet, suppress_embeds=True, wait=True
        )

    if interaction.response.is_done():
        message_id: int | None = (await further(first)).id
    else:
        answer = await interaction.response.send_message(first, allowed_mentions=quiet, suppress_embeds=True)
        message_id = answer.message_id
    for piece in pieces:
        rest += [await further(keep_indent(piece))]
    return message_id
