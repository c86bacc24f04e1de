"""Who writes: a person as the story knows them, with the roles that rules may name."""

from __future__ import annotations

import dataclasses
import logging

import discord

from adapters.discord.api.errors import delivery
from adapters.discord.payloads.text import PLATFORM
from bot.domain.chat import Author
from bot.domain.errors import DeliveryError

_log = logging.getLogger(__name__)


def author_of(person: discord.abc.User, locale: str) -> Author:
    """A person of Discord, by the name that the others see."""
    return Author(PLATFORM, str(person.id), person.display_name, locale, _roles_of(person))


async def with_roles(author: Author, guild: discord.Guild | None) -> Author:
    """A person as they stand in a server now; Discord's word that a message is gone names no roles.

    Who left the server has none.
    """
    if guild is None:
        return author
    try:
        with delivery():
            member = await guild.fetch_member(int(author.id))
    except DeliveryError as error:
        _log.info("Nobody tells the roles of a member: %s", error)
        return author
    return dataclasses.replace(author, roles=_roles_of(member))


def _roles_of(person: discord.abc.User) -> tuple[str, ...]:
    # A member of a server that the bot knows nothing of has none.
    if not isinstance(person, discord.Member) or getattr(person, "guild", None) is None:
        return ()
    return tuple(f"role/{role.id}" for role in person.roles if not role.is_default())
