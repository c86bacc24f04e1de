"""What a visitor's clicks do: one action for a double click."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from adapters.shared.double_clicks import DOUBLE_CLICK_S, DoubleClicks
from adapters.web.rooms.actions import RoomActions
from adapters.web.rooms.room_feed import RoomFeed
from adapters.web.visitor import Visitor
from bot.domain.chat import Author, Room
from bot.domain.errors import TextTooLong
from bot.domain.story import Story
from tests.fakes.clock import FakeClock
from tests.fakes.services import FakeServices

ROOM = Room("web", "moon")


@dataclass
class Beginning(FakeServices):
    """Begins stories, up to a length of their titles."""

    begun: list[str] = field(default_factory=list)

    async def begin(self, room: Room, by: Author, title: str = "") -> Story:
        """Note it. Raises TextTooLong."""
        self.begun.append(title)
        if len(title) > 3:
            raise TextTooLong(limit=3, length=len(title))
        return Story("s", room, title)


def actions_of_visitor() -> tuple[RoomActions, Beginning, FakeClock]:
    """A visitor's actions in one room, on a clock of the test's own."""
    services, clock = Beginning(), FakeClock()

    async def refresh_all() -> None:
        """Nobody else looks."""

    visitor = Visitor("1", "澪", "ja")
    feed = RoomFeed(ROOM, services)
    clicks = DoubleClicks(clock)
    return (
        RoomActions(services, visitor, feed, refresh_all, *([lambda _: None] * 3), clicks),
        services,
        clock,
    )


async def test_a_double_click_begins_one_story() -> None:
    """The second one would close what the first began; a later one is meant."""
    actions, services, clock = actions_of_visitor()
    for _ in range(2):
        await actions.perform({"do": "begin", "title": "夜"})
    assert services.begun == ["夜"]
    await clock.advance(DOUBLE_CLICK_S)
    await actions.perform({"do": "begin", "title": "夜"})
    assert services.begun == ["夜", "夜"]


async def test_what_was_refused_is_refused_again() -> None:
    """Nobody is told that it was done because they clicked twice."""
    actions, _, _ = actions_of_visitor()
    for _ in range(2):
        with pytest.raises(TextTooLong):
            await actions.perform({"do": "begin", "title": "長い題名"})
