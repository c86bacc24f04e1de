"""Where settings hold: a scope is a place that a room lies in, or the room itself, as `kind/id`."""

from __future__ import annotations

from bot.domain.chat import Room

_ROOM = "room"


def scopes_of(room: Room) -> tuple[str, ...]:
    """Where rules of a room may be set, outermost first."""
    return (*room.parent_scopes, own_scope(room))


def own_scope(room: Room) -> str:
    """The scope of the room alone."""
    return f"{_ROOM}/{room.id}"


def room_of(scope: str) -> str | None:
    """The id of the room whose own scope this is; None for what rooms lie in."""
    kind, _, room_id = scope.partition("/")
    return room_id if kind == _ROOM else None
