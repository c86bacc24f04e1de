"""The passages that a story's tree is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.domain.chat import Author
from bot.domain.inference import Score
from bot.domain.story import Passage


class Passages(Protocol):
    """The passages of all stories, deleted ones too."""

    async def get(self, passage_id: str) -> Passage | None:
        """A passage by id."""
        ...

    async def by_message(self, platform: str, message_id: str) -> Passage | None:
        """The passage that a message shows: a person's by its event id, the model's by its reply."""
        ...

    async def alternatives(self, passage_id: str) -> Sequence[Passage]:
        """The passages with the same parent, itself among them, in order of making; no deleted ones."""
        ...

    async def of_story(self, story_id: str) -> Sequence[Passage]:
        """All passages of a story in the order they were made; one written meanwhile is before its parent."""
        ...

    async def edit(self, passage_id: str, text: str) -> Passage:
        """Give a passage another text, in its place; the former one is kept. Raises PassageGone."""
        ...

    async def delete(self, passage_id: str, *, by: Author | None = None) -> Passage:
        """Take a passage out of the story; what came after stays. Raises PassageGone."""
        ...

    async def save_scores(self, passage_id: str, scores: Sequence[Score]) -> None:
        """Keep the probabilities of a passage's tokens."""
        ...

    async def scores(self, passage_id: str) -> Sequence[Score]:
        """What was kept; empty where nothing was."""
        ...
