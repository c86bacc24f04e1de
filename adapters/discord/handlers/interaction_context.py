"""Where an interaction happens, who acts, and how they are answered.

What only the person needs is told to them alone; why something cannot be done is a sentence for them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import discord
import structlog

from adapters.discord.api.requests import as_delivery_errors, logged_delivery_errors
from adapters.discord.delivery.posts import UNSENT, Posts
from adapters.discord.payloads.messages import PLATFORM, author_of, chosen_locale, known_locale
from adapters.discord.payloads.rooms import require_send_permission, room_of
from adapters.discord.render.replies import MAX_CONTENT, TROUBLE, failure_sentence, split_content
from adapters.shared.error_boundary import Failure, Outcome, error_boundary
from bot.core.services import Services
from bot.domain.chat import Author, Message, Room
from bot.domain.errors import DeliveryError, Undeliverable
from bot.domain.ports import Translate
from bot.domain.story import Passage

_log = structlog.get_logger(__name__)

Interaction = discord.Interaction[discord.Client]
Stored = TypeVar("Stored")

PROMPTLY_S = 1.5
"""Keeping something that takes longer is acknowledged first: Discord wants a word within three seconds."""
_QUOTE = ">>> "
"""Quotes all that follows in a message."""


@dataclass(frozen=True, slots=True)
class InteractionContext:
    """An interaction in our words. `user_installed`: a person installed the bot, which may only answer there.

    `locale` is the person's; what everybody there reads is in `public_locale`.
    """

    interaction: Interaction
    translate: Translate
    room: Room
    author: Author
    locale: str
    public_locale: str
    user_installed: bool

    def phrase(self, key: str, **values: object) -> str:
        """A sentence for the person, in their language."""
        return self.translate(key, self.locale, **values)

    def public_phrase(self, key: str, **values: object) -> str:
        """A sentence for everybody there."""
        return self.translate(key, self.public_locale, **values)

    def message(self, text: str = "", *, after: str | None = None, event_id: str = "") -> Message:
        """As the story receives it."""
        return Message(event_id or str(self.interaction.id), self.room, self.author, text, after=after)

    def require_send_permission(self) -> None:
        """Raise NotAllowed where the bot may not talk."""
        if not self.user_installed:
            channel, allowed = self.interaction.channel, self.interaction.app_permissions
            require_send_permission(channel, allowed, self.phrase)

    def error_boundary(self, text: str = "") -> AbstractAsyncContextManager[Outcome]:
        """What fails in it the person alone is told, with the `text` that they would lose."""
        what_failed = f"Interaction {self.interaction.id} could not be answered"
        return error_boundary(what_failed, partial(self._send_failure, text), trouble=TROUBLE)

    async def _send_failure(self, text: str, failure: Failure) -> None:
        sentence = failure_sentence(failure, self.phrase)
        if not text.strip():
            await self.send_ephemeral(sentence)
            return
        first, *rest = split_content(text, MAX_CONTENT - len(sentence) - len(_QUOTE) - 1)
        await self.send_ephemeral(f"{sentence}\n{_QUOTE}{first}")
        for piece in rest:
            await self.send_ephemeral(f"{_QUOTE}{piece}")

    # Answers

    async def send_ephemeral(self, sentence: str, **more: Any) -> None:
        """Say something to the person alone, with what discord.py sends besides (`view`, `file`)."""
        try:
            await self._send(sentence, ephemeral=True, **more)
        except DeliveryError as error:
            _log.warning("%s: %s", UNSENT, error)
            if isinstance(error, Undeliverable):
                # An interaction that is over takes no word any more: a direct message is the only way left.
                quiet = discord.AllowedMentions.none()
                with logged_delivery_errors(UNSENT):
                    await self.interaction.user.send(sentence[:MAX_CONTENT], allowed_mentions=quiet)

    async def send_phrase(self, key: str, **values: object) -> None:
        """Say a sentence to the person alone, in their language."""
        await self.send_ephemeral(self.phrase(key, **values))

    async def send_modal(self, modal: discord.ui.Modal) -> None:
        """Answer with a form. Raises DeliveryError."""
        with as_delivery_errors():
            await self.interaction.response.send_modal(modal)

    async def send_public(self, sentence: str, **more: Any) -> None:
        """Say something that everybody there needs to know. Raises DeliveryError."""
        try:
            await self._send(sentence, ephemeral=False, **more)
        except Undeliverable:
            if not isinstance(self.interaction.channel, discord.abc.Messageable):
                raise
            # The interaction is over; where the bot is at home it can speak by itself.
            quiet = discord.AllowedMentions.none()
            with as_delivery_errors():
                await self.interaction.channel.send(sentence[:MAX_CONTENT], allowed_mentions=quiet, **more)

    async def _send(self, sentence: str, *, ephemeral: bool, **more: Any) -> None:
        more |= {"allowed_mentions": discord.AllowedMentions.none(), "suppress_embeds": True}
        send: Callable[..., Awaitable[object]] = self.interaction.response.send_message
        if self.interaction.response.is_done():
            send = self.interaction.followup.send
        with as_delivery_errors():
            await send(sentence[:MAX_CONTENT], ephemeral=ephemeral, **more)

    async def edit_original(self, content: str | None = None) -> None:
        """Take the buttons from the pressed message, and let it say `content`. Raises DeliveryError."""
        said = discord.utils.MISSING if content is None else content[:MAX_CONTENT]
        quiet = discord.AllowedMentions.none()
        with as_delivery_errors():
            await self.interaction.edit_original_response(content=said, view=None, allowed_mentions=quiet)

    async def delete_original(self, rest: Sequence[discord.WebhookMessage] = ()) -> None:
        """Take the first answer away again, and the `rest` of it."""
        with logged_delivery_errors("An answer could not be taken back", logging.DEBUG):
            await self.interaction.delete_original_response()
            for message in rest:
                await message.delete()

    # Acknowledgements: a failure costs them, not what the person asked for.

    async def defer_update(self) -> None:
        """Take note of a button or form without a word, within the three seconds."""
        await self._defer()

    async def defer_ephemeral(self) -> None:
        """Take note of a command whose answer only the person needs."""
        await self._defer(ephemeral=True, thinking=True)

    async def defer_public(self) -> None:
        """Take note of a command whose answer everybody sees."""
        await self._defer(thinking=True)

    async def _defer(self, **how: bool) -> None:
        with logged_delivery_errors("An interaction could not be acknowledged"):
            await self.interaction.response.defer(**how)

    async def store_then_acknowledge(
        self, storing: Coroutine[Any, Any, Stored], acknowledge: Callable[[], Awaitable[None]]
    ) -> Stored:
        """Acknowledge what is kept by then; what takes long is acknowledged before Discord gives up."""
        task = asyncio.create_task(storing)
        await asyncio.wait({task}, timeout=PROMPTLY_S)
        await acknowledge()
        return await task


def open_context(interaction: Interaction, posts: Posts) -> InteractionContext:
    """The context of what a person did, from which on the bot answers them: in its language, where it may."""
    context = context_of(interaction, posts.translate)
    if context.user_installed:
        posts.user_installed.register_webhook(context.room, interaction.followup)
    posts.set_locale(context.room, context.public_locale)
    return context


def context_of(interaction: Interaction, translate: Translate) -> InteractionContext:
    """The context alone: somebody who is still typing has done nothing yet."""
    locale, channel_id = known_locale(interaction.locale.value), interaction.channel_id or 0
    author = author_of(interaction.user, locale)
    room = room_of(interaction.channel, channel_id, interaction.guild_id)
    user_installed = is_user_installed(interaction)
    if user_installed:
        room = Room(PLATFORM, f"{channel_id}/{author.id}", adult=room.adult)
    public_locale = _public_locale(interaction) or locale
    return InteractionContext(interaction, translate, room, author, locale, public_locale, user_installed)


def _public_locale(interaction: Interaction) -> str | None:
    guild = interaction.guild
    if guild is None or interaction.guild_locale is None:
        return None
    return chosen_locale(interaction.guild_locale.value, list(guild.features))


def is_user_installed(interaction: Interaction) -> bool:
    """Whether the bot is no member of this place: of a server, or of a conversation between people."""
    if interaction.context.private_channel:
        return True
    at_home = interaction.is_guild_integration() or isinstance(interaction.channel, discord.DMChannel)
    return not at_home and interaction.is_user_integration()


async def in_story_room(
    services: Services, context: InteractionContext, passage: Passage
) -> InteractionContext:
    """The context in the room of a passage's story: a thread, where the person acts on its first message.

    Of an installation by a person a story can be reached from its own place only. Raises NoSuchStory.
    """
    if context.user_installed:
        return context
    told = (await services.stories.get(passage.story_id)).room
    return context if told == context.room else replace(context, room=told)
