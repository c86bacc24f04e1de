"""Where an interaction happens, and who acts: the room, the person, and whether the bot is at home there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import discord

from adapters.discord.delivery.interaction_response import Interaction, locale_of_interaction
from adapters.discord.delivery.posts import Posts
from adapters.discord.payloads.messages import PLATFORM, author_of, chosen_locale
from adapters.discord.payloads.rooms import room_of
from bot.core.services import Services
from bot.domain.chat import Author, Message, Room
from bot.domain.story import Passage


@dataclass(frozen=True, slots=True)
class InteractionContext:
    """An interaction in our words. `user_installed`: a person installed the bot, which may only answer there.

    `locale` is the person's; what everybody there reads is in `public_locale`.
    """

    interaction: Interaction
    room: Room
    author: Author
    locale: str
    public_locale: str
    user_installed: bool

    def message(self, text: str = "", *, after: str | None = None, event_id: str = "") -> Message:
        """As the story receives it."""
        return Message(event_id or str(self.interaction.id), self.room, self.author, text, after=after)


def open_context(interaction: Interaction, posts: Posts) -> InteractionContext:
    """The context of what a person did, from which on the bot answers them: in its language, where it may."""
    context = context_of(interaction)
    if context.user_installed:
        posts.user_installed.register_webhook(context.room, interaction.followup)
    posts.set_locale(context.room, context.public_locale)
    return context


def context_of(interaction: Interaction) -> InteractionContext:
    """The context alone: somebody who is still typing has done nothing yet."""
    locale, channel_id = locale_of_interaction(interaction), interaction.channel_id or 0
    author = author_of(interaction.user, locale)
    room = room_of(interaction.channel, channel_id, interaction.guild_id)
    user_installed = is_user_installed(interaction)
    if user_installed:
        room = Room(PLATFORM, f"{channel_id}/{author.id}", adult=room.adult)
    return InteractionContext(
        interaction, room, author, locale, _public_locale(interaction) or locale, user_installed
    )


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
