"""The story as a file in its thread."""

from __future__ import annotations

import re

from adapters.base import Play
from adapters.slack.translate import Place
from adapters.slack.workspace import Workspace
from bot.errors import NoStory
from bot.messages import Story

_NAME_CHARACTERS = 40
_NOT_IN_NAMES = re.compile(r'[\s/\\:*?"<>|\x00-\x1f]+')


class Exports:
    """Uploads stories."""

    def __init__(self, play: Play) -> None:
        self._play = play

    async def of_room(self, workspace: Workspace, place: Place) -> None:
        """Put the story that is open in a thread into it as a file.

        Raises:
            NoStory, RetryLater, Undeliverable
        """
        story = await self._play.read(place.room)
        if story is None:
            raise NoStory
        await self.of_story(workspace, story, place)

    async def of_story(self, workspace: Workspace, story: Story, place: Place) -> None:
        """Put a story as a file where `place` says.

        Raises:
            NoSuchStory, RetryLater, Undeliverable
        """
        text = await self._play.export(story.id)
        name = _NOT_IN_NAMES.sub("_", story.title).strip("_.")[:_NAME_CHARACTERS]
        await workspace.api.upload(place, f"{name or 'story'}.txt", story.title or "story", text)
