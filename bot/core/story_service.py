"""Stories as a whole: reading them, beginning, closing and exporting them, forgetting a person's words."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.reply_refresh import ReplyRefresh
from bot.core.settings_resolver import SettingsResolver
from bot.core.validation import checked_title
from bot.domain.chat import Author, Room
from bot.domain.errors import EmptyText, NoStory, NoSuchStory, PassageGone
from bot.domain.inference import ContextWindow, GenerationRequest, Score
from bot.domain.ports import Engine
from bot.domain.repositories import Repositories
from bot.domain.room_settings import preset_of, sampling_of
from bot.domain.story import Act, Passage, Story
from bot.story.export_formats import export_text
from bot.story.prompt import build_context, with_unsent
from bot.text.continuation import max_tokens


class StoryService:
    """What only looks needs no permission; what changes a story requires it, else NotPermitted.

    What needs a story raises NoStory where none is open in the room.
    """

    def __init__(
        self, store: Repositories, engine: Engine, settings: SettingsResolver, refresh: ReplyRefresh
    ) -> None:
        self._store = store
        self._engine = engine
        self._settings = settings
        self._refresh = refresh

    # Reading

    async def read(self, room: Room) -> Story | None:
        """The story that is open in a room, if there is one."""
        return await self._store.stories.open_in(room)

    async def by_id(self, story_id: str) -> Story:
        """A story with its passages. Raises NoSuchStory."""
        return await self._store.stories.get(story_id)

    async def list_stories(
        self,
        platform: str,
        *,
        within: str | None = None,
        room: Room | None = None,
        author: Author | None = None,
    ) -> Sequence[Story]:
        """Stories of a platform (of a place, a room, a writer), latest first, without passages."""
        return await self._store.stories.find(platform, within=within, room=room, author=author)

    async def open_rooms(self, platform: str) -> Sequence[Room]:
        """The rooms of a platform in which a story is open, the one that was told on last first."""
        return await self._store.stories.open_rooms(platform)

    async def tree(self, room: Room) -> Sequence[Passage]:
        """All passages of the room's story, in the order they were made."""
        return await self._store.passages.of_story((await self._open(room)).id)

    async def alternatives(self, passage_id: str) -> Sequence[Passage]:
        """A passage and its alternatives, in the order they were made. Raises PassageGone."""
        found = await self._store.passages.alternatives(passage_id)
        if not found:
            raise PassageGone
        return found

    async def passage(self, passage_id: str) -> Passage:
        """A passage, wherever it stands. Raises PassageGone."""
        found = await self._store.passages.get(passage_id)
        if found is None or found.deleted:
            raise PassageGone
        return found

    async def passage_of_message(self, platform: str, message_id: str) -> Passage | None:
        """The passage that a message of the platform shows, if it shows one."""
        return await self._store.passages.by_message(platform, message_id)

    async def last_act(self, room: Room) -> Act | None:
        """What was done last to a room's story that everybody sees; taken back or not."""
        return await self._store.history.latest(room)

    async def context_window(self, room: Room) -> ContextWindow:
        """What the model would see now, exactly, with token counts and what was left out."""
        story = await self._open(room)
        settings = await self._settings.resolve(room)
        context = build_context(story)
        window = await self._engine.context_window(
            GenerationRequest(
                prompt=context.prompt,
                sampling=sampling_of(preset_of(settings), settings),
                max_tokens=max_tokens(settings.length),
                prefix=context.prefix,
                depth_inserted=context.depth_inserted,
            )
        )
        return with_unsent(window, story)

    async def scores(self, passage_id: str) -> Sequence[Score]:
        """The tokens' probabilities and the runners-up, where they were asked for."""
        return await self._store.passages.scores(passage_id)

    async def export(self, story_id: str, form: str = "txt") -> str:
        """The story as a text to keep (`bot.story.export_formats`): title, what was told, who wrote.

        Raises:
            NoSuchStory, UnknownFormat
        """
        return export_text(await self._store.stories.get(story_id), form)

    # Changing

    async def begin(self, room: Room, by: Author, title: str = "") -> Story:
        """Begin a new story; the room's former one is closed and stays readable. Raises StoryBusy."""
        settings = await self._settings.permitted(room, by)
        name, aside = checked_title(title, settings, room), settings.parentheses_aside
        story = await self._store.stories.begin(room, name, parentheses_aside=aside, by=by)
        await self._refresh.after_move(room)
        return story

    async def close(self, room: Room, by: Author) -> Story:
        """Close the room's story. Raises StoryBusy."""
        await self._settings.permitted(room, by)
        story = await self._store.stories.close((await self._open(room)).id, by=by)
        await self._refresh.after_move(room)
        return story

    async def reopen(self, room: Room, by: Author, story_id: str) -> Story:
        """Go on with an earlier story in this room; its former one is left without it.

        Raises:
            NoSuchStory, StoryBusy
        """
        await self._settings.permitted(room, by)
        former = (await self._store.stories.get(story_id)).room
        if former.platform != room.platform:
            raise NoSuchStory(story=story_id)
        await self._settings.permitted(former, by)
        story = await self._store.stories.reopen(story_id, room, by=by)
        await self._refresh.after_move(room)
        return story

    async def rename(self, room: Room, by: Author, title: str) -> Story:
        """Give the story another title. Raises EmptyText where it is blank."""
        settings = await self._settings.permitted(room, by)
        name = checked_title(title, settings, room)
        if not name:
            raise EmptyText
        return await self._store.stories.rename((await self._open(room)).id, name)

    async def move(self, room: Room, to: Room) -> bool:
        """Tell a room's open story in another, where the platform cannot show it here; False: there is none.

        Its jobs and replies go along; the other room's story is closed. Raises StoryBusy where that is being
        written.
        """
        return await self._store.stories.move(room, to)

    async def show_by(
        self,
        platform: str,
        event_id: str,
        message_id: str,
        *,
        name: str | None = None,
        text: str | None = None,
    ) -> Passage | None:
        """Let a message show what came with another event: a command's answer, or what a proxy posted.

        Its writer stays who they are, and is shown as `name`. None where the event shows nothing that is
        there (any more).
        """
        return await self._store.messages.replace(platform, event_id, message_id, name=name, text=text)

    async def forget(self, by: Author) -> int:
        """Take a person's words and name out of every story; in how many passages there were any."""
        forgotten = await self._store.authors.forget(by)
        for passage in forgotten.restored:
            await self._refresh.after_change(passage)
        return forgotten.passages + len(forgotten.restored)

    async def _open(self, room: Room) -> Story:
        story = await self._store.stories.open_in(room)
        if story is None:
            raise NoStory
        return story
