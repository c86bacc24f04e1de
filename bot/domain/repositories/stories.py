"""Stories, and where they end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.domain.chat import Author, Room
from bot.domain.story import Act, Notes, Story


class Stories(Protocol):
    """The stories of all rooms. What somebody (`by`) does to one is kept as an act, too."""

    async def open_in(self, room: Room) -> Story | None:
        """The story that is open in a room, with its passages from first to last."""
        ...

    async def get(self, story_id: str) -> Story:
        """The story with this id. Raises NoSuchStory."""
        ...

    async def before_reply(self, job_id: str) -> Story:
        """The story as far as the place of a job's reply, which is what it goes on from. Raises NoOpenJob."""
        ...

    async def find(
        self,
        platform: str,
        *,
        within: str | None = None,
        room: Room | None = None,
        author: Author | None = None,
    ) -> Sequence[Story]:
        """Stories of a platform, latest first, without their passages; closed ones too.

        Only those within a place (`guild/1`), of one room, or that an author wrote in, where one is named.
        """
        ...

    async def open_rooms(self, platform: str) -> Sequence[Room]:
        """The rooms in which a story is open, the one that was told on last first."""
        ...

    async def begin(
        self, room: Room, title: str = "", *, parentheses_aside: bool = False, by: Author | None = None
    ) -> Story:
        """Begin a new story in a room; the one that was open there is closed. Raises StoryBusy."""
        ...

    async def close(self, story_id: str, *, by: Author | None = None) -> Story:
        """Close a story: its room has none until one is begun or opened again. Raises StoryBusy."""
        ...

    async def reopen(self, story_id: str, room: Room, *, by: Author | None = None) -> Story:
        """Go on with a story of this platform in a room, whose open one is closed.

        Raises:
            NoSuchStory, StoryBusy
        """
        ...

    async def move(self, room: Room, to: Room) -> bool:
        """Tell a room's open story in another room, with its jobs and what they show; False: there is none.

        The other room's story is closed. Raises StoryBusy where that is being written.
        """
        ...

    async def rename(self, story_id: str, title: str) -> Story:
        """Give a story another title."""
        ...

    async def save_notes(self, story_id: str, notes: Notes, before: Notes) -> Story:
        """Change a story's notes; what is in `notes` as it was `before` stays as it is by now.

        Raises:
            NotesChanged: something that is to be changed reads otherwise by now than it did `before`.
        """
        ...


class History(Protocol):
    """Where a story ends, how that moves, and who moved it.

    A story is a tree of passages; its head is its last one. Moving the head loses nothing: each passage
    remembers which of its children the story went on with last, so that `redo` finds the way back.
    Methods that name a head they expect raise StoryMoved where the story ends elsewhere by now, and those
    that move the head raise StoryBusy while a job of the story waits or runs. What somebody (`by`) does to a
    story that everybody sees is kept as an act, in the same transaction.
    """

    async def undo(self, story_id: str, expected: str | None = None, *, by: Author | None = None) -> Story:
        """Move the head to its parent, over deleted ones. Raises NothingToUndo, StoryMoved, StoryBusy."""
        ...

    async def redo(self, story_id: str, expected: str | None = None, *, by: Author | None = None) -> Story:
        """Move the head to the child it came from. Raises NothingToRedo, StoryMoved, StoryBusy.

        `expected`: the head, or the story's id where it ends before its first passage.
        """
        ...

    async def go_to(self, story_id: str, passage_id: str, *, by: Author | None = None) -> Story:
        """Make a passage of the story its last one. Raises PassageGone, StoryBusy."""
        ...

    async def choose(self, story_id: str, passage_id: str, *, by: Author | None = None) -> Story:
        """End the story with an alternative of its last passage, and with what hangs on that.

        Raises:
            PassageGone, StoryMoved, StoryBusy
        """
        ...

    async def latest(self, room: Room) -> Act | None:
        """What was done last to a room's story that everybody sees; taken back or not."""
        ...

    async def take_back(self, act_id: str, by: Author) -> Act:
        """Lead a story back to where an act led it from.

        Raises:
            NothingToTakeBack, ActOvertaken, StoryBusy, NotYours
        """
        ...
