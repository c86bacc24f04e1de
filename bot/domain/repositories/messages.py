"""Messages that were received."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.domain.chat import Message
from bot.domain.jobs import GenerationOptions, Job
from bot.domain.story import Passage


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """What the store made of a message: the passage (if it had text) and the job (if one was asked for)."""

    story_id: str
    passage: Passage | None
    job: Job | None
    repeated: bool = False


class Messages(Protocol):
    """What people wrote, by their platforms' event ids, and what became of it."""

    async def receive(
        self,
        message: Message,
        options: GenerationOptions | None,
        job_id: str,
        seed: int,
        *,
        parentheses_aside: bool = False,
        earlier: Sequence[Message] = (),
    ) -> ReceivedMessage:
        """Append the message's passage to its room's open story and make a job, once per event id.

        Before it come the passages of `earlier` messages that were not received yet. A room without an open
        story begins one, which keeps `parentheses_aside` as its rule. With `message.after`: where the story
        has a job that waits or runs, that one is returned as repeated.

        Raises:
            StoryMoved: `message.after` or `options.instead_of` is no longer the story's last passage.
            PassageGone: `options.instead_of` is not a passage of this story.
        """
        ...

    async def find(self, platform: str, event_id: str) -> ReceivedMessage | None:
        """What became of an event, None where it was never received."""
        ...

    async def replace(
        self,
        platform: str,
        event_id: str,
        message_id: str,
        *,
        name: str | None = None,
        text: str | None = None,
    ) -> Passage | None:
        """Let a message, not the event, show a passage; None where the event shows none that is there."""
        ...
