"""Which messages are a person's, and which of them are meant for the bot."""

from __future__ import annotations

import discord

from adapters.discord.payloads.text import Self

_WRITTEN = {discord.MessageType.default, discord.MessageType.reply}
"""Messages that people wrote, as opposed to Discord's own lines."""


def is_by_person(message: discord.Message) -> bool:
    """Whether a person wrote it: no bot, no webhook, not Discord itself."""
    return not message.author.bot and message.webhook_id is None and message.type in _WRITTEN


def complete(message: discord.Message) -> None:
    """Set what discord.py leaves unset where the payload does not have it."""
    for name in ("mentions", "role_mentions"):
        if not hasattr(message, name):
            setattr(message, name, [])


def says_something(message: discord.Message) -> bool:
    """Whether there is anything to read: a text, or files."""
    return bool(message.content or message.attachments)


def is_meant_for(me: Self, message: discord.Message) -> bool:
    """Whether it is said to the bot: it mentions the bot, or is a direct message."""
    if message.guild is None:
        return True
    by_role = any(role.id == me.role_id for role in message.role_mentions)
    by_name = any(user.id == me.user_id for user in message.mentions)
    return by_role or by_name or me.mention.match(message.content) is not None
