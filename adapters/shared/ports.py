"""What every platform gives, and what it gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from bot.domain.chat import Author, Message, Room
from bot.domain.inference import ContextWindow, Score, TokenCount
from bot.domain.jobs import GenerationOptions, JobReceipt
from bot.domain.ports import Limits, Platform
from bot.domain.room_settings import RoomSettings
from bot.domain.story import Act, Notes, Passage, Story

__all__ = ["Adapter", "Limits", "Platform", "Play"]


class Play(Protocol):
    """The rules, as adapters use them. Every method raises `UserError` for what a person did wrong.

    All but `read`, `stories`, `rules` and what only looks require that the room's rules let the person act:
    else NotPermitted. What needs a story raises NoStory where none is open in the room.
    """

    # Writing

    @property
    def max_characters(self) -> int:
        """How long a typed text may be."""
        ...

    @property
    def max_file_characters(self) -> int:
        """How long a text from a file may be; one that came with it is edited up to both together."""
        ...

    async def receive_message(
        self, message: Message, ask: GenerationOptions | None, earlier: Sequence[Message] = ()
    ) -> JobReceipt | None:
        """Add a message to its room's story and, with `ask`, queue a continuation.

        `earlier` is what was written in the room before there was a story: it is kept with the message or not
        at all, each line once; one that the story cannot have does not keep out the others.
        Returns None where nothing was asked for. The reply appears through the platform's `post` and `edit`.
        Lines that are out of character (`bot.text.out_of_character`) stay in the story; the model never sees
        them.

        Raises:
            EmptyPrompt, TextTooLong, UnreadableText, FilteredText, QueueFull, TooManyWaiting, UnknownPreset,
            NotPermitted, QuotaReached, StoryMoved
        """
        ...

    async def is_aside(self, message: Message) -> bool:
        """Whether a message says something beside the story of its room, and nothing else."""
        ...

    async def check(self, message: Message) -> None:
        """Raise what `hear` would refuse of a person and their text: ask before others are shown it.

        Raises:
            NotPermitted, TextTooLong, FilteredText
        """
        ...

    async def count_tokens(self, message: Message) -> TokenCount:
        """How the model reads a message that nothing will be asked with; ask before it is heard.

        A ticket says the same of other messages. Characters that its writer used in the story before are
        not named again, and none are where the engine does not tell in time.
        """
        ...

    async def retry(self, message: Message, ask: GenerationOptions) -> JobReceipt:
        """Queue another continuation instead of the story's last, which stays as an alternative.

        Where a person wrote last this is a continuation. The message has no text; `after` names the passage
        under which the button was pressed, where there is one. Raises as `hear` does.
        """
        ...

    async def again(self, message: Message, job_id: str) -> JobReceipt:
        """Queue anew what a job of the room came to nothing for.

        As it was asked for then, and instead of the same passage where the story still ends with that. The
        message has no text. Raises as `hear` does.
        """
        ...

    async def cancel(self, room: Room, by: Author) -> bool:
        """Stop what runs or waits in a room; False if nothing did."""
        ...

    async def stop(self, job_id: str, by: Author) -> bool:
        """Stop one job; False if it was over."""
        ...

    async def withdraw(self, platform: str, message_id: str) -> bool:
        """Stop the reply that somebody deleted while it is written, and keep nothing; False if it is none."""
        ...

    # Reading

    async def read(self, room: Room) -> Story | None:
        """The story that is open in a room, if there is one."""
        ...

    async def story(self, story_id: str) -> Story:
        """A story with its passages. Raises NoSuchStory."""
        ...

    async def stories(
        self,
        platform: str,
        *,
        within: str | None = None,
        room: Room | None = None,
        author: Author | None = None,
    ) -> Sequence[Story]:
        """Stories of a platform (of a place, a room, a writer), latest first, without passages."""
        ...

    async def open_rooms(self, platform: str) -> Sequence[Room]:
        """The rooms of a platform in which a story is open, the one that was told on last first."""
        ...

    async def tree(self, room: Room) -> Sequence[Passage]:
        """All passages of the room's story, in the order they were made."""
        ...

    async def alternatives(self, passage_id: str) -> Sequence[Passage]:
        """A passage and its alternatives, in the order they were made. Raises PassageGone."""
        ...

    async def passage(self, passage_id: str) -> Passage:
        """A passage, wherever it stands. Raises PassageGone."""
        ...

    async def passage_of_message(self, platform: str, message_id: str) -> Passage | None:
        """The passage that a message of the platform shows, if it shows one."""
        ...

    async def window(self, room: Room) -> ContextWindow:
        """What the model would see now, exactly, with token counts and what was left out."""
        ...

    async def scores(self, passage_id: str) -> Sequence[Score]:
        """The tokens' probabilities and the runners-up, where they were asked for."""
        ...

    async def export(self, story_id: str, form: str = "txt") -> str:
        """The story as a text to keep (`bot.story.export_formats`): title, what was told, who wrote.

        Raises:
            NoSuchStory, UnknownFormat
        """
        ...

    # The tree

    async def undo(self, room: Room, by: Author, after: str | None = None) -> Story:
        """Take the last passage back; it stays reachable. Raises NothingToUndo, StoryMoved, StoryBusy."""
        ...

    async def redo(self, room: Room, by: Author, after: str | None = None) -> Story:
        """Take an undo back. Raises NothingToRedo, StoryMoved, StoryBusy.

        `after`: the passage that the story ends with, or the story's id where nothing is left of it.
        """
        ...

    async def choose(self, room: Room, by: Author, passage_id: str) -> Story:
        """Make an alternative of the last passage the last one. Raises StoryMoved, PassageGone, StoryBusy."""
        ...

    async def branch(self, room: Room, by: Author, passage_id: str) -> Story:
        """Go on from any passage; what followed it stays reachable. Raises PassageGone, StoryBusy."""
        ...

    async def last_act(self, room: Room) -> Act | None:
        """What was done last to a room's story that everybody sees; taken back or not."""
        ...

    async def take_back(self, room: Room, by: Author, act_id: str) -> Act:
        """Lead the story back to where an act led it from.

        Raises:
            NothingToTakeBack, ActOvertaken, StoryBusy, NotYours
        """
        ...

    async def edit(self, room: Room, by: Author, passage_id: str, text: str) -> Passage:
        """Change what one wrote or asked for, in its place; its former text is kept.

        Raises:
            NotYours, PassageGone, EmptyText, TextTooLong, FilteredText
        """
        ...

    async def delete(self, room: Room, by: Author, passage_id: str) -> Story:
        """Take out what one wrote or asked for; what came after stays. Raises NotYours, PassageGone."""
        ...

    # The story

    async def move(self, room: Room, to: Room) -> bool:
        """Tell a room's open story in another, where the platform cannot show it here; False: there is none.

        Its jobs and replies go along; the other room's story is closed. Raises StoryBusy where that is being
        written.
        """
        ...

    async def show_by(
        self,
        platform: str,
        event_id: str,
        message_id: str,
        *,
        name: str | None = None,
        text: str | None = None,
    ) -> Passage | None:
        """Let a message show what was heard by another event: a command's answer, or what a proxy posted.

        Its writer stays who they are, and is shown as `name`. None where the event shows nothing that is
        there (any more).
        """
        ...

    async def begin(self, room: Room, by: Author, title: str = "") -> Story:
        """Begin a new story; the room's former one is closed and stays readable. Raises StoryBusy."""
        ...

    async def close(self, room: Room, by: Author) -> Story:
        """Close the room's story. Raises StoryBusy."""
        ...

    async def reopen(self, room: Room, by: Author, story_id: str) -> Story:
        """Go on with an earlier story in this room. Raises NoSuchStory, StoryBusy."""
        ...

    async def rename(self, room: Room, by: Author, title: str) -> Story:
        """Give the story another title. Raises EmptyText where it is blank."""
        ...

    async def annotate(self, room: Room, by: Author, notes: Notes, before: Notes) -> Story:
        """Change memory, author's note and lore; a room without a story begins one.

        `before` is what the person saw: what they left as it was stays as somebody else made it meanwhile.

        Raises:
            TextTooLong, TooMuchLore, FilteredText, NotesChanged
        """
        ...

    # Rules and people

    async def rules(self, room: Room) -> RoomSettings:
        """What holds in a room, after all that it lies in had its say."""
        ...

    async def rules_at(self, room: Room, scope: str) -> Mapping[str, object]:
        """What is set at a scope itself (named as in `set_rules`), by the rules' names, as JSON."""
        ...

    async def set_rules(self, room: Room, scope: str, changes: Mapping[str, object]) -> RoomSettings:
        """Set rules by their names at a scope (`guild/1`, `channel/2`, or the room itself: "").

        A value of None takes a rule back to what holds further out. Who may do this the platform knows.

        Raises:
            UnknownRule, BadRule
        """
        ...

    async def forget(self, by: Author) -> int:
        """Take a person's words and name out of every story; in how many passages there were any."""
        ...


class Adapter(Platform, Protocol):
    """A platform with a connection of its own."""

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises:
            ConfigurationError: a token is bad; the message says which one and where to get it.
        """
        ...
