"""The rules of play: what happens when somebody writes, asks for more, or changes the story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.core.editing import Changing
from bot.core.generation import Asking
from bot.core.settings_resolver import checked
from bot.domain.chat import Author, Room
from bot.domain.errors import PassageGone
from bot.domain.inference import ContextWindow, GenerationRequest, Score
from bot.domain.room_settings import RoomSettings, preset_of, sampling_of
from bot.domain.scopes import own_scope
from bot.domain.story import Passage, Story
from bot.story.export_formats import exported
from bot.story.prompt import context_of, with_unsent
from bot.text.continuation import max_tokens


class StoryPlay(Asking, Changing):
    """`adapters.shared.ports.Play`: asking for text, changing the story, looking at it."""

    async def read(self, room: Room) -> Story | None:
        """The story that is open in a room, if there is one."""
        return await self._store.story(room)

    async def story(self, story_id: str) -> Story:
        """A story with its passages. Raises NoSuchStory."""
        return await self._store.story_by_id(story_id)

    async def stories(
        self,
        platform: str,
        *,
        within: str | None = None,
        room: Room | None = None,
        author: Author | None = None,
    ) -> Sequence[Story]:
        """Stories of a platform (of a place, a room, a writer), latest first, without passages."""
        return await self._store.stories(platform, within=within, room=room, author=author)

    async def open_rooms(self, platform: str) -> Sequence[Room]:
        """The rooms of a platform in which a story is open, the one that was told on last first."""
        return await self._store.open_rooms(platform)

    async def tree(self, room: Room) -> Sequence[Passage]:
        """All passages of the room's story, in the order they were made. Raises NoStory."""
        return await self._store.tree((await self._open(room)).id)

    async def alternatives(self, passage_id: str) -> Sequence[Passage]:
        """A passage and its alternatives, in the order they were made. Raises PassageGone."""
        found = await self._store.alternatives(passage_id)
        if not found:
            raise PassageGone
        return found

    async def passage(self, passage_id: str) -> Passage:
        """A passage, wherever it stands. Raises PassageGone."""
        found = await self._store.passage(passage_id)
        if found is None or found.deleted:
            raise PassageGone
        return found

    async def passage_of_message(self, platform: str, message_id: str) -> Passage | None:
        """The passage that a message of the platform shows, if it shows one."""
        return await self._store.passage_of_message(platform, message_id)

    async def window(self, room: Room) -> ContextWindow:
        """What the model would see now, exactly. Raises NoStory, EngineError."""
        story = await self._open(room)
        rules = await self.rules(room)
        context = context_of(story)
        window = await self._engine.context_window(
            GenerationRequest(
                prompt=context.prompt,
                sampling=sampling_of(preset_of(rules), rules),
                max_tokens=max_tokens(rules.length),
                prefix=context.front,
                depth_inserted=context.inset,
            )
        )
        return with_unsent(window, story)

    async def scores(self, passage_id: str) -> Sequence[Score]:
        """The tokens' probabilities and the runners-up, where they were asked for."""
        return await self._store.scores(passage_id)

    async def export(self, story_id: str, form: str = "txt") -> str:
        """The story as a text to keep. Raises NoSuchStory, UnknownFormat."""
        return exported(await self.story(story_id), form)

    async def rules_at(self, room: Room, scope: str) -> Mapping[str, object]:
        """What is set at a scope itself, by the rules' names, as JSON."""
        [held] = await self._store.rules(room.platform, (scope or own_scope(room),))
        return held

    async def set_rules(self, room: Room, scope: str, changes: Mapping[str, object]) -> RoomSettings:
        """Set rules by their names at a scope; None takes one back. Raises UnknownRule, BadRule."""
        where = scope or own_scope(room)
        kept = checked(changes, await self.rules(room))
        async with self._one_by_one:  # what others set at the same moment stays
            [before] = await self._store.rules(room.platform, (where,))
            after = {name: value for name, value in {**before, **kept}.items() if value is not None}
            await self._store.save_rules(room.platform, where, after)
        return await self.rules(room)

    async def forget(self, by: Author) -> int:
        """Take a person's words and name out of every story; in how many passages there were any."""
        forgotten = await self._store.forget(by)
        for passage in forgotten.restored:
            await self._changed(passage)
        return forgotten.passages + len(forgotten.restored)
