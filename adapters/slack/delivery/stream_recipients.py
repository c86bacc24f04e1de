"""Who last asked for something in a thread: for whom a stream is."""

from __future__ import annotations

from collections import OrderedDict

from bot.domain.chat import Author, Room

_REMEMBERED = 5_000


class Callers:
    """The last caller of each room, as far as this process has seen one."""

    def __init__(self) -> None:
        self._callers: OrderedDict[str, Author] = OrderedDict()

    def remember(self, room: Room, author: Author) -> None:
        """`author` asks in `room`."""
        self._callers[room.id] = author
        self._callers.move_to_end(room.id)
        if len(self._callers) > _REMEMBERED:
            self._callers.popitem(last=False)

    def of(self, room: Room) -> Author | None:
        """Who asked there last."""
        return self._callers.get(room.id)
