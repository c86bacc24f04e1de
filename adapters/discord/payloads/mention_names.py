"""What the ids in mentions are called: a story has names in it, not numbers."""

from __future__ import annotations

import re

import discord

from adapters.discord.api.errors import delivery
from adapters.discord.payloads.text import Names, Self
from bot.domain.errors import DeliveryError

MOST_LOOKED_UP = 5
"""Discord tells people one by one; nobody waits for more than this."""
_PERSON = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
_CHANNEL = re.compile(r"<#(\d+)>")


def names_in(message: discord.Message) -> Names:
    """Of a message, which comes with its mentions. discord.py leaves unset what the payload does not have."""
    return Names(
        users={user.id: user.display_name for user in getattr(message, "mentions", ())},
        roles={role.id: role.name for role in getattr(message, "role_mentions", ())},
        channels={channel.id: getattr(channel, "name", "") for channel in message.channel_mentions},
    )


async def names_told(text: str, guild: discord.Guild | None) -> Names:
    """Of a text that comes alone, as a command's option does: as far as the server tells."""
    if guild is None:
        return Names()
    roles = {role_id: guild.get_role(role_id) for role_id in _ids(_ROLE, text)}
    channels = {number: guild.get_channel_or_thread(number) for number in _ids(_CHANNEL, text)}
    people = {number: await _name_of(number, guild) for number in _ids(_PERSON, text)[:MOST_LOOKED_UP]}
    return Names(
        users={number: name for number, name in people.items() if name},
        roles={number: role.name for number, role in roles.items() if role is not None},
        channels={number: channel.name for number, channel in channels.items() if channel is not None},
    )


def self_in(client: discord.Client, guild: discord.Guild | None) -> Self | None:
    """How the bot is mentioned in a server; None before it is logged in."""
    if client.user is None:
        return None
    role = guild.self_role if guild is not None else None
    return Self(client.user.id, role.id if role is not None else None)


def _ids(mention: re.Pattern[str], text: str) -> list[int]:
    return list(dict.fromkeys(map(int, mention.findall(text))))


async def _name_of(number: int, guild: discord.Guild) -> str:
    try:
        with delivery():
            return (await guild.fetch_member(number)).display_name
    except DeliveryError:
        return ""
