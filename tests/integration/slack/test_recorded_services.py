"""The recording services do what tests rely on."""

from __future__ import annotations

import pytest

from bot.domain.chat import Author, Room
from bot.domain.errors import PassageGone, StoryMoved
from tests.integration.slack.recorded_services import RecordedServices

HANAKO = Author("slack", "U1", "花子")
ROOM = Room("slack", "T/C/1.0", ("team/T", "channel/C"))


async def test_it_records_and_fails_once() -> None:
    """A laid out error is raised by the next change only, which is recorded all the same."""
    services = RecordedServices(wrong=[StoryMoved()])
    services.lay_out(ROOM, "C:1.0", "昔々。", HANAKO)
    with pytest.raises(StoryMoved):
        await services.undo(ROOM, HANAKO, "p")
    await services.undo(ROOM, HANAKO, "q")
    assert services.asked("undo") == [(ROOM, HANAKO, "p"), (ROOM, HANAKO, "q")]


async def test_it_finds_what_was_laid_out() -> None:
    """Passages by message and id, stories by place and writer, rules as they were set at the room."""
    services = RecordedServices()
    passage = services.lay_out(ROOM, "C:1.0", "昔々。", HANAKO)
    assert await services.by_message("slack", "C:1.0") == passage
    assert await services.existing(passage.id) == passage
    with pytest.raises(PassageGone):
        await services.existing("none")
    assert len(await services.find("slack", within="channel/C", author=HANAKO)) == 1
    assert await services.find("slack", within="channel/D") == []
    await services.change(ROOM, "", {"listens": False})
    assert not (await services.resolve(ROOM)).listens
