"""Pure: who may use the bot, and where."""

from __future__ import annotations

from bot.domain.chat import Author, Room
from bot.domain.errors import NotPermitted, RolesUnknown
from bot.domain.room_settings import RoomSettings

_WHO = frozenset({"user", "role", "usergroup"})
"""The kinds of labels that name people; all others name places."""


UNKNOWN_ROLES = "role/?"
"""Stands among the roles of a person whose roles the platform could not tell."""


def require_permission(settings: RoomSettings, room: Room, author: Author) -> None:
    """Make sure that a person may use the bot in a room.

    Raises:
        NotPermitted
        RolesUnknown: it depends on roles, and theirs could not be told just now.
    """
    if UNKNOWN_ROLES in author.roles and depends_on_roles(settings):
        raise RolesUnknown
    if not permits(settings, room, author):
        raise NotPermitted


def depends_on_roles(settings: RoomSettings) -> bool:
    """Whether it depends on roles who may use the bot."""
    return any(label.startswith("role/") for label in (*settings.allowed, *settings.denied))


def permits(settings: RoomSettings, room: Room, author: Author) -> bool:
    """Whether a person may use the bot in a room.

    Nothing of theirs may be denied. Where people are among the allowed ones, the person has to be, or one of
    their roles; where places are, the room has to be, or something that it lies in.
    """
    people = {f"user/{author.id}", *author.roles}
    places = {room.own_scope, *room.parent_scopes}
    if (people | places) & set(settings.denied):
        return False
    who = {label for label in settings.allowed if label.partition("/")[0] in _WHO}
    where = set(settings.allowed) - who
    return (not who or bool(who & people)) and (not where or bool(where & places))
