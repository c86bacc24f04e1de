"""Changing stories: begun, closed, told elsewhere; moves in their tree, edits, what surrounds the text."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from bot.core.reply_refresh import ReplyRefresh
from bot.core.settings_resolver import SettingsResolver
from bot.core.validation import TextLimits, checked_text, checked_title, require_clean
from bot.domain.chat import Author, Room
from bot.domain.errors import EmptyText, NoStory, NoSuchStory, NotYours, PassageGone
from bot.domain.repositories import Repositories
from bot.domain.story import Act, ActKind, Notes, Passage, Story
from bot.story.prompt import require_length, require_short


class EditingService:
    """Each change is in the database when it is acknowledged, and the room's messages follow it.

    What somebody does in a room requires that its settings let them, else NotPermitted, and a story that is
    open there, else NoStory; not the latter to begin one, to go on with one, or to save notes.
    """

    def __init__(
        self,
        store: Repositories,
        settings: SettingsResolver,
        refresh: ReplyRefresh,
        limits: TextLimits,
        begins_story: asyncio.Lock,
    ) -> None:
        self._store = store
        self._settings = settings
        self._refresh = refresh
        self._limits = limits
        self._begins_story = begins_story

    async def undo(self, room: Room, by: Author, after: str | None = None) -> Story:
        """Take the last passage back; it stays reachable. Raises NothingToUndo, StoryMoved, StoryBusy."""
        story = await self._open(room, by)
        return await self._moved(room, await self._store.history.undo(story.id, after, by=by))

    async def redo(self, room: Room, by: Author, after: str | None = None) -> Story:
        """Take an undo back. Raises NothingToRedo, StoryMoved, StoryBusy.

        `after`: the passage that the story ends with, or the story's id where nothing is left of it.
        """
        story = await self._open(room, by)
        return await self._moved(room, await self._store.history.redo(story.id, after, by=by))

    async def choose(self, room: Room, by: Author, passage_id: str) -> Story:
        """Make an alternative of the last passage the last one. Raises StoryMoved, PassageGone, StoryBusy."""
        story = await self._open(room, by)
        return await self._moved(room, await self._store.history.choose(story.id, passage_id, by=by))

    async def branch(self, room: Room, by: Author, passage_id: str) -> Story:
        """Go on from any passage; what followed it stays reachable. Raises PassageGone, StoryBusy."""
        story = await self._open(room, by)
        return await self._moved(room, await self._store.history.go_to(story.id, passage_id, by=by))

    async def take_back(self, room: Room, by: Author, act_id: str) -> Act:
        """Lead the story back to where an act led it from.

        Raises:
            NothingToTakeBack, ActOvertaken, StoryBusy, NotYours
        """
        await self._settings.permitted(room, by)
        act = await self._store.history.take_back(act_id, by)
        if act.kind is ActKind.DELETE and act.before is not None:
            await self._refresh.after_change(await self._store.passages.existing(act.before))
        if await self._store.stories.open_in(room) is not None:
            await self._refresh.after_move(room)
        return act

    async def edit(self, room: Room, by: Author, passage_id: str, text: str) -> Passage:
        """Change what one wrote or asked for, in its place; its former text is kept.

        Raises:
            NotYours, PassageGone, EmptyText, TextTooLong, FilteredText
        """
        with_file = self._limits.max_characters + self._limits.max_file_characters
        require_length(text, with_file)
        settings = await self._settings.permitted(room, by)
        former = await self._own(room, by, passage_id)
        # What came with a file is longer than people may type, and its typing errors are mended here, too.
        limit = self._limits.max_characters
        text = checked_text(text, settings, room, with_file if len(former.text) > limit else limit)
        if not text:
            raise EmptyText
        passage = await self._store.passages.edit(passage_id, text)
        await self._refresh.after_change(passage)
        return passage

    async def delete(self, room: Room, by: Author, passage_id: str) -> Story:
        """Take out what one wrote or asked for; what came after stays. Raises NotYours, PassageGone."""
        await self._settings.permitted(room, by)
        await self._own(room, by, passage_id)
        passage = await self._store.passages.delete(passage_id, by=by)
        await self._refresh.after_change(passage)
        return await self._moved(room, await self._store.stories.get(passage.story_id))

    async def save_notes(self, room: Room, by: Author, notes: Notes, before: Notes) -> Story:
        """Change memory, author's note and lore; a room without a story begins one.

        `before` is what the person saw: what they left as it was stays as somebody else made it meanwhile.

        Raises:
            TextTooLong, TooMuchLore, FilteredText, NotesChanged
        """
        require_short(notes)
        settings = await self._settings.permitted(room, by)
        for text in _texts(notes):
            require_clean(text, settings, room)
        async with self._begins_story:  # of two at once the second finds the story that the first began
            story = await self._store.stories.open_in(room)
            if story is None:
                aside = settings.parentheses_aside
                story = await self._store.stories.begin(room, parentheses_aside=aside)
            return await self._store.stories.save_notes(story.id, notes, before)

    async def begin(self, room: Room, by: Author, title: str = "") -> Story:
        """Begin a new story; the room's former one is closed and stays readable. Raises StoryBusy."""
        settings = await self._settings.permitted(room, by)
        name, aside = checked_title(title, settings, room), settings.parentheses_aside
        story = await self._store.stories.begin(room, name, parentheses_aside=aside, by=by)
        return await self._moved(room, story)

    async def close(self, room: Room, by: Author) -> Story:
        """Close the room's story. Raises StoryBusy."""
        story = await self._open(room, by)
        return await self._moved(room, await self._store.stories.close(story.id, by=by))

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
        return await self._moved(room, await self._store.stories.reopen(story_id, room, by=by))

    async def rename(self, room: Room, by: Author, title: str) -> Story:
        """Give the story another title. Raises EmptyText where it is blank."""
        settings = await self._settings.permitted(room, by)
        name = checked_title(title, settings, room)
        if not name:
            raise EmptyText
        return await self._store.stories.rename((await self._open(room, by)).id, name)

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

    async def _open(self, room: Room, by: Author) -> Story:
        await self._settings.permitted(room, by)
        story = await self._store.stories.open_in(room)
        if story is None:
            raise NoStory
        return story

    async def _own(self, room: Room, by: Author, passage_id: str) -> Passage:
        """The passage, where it belongs to a story of the room, also a former one, and to the person."""
        passage = await self._store.passages.existing(passage_id)
        if (await self._store.stories.get(passage.story_id)).room != room:
            raise PassageGone
        if by.person != (passage.asker or passage.author).person:
            raise NotYours
        return passage

    async def _moved(self, room: Room, story: Story) -> Story:
        await self._refresh.after_move(room)
        return story


def _texts(notes: Notes) -> Iterator[str]:
    yield from (notes.memory, notes.note)
    for entry in notes.lore:
        yield from (*entry.keywords, entry.text)
