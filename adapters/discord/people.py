"""Who writes: a person as the story knows them, with the roles that rules may name."""

from __future__ import annotations

import discord

from adapters.discord.translate import PLATFORM
from bot.messages import Author


def author_of(person: discord.abc.User, locale: str) -> Author:
    """A person of Discord, by the name that the others see."""
    return Author(PLATFORM, str(person.id), person.display_name, locale, _roles_of(person))


def _roles_of(person: discord.abc.User) -> tuple[str, ...]:
    # A member of a server that the bot knows nothing of has none.
    if not isinstance(person, discord.Member) or getattr(person, "guild", None) is None:
        return ()
    return tuple(f"role/{role.id}" for role in person.roles if not role.is_default())
