"""The fake services keep the promises that adapters rely on."""

from __future__ import annotations

import pytest

from bot.domain.chat import Author, Message, Room
from bot.domain.errors import EmptyPrompt, QueueFull
from bot.domain.inference import TokenCount
from bot.domain.jobs import GenerationOptions
from bot.domain.story import ReplyInProgress
from tests.fakes.services import FakeServices

ROOM = Room("test", "1")
AUTHOR = Author("test", "7", "花子")


async def test_the_same_event_twice_is_heard_once() -> None:
    """A redelivered event gets the first ticket again, marked as repeated."""
    services = FakeServices()
    message = Message("e1", ROOM, AUTHOR, "むかし")
    first = await services.generation.receive_message(message, GenerationOptions())
    second = await services.generation.receive_message(message, GenerationOptions())
    assert first is not None
    assert second is not None
    assert (first.job_id, True) == (second.job_id, second.repeated)
    assert len(services.heard) == 1


async def test_what_is_only_written_is_read_as_tickets_say() -> None:
    """By itself everything can be read."""
    message = Message("e1", ROOM, AUTHOR, "晩。")
    assert await FakeServices().count_tokens(message) == TokenCount(2)
    assert await FakeServices(unknown=("晩",), read_as="〓。").count_tokens(message) == TokenCount(
        2, ("晩",), "〓。"
    )


async def test_nothing_to_go_on_from_is_refused() -> None:
    """An empty text in a room without a story raises, and with a story it goes on."""
    services = FakeServices()
    with pytest.raises(EmptyPrompt):
        await services.generation.receive_message(Message("e1", ROOM, AUTHOR, ""), GenerationOptions())
    services.tell(ROOM, "むかし")
    assert (
        await services.generation.receive_message(Message("e2", ROOM, AUTHOR, ""), GenerationOptions())
        is not None
    )


async def test_a_refusal_is_raised_once_and_keeps_nothing() -> None:
    """`refuse` concerns the next message only."""
    services = FakeServices()
    services.refuse(QueueFull(limit=1))
    with pytest.raises(QueueFull):
        await services.generation.receive_message(Message("e1", ROOM, AUTHOR, "むかし"), GenerationOptions())
    assert await services.stories.open_in(ROOM) is None
    assert (
        await services.generation.receive_message(Message("e1", ROOM, AUTHOR, "むかし"), GenerationOptions())
    ) is not None
    assert (await services.until_heard()).message.text == "むかし"


async def test_a_reply_is_begun_where_the_story_ends() -> None:
    """And stays there, whatever is told meanwhile."""
    services = FakeServices()
    story = services.tell(ROOM, "むかし")
    services.editing.begin(ROOM, "job-1")
    assert services.tell(ROOM, "あるところに").reply_in_progress == ReplyInProgress(
        "job-1", story.passages[-1].id
    )
