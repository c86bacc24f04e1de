"""Where a story is told: a thread where one can be opened, else the channel itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import discord

from adapters.discord.failures import THREAD_EXISTS, delivery
from adapters.discord.translate import PLATFORM
from bot.errors import DeliveryError, NotAllowed, RetryLater, Undeliverable
from bot.messages import Room
from bot.seams import Say

OPENING_TRIES = 3
OPENING_PAUSE_S = 0.5
PRIVATE = "private/"

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Place:
    """A room, whether it was opened just now, and the permission that its own thread lacked."""

    room: Room
    opened: bool = False
    missing: str | None = None


def room_of(channel: object, channel_id: int, guild_id: int | None) -> Room:
    """The room at a channel, thread or DM, with the server and channel it lies in.

    A private thread lies in a place that only its members know: once archived, nobody tells that it is one.
    """
    parent_id = channel.parent_id if isinstance(channel, discord.Thread) else channel_id
    within = () if guild_id is None else (f"guild/{guild_id}", f"channel/{parent_id}")
    if isinstance(channel, discord.Thread) and channel.is_private():
        within = (*within, f"{PRIVATE}{channel_id}")
    return Room(PLATFORM, str(channel_id), within, _is_adult(channel))


def is_private(room: Room) -> bool:
    """Whether only those who were invited know of a room."""
    return any(where.startswith(PRIVATE) for where in room.within)


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


def require_speech(channel: object, allowed: discord.Permissions, say: Say, locale: str) -> None:
    """Raise NotAllowed with the permission's name where the bot may not talk."""
    if isinstance(channel, discord.DMChannel):
        return
    if not allowed.view_channel:
        raise NotAllowed(permission=say("discord.permission.view_channel", locale))
    talk = "send_messages_in_threads" if isinstance(channel, discord.Thread) else "send_messages"
    if not getattr(allowed, talk):
        raise NotAllowed(permission=say(f"discord.permission.{talk}", locale))


def missing_for_thread(allowed: discord.Permissions) -> str | None:
    """The permission that keeps the bot from telling a story in a thread of its own."""
    for permission in ("create_public_threads", "send_messages_in_threads"):
        if not getattr(allowed, permission):
            return permission
    return None


async def open_thread(
    message: discord.Message, name: str, allowed: discord.Permissions, pause: Pause, guild_id: int | None
) -> Place:
    """Open a thread from a message; where Discord refuses, the place is the channel."""
    missing = missing_for_thread(allowed)
    here = room_of(message.channel, message.channel.id, guild_id)
    if missing is not None:
        return Place(here, missing=missing)
    try:
        thread_id = await _thread_id(message, name, pause)
    except Undeliverable as error:
        forbidden = isinstance(error.__cause__, discord.Forbidden)
        return Place(here, missing="create_public_threads" if forbidden else None)
    except DeliveryError:
        return Place(here)
    return Place(Room(PLATFORM, str(thread_id), here.within, here.adult), opened=True)


async def _thread_id(message: discord.Message, name: str, pause: Pause) -> int:
    for attempt in range(1, OPENING_TRIES + 1):
        try:
            with delivery():
                return (await message.create_thread(name=name)).id
        except ValueError as error:
            raise Undeliverable("nobody knows whose channel this is") from error
        except (KeyError, TypeError):
            # It is open, and only the answer says too little.
            return message.id
        except Undeliverable as error:
            if _exists(error):
                # A redelivered message, or an answer that got lost: a thread has the id of its message.
                return message.id
            raise
        except RetryLater as error:
            if attempt == OPENING_TRIES:
                raise
            await pause(error.after_s or OPENING_PAUSE_S * attempt)
    raise RetryLater("the thread could not be opened")


def _exists(error: Undeliverable) -> bool:
    cause = error.__cause__
    return isinstance(cause, discord.HTTPException) and cause.code == THREAD_EXISTS
