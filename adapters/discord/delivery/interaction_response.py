"""Answers to interactions: what only the asker needs is told to them alone, errors as sentences."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, TypeVar

import discord
import structlog

from adapters.discord.api.errors import as_delivery_errors, logged_delivery_errors
from adapters.discord.delivery.posts import UNSENT
from adapters.discord.payloads.messages import known_locale
from adapters.discord.render.replies import MAX_CONTENT
from adapters.discord.render.story_lines import split_content
from adapters.shared.error_boundary import Failure, Outcome, error_boundary
from bot.domain.errors import DeliveryError, NotAllowed, Undeliverable
from bot.domain.ports import Translate

_log = structlog.get_logger(__name__)

Interaction = discord.Interaction[discord.Client]
Stored = TypeVar("Stored")
Acknowledge = Callable[[Interaction], Awaitable[None]]

TROUBLE = "discord.trouble"
"""The key of what people are told where nothing better can be said."""
PROMPTLY_S = 1.5
"""Keeping something that takes longer is acknowledged first: Discord wants a word within three seconds."""
_QUOTE = ">>> "
"""Quotes all that follows in a message."""


def locale_of_interaction(interaction: Interaction) -> str:
    """The language of the person who acts."""
    return known_locale(interaction.locale.value)


def failure_sentence(failure: Failure, translate: Translate, locale: str) -> str:
    """What a person is told of an error; of a missing permission also what to click."""
    sentence = translate(failure.key, locale, **failure.values)
    if isinstance(failure.error, NotAllowed):
        return f"{sentence}\n{translate('discord.click', locale, **failure.values)}"
    return sentence


class InteractionResponses:
    """Carries out what people ask for by command, button or form, and tells them where it cannot be done."""

    def __init__(self, translate: Translate) -> None:
        self._translate = translate

    def boundary(self, interaction: Interaction, text: str = "") -> AbstractAsyncContextManager[Outcome]:
        """What fails in it the person alone is told, with the `text` that they would lose."""
        return error_boundary(
            f"Interaction {interaction.id} could not be answered",
            partial(self._send_failure, interaction, text),
            trouble=TROUBLE,
        )

    async def _send_failure(self, interaction: Interaction, text: str, failure: Failure) -> None:
        sentence = failure_sentence(failure, self._translate, locale_of_interaction(interaction))
        if not text.strip():
            await self.send_ephemeral(interaction, sentence)
            return
        first, *rest = split_content(text, MAX_CONTENT - len(sentence) - len(_QUOTE) - 1)
        await self.send_ephemeral(interaction, f"{sentence}\n{_QUOTE}{first}")
        for piece in rest:
            await self.send_ephemeral(interaction, f"{_QUOTE}{piece}")

    async def send_ephemeral(self, interaction: Interaction, sentence: str, **more: Any) -> None:
        """Say something to the person alone, with what discord.py sends besides (`view`, `file`)."""
        try:
            await self._send(interaction, sentence, ephemeral=True, **more)
        except DeliveryError as error:
            _log.warning("%s: %s", UNSENT, error)
            if isinstance(error, Undeliverable):
                await _send_direct_message(interaction.user, sentence)

    async def send_phrase(self, interaction: Interaction, key: str, **values: object) -> None:
        """Say a sentence to the person alone, in their language."""
        sentence = self._translate(key, locale_of_interaction(interaction), **values)
        await self.send_ephemeral(interaction, sentence)

    async def send_modal(self, interaction: Interaction, modal: discord.ui.Modal) -> None:
        """Answer with a form. Raises DeliveryError."""
        with as_delivery_errors():
            await interaction.response.send_modal(modal)

    async def send_public(self, interaction: Interaction, sentence: str, **more: Any) -> None:
        """Say something that everybody there needs to know. Raises DeliveryError."""
        try:
            await self._send(interaction, sentence, ephemeral=False, **more)
        except Undeliverable:
            if not isinstance(interaction.channel, discord.abc.Messageable):
                raise
            # The interaction is over; where the bot is at home it can speak by itself.
            quiet = discord.AllowedMentions.none()
            with as_delivery_errors():
                await interaction.channel.send(sentence[:MAX_CONTENT], allowed_mentions=quiet, **more)

    async def defer_update(self, interaction: Interaction) -> None:
        """Take note of a button or form without a word, within the three seconds."""
        await self._acknowledge(interaction)

    async def defer_ephemeral(self, interaction: Interaction) -> None:
        """Take note of a command whose answer only the person needs."""
        await self._acknowledge(interaction, ephemeral=True, thinking=True)

    async def defer_public(self, interaction: Interaction) -> None:
        """Take note of a command whose answer everybody sees."""
        await self._acknowledge(interaction, thinking=True)

    async def store_then_acknowledge(
        self, interaction: Interaction, storing: Coroutine[Any, Any, Stored], acknowledge: Acknowledge
    ) -> Stored:
        """Acknowledge what is kept by then; what takes long is acknowledged before Discord gives up."""
        task = asyncio.create_task(storing)
        await asyncio.wait({task}, timeout=PROMPTLY_S)
        await acknowledge(interaction)
        return await task

    async def _acknowledge(self, interaction: Interaction, **how: bool) -> None:
        # A failure costs the acknowledgement, not what the person asked for.
        with logged_delivery_errors("An interaction could not be acknowledged"):
            await interaction.response.defer(**how)

    async def edit_original(self, interaction: Interaction, content: str | None = None) -> None:
        """Take the buttons from the pressed message, and let it say `content`. Raises DeliveryError."""
        said = discord.utils.MISSING if content is None else content[:MAX_CONTENT]
        with as_delivery_errors():
            await interaction.edit_original_response(
                content=said, view=None, allowed_mentions=discord.AllowedMentions.none()
            )

    async def delete_original(
        self, interaction: Interaction, rest: Sequence[discord.WebhookMessage] = ()
    ) -> None:
        """Take the first answer away again, and the `rest` of it."""
        with logged_delivery_errors("An answer could not be taken back", logging.DEBUG):
            await interaction.delete_original_response()
            for message in rest:
                await message.delete()

    async def _send(self, interaction: Interaction, sentence: str, *, ephemeral: bool, **more: Any) -> None:
        more |= {"allowed_mentions": discord.AllowedMentions.none(), "suppress_embeds": True}
        send: Callable[..., Awaitable[object]] = interaction.response.send_message
        if interaction.response.is_done():
            send = interaction.followup.send
        with as_delivery_errors():
            await send(sentence[:MAX_CONTENT], ephemeral=ephemeral, **more)


async def _send_direct_message(person: discord.abc.Messageable, sentence: str) -> None:
    """An interaction that is over takes no word any more: a direct message is the only way left."""
    with logged_delivery_errors(UNSENT):
        await person.send(sentence[:MAX_CONTENT], allowed_mentions=discord.AllowedMentions.none())
