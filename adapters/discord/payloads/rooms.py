"""Where a story is told: a thread where one can be opened, else the channel itself."""

from __future__ import annotations

from dataclasses import dataclass

import discord

from adapters.discord.payloads.messages import PLATFORM
from adapters.discord.render.replies import Phrase
from bot.domain.chat import Room
from bot.domain.errors import NotAllowed

PRIVATE = "private/"
COMMAND = "command/"
CHANNEL = "channel/"


@dataclass(frozen=True, slots=True)
class ThreadRef:
    """A room, and the permission that its own thread lacked."""

    room: Room
    missing_permission: str | None = None


def thread_room(message_id: int, here: Room) -> Room:
    """The room in the thread of a message that stands in the channel `here`: they have one id."""
    return Room(PLATFORM, str(message_id), here.parent_scopes, here.adult)


def command_room(command_id: int, here: Room) -> Room:
    """The room of a command in the channel `here` until its answer is there, from which a thread opens."""
    return Room(PLATFORM, str(command_id), (*here.parent_scopes, f"{COMMAND}{command_id}"), here.adult)


def awaits_response(room: Room) -> bool:
    """Whether a room has the id of a command, and its story is to be told elsewhere."""
    return any(where.startswith(COMMAND) for where in room.parent_scopes)


def parent_channel(room: Room) -> Room | None:
    """The room of the channel that a thread lies in; None of a room that is no thread of a server."""
    found = next((where for where in room.parent_scopes if where.startswith(CHANNEL)), None)
    if found is None or found == f"{CHANNEL}{room.id}":
        return None
    return Room(
        PLATFORM,
        found.removeprefix(CHANNEL),
        room.parent_scopes[: room.parent_scopes.index(found) + 1],
        room.adult,
    )


def room_of(channel: object, channel_id: int, guild_id: int | None) -> Room:
    """The room at a channel, thread or DM, with the server and channel it lies in.

    A private thread lies in a place that only its members know: once archived, nobody tells that it is one.
    """
    parent_id = channel.parent_id if isinstance(channel, discord.Thread) else channel_id
    within = () if guild_id is None else (f"guild/{guild_id}", f"{CHANNEL}{parent_id}")
    if isinstance(channel, discord.Thread) and channel.is_private():
        within = (*within, f"{PRIVATE}{channel_id}")
    return Room(PLATFORM, str(channel_id), within, _is_adult(channel))


def is_private(room: Room) -> bool:
    """Whether only those who were invited know of a room."""
    return any(where.startswith(PRIVATE) for where in room.parent_scopes)


def room_of_message(message: discord.Message) -> Room:
    """The room where a message was written."""
    return room_of(message.channel, message.channel.id, message.guild.id if message.guild else None)


def _is_adult(channel: object) -> bool:
    # A thread asks its parent; what is known too little of is no place for adults only.
    ask = getattr(channel, "is_nsfw", None)
    return bool(ask()) if callable(ask) else False


def opens_threads(channel: object) -> bool:
    """Whether messages of this channel can have threads."""
    return isinstance(channel, discord.TextChannel)


def require_send_permission(channel: object, allowed: discord.Permissions, phrase: Phrase) -> None:
    """Raise NotAllowed with the permission's name where the bot may not talk."""
    if isinstance(channel, discord.DMChannel):
        return
    if not allowed.view_channel:
        raise NotAllowed(permission=phrase("discord.permission.view_channel"))
    talk = "send_messages_in_threads" if isinstance(channel, discord.Thread) else "send_messages"
    if not getattr(allowed, talk):
        raise NotAllowed(permission=phrase(f"discord.permission.{talk}"))


def permissions_in(message: discord.Message) -> discord.Permissions:
    """What the bot may do where a message was written; everything where that is not known."""
    guild, channel = message.guild, message.channel
    unknown = isinstance(channel, (discord.DMChannel, discord.PartialMessageable))
    if guild is None or guild.me is None or guild.default_role is None or unknown:
        return discord.Permissions.all()
    try:
        return channel.permissions_for(guild.me)
    except discord.ClientException:
        # A thread asks its parent, which the bot may not see.
        return discord.Permissions.all()


def choose_thread(channel: object, allowed: discord.Permissions, thread: Room, here: Room) -> ThreadRef:
    """A thread for what begins in a channel, where one may be opened; else the channel."""
    if not opens_threads(channel) or not here.parent_scopes:  # of a server that nobody knows
        return ThreadRef(here)
    missing = missing_thread_permission(allowed)
    return ThreadRef(thread) if missing is None else ThreadRef(here, missing)


def missing_thread_permission(allowed: discord.Permissions) -> str | None:
    """The permission that keeps the bot from telling a story in a thread of its own."""
    for permission in ("create_public_threads", "send_messages_in_threads"):
        if not getattr(allowed, permission):
            return permission
    return None
