"""Which stories of a server a person may know of: titles of hidden channels are shown to nobody."""

from __future__ import annotations

import discord

from adapters.discord.handlers.interaction_context import InteractionContext
from adapters.discord.payloads.messages import PLATFORM
from adapters.discord.payloads.rooms import is_private, parent_channel
from bot.core.services import Services
from bot.domain.story import Story


async def visible_stories(services: Services, context: InteractionContext) -> list[Story]:
    """The stories that the person can see from where they are, latest first."""
    guild_id = context.interaction.guild_id
    mine = await services.stories.find(PLATFORM, author=context.author)
    if guild_id is None or context.user_installed:
        # What was told in a server stays there, whoever else is in this conversation.
        return [story for story in mine if not story.room.parent_scopes]
    there = await services.stories.find(PLATFORM, within=f"guild/{guild_id}")
    own = {story.id for story in mine}
    return [story for story in there if _may_see(context, story, own=story.id in own)]


def _may_see(context: InteractionContext, story: Story, *, own: bool) -> bool:
    """Whether a person may know of a story.

    `own`: they wrote in it. Of private threads only those who did know, as long as they see the channel;
    of what they cannot see any more, they do not.
    """
    guild, person, room = context.interaction.guild, context.interaction.user, story.room
    if room == context.room:
        return True
    if is_private(room) and not own:
        return False
    if guild is None or not isinstance(person, discord.Member) or not room.id.isdecimal():
        return False
    channel = guild.get_channel_or_thread(int(room.id))
    if channel is None and (parent := parent_channel(room)) is not None:
        channel = guild.get_channel(int(parent.id))  # archived, perhaps: the channel that it lies in decides
    if channel is None:
        return own  # it was deleted
    try:
        return channel.permissions_for(person).view_channel
    except discord.ClientException:
        return False
