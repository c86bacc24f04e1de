"""Everything that outlives a restart, by subject. Each method is one transaction, kept when it returns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.chat import Author, Message, Room
from bot.domain.inference import Score
from bot.domain.jobs import GenerationOptions, Job, JobState
from bot.domain.replies import OutboxRow
from bot.domain.story import Act, Notes, Passage, Story


class StoryReads(Protocol):
    """The stories of all rooms, to look at."""

    async def open_in(self, room: Room) -> Story | None:
        """The story that is open in a room, with its passages from first to last."""

    async def get(self, story_id: str) -> Story:
        """The story with this id. Raises NoSuchStory."""

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

    async def open_rooms(self, platform: str) -> Sequence[Room]:
        """The rooms in which a story is open, the one that was told on last first."""

    async def last_act(self, room: Room) -> Act | None:
        """What was done last to a room's story that everybody sees; taken back or not."""


class Stories(StoryReads, Protocol):
    """The stories of all rooms. What somebody (`by`) does to one is kept as an act, too."""

    async def before_reply(self, job_id: str) -> Story:
        """The story as far as the place of a job's reply, which is what it goes on from. Raises NoOpenJob."""

    async def begin(
        self, room: Room, title: str = "", *, parentheses_aside: bool = False, by: Author | None = None
    ) -> Story:
        """Begin a new story in a room; the one that was open there is closed. Raises StoryBusy."""

    async def close(self, story_id: str, *, by: Author | None = None) -> Story:
        """Close a story: its room has none until one is begun or opened again. Raises StoryBusy."""

    async def reopen(self, story_id: str, room: Room, *, by: Author | None = None) -> Story:
        """Go on with a story of this platform in a room, whose open one is closed.

        Raises:
            NoSuchStory, StoryBusy
        """

    async def move(self, room: Room, to: Room) -> bool:
        """Tell a room's open story in another room, with its jobs and what they show; False: there is none.

        The other room's story is closed. Raises StoryBusy where that is being written.
        """

    async def rename(self, story_id: str, title: str) -> Story:
        """Give a story another title."""

    async def save_notes(self, story_id: str, notes: Notes, before: Notes) -> Story:
        """Change a story's notes; what is in `notes` as it was `before` stays as it is by now.

        Raises:
            NotesChanged: something that is to be changed reads otherwise by now than it did `before`.
        """


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

    async def redo(self, story_id: str, expected: str | None = None, *, by: Author | None = None) -> Story:
        """Move the head to the child it came from. Raises NothingToRedo, StoryMoved, StoryBusy.

        `expected`: the head, or the story's id where it ends before its first passage.
        """

    async def go_to(self, story_id: str, passage_id: str, *, by: Author | None = None) -> Story:
        """Make a passage of the story its last one. Raises PassageGone, StoryBusy."""

    async def choose(self, story_id: str, passage_id: str, *, by: Author | None = None) -> Story:
        """End the story with an alternative of its last passage, and with what hangs on that.

        Raises:
            PassageGone, StoryMoved, StoryBusy
        """

    async def take_back(self, act_id: str, by: Author) -> Act:
        """Lead a story back to where an act led it from.

        Raises:
            NothingToTakeBack: no such act, it was taken back, or there is no way back.
            ActOvertaken: something else was done since.
            StoryBusy: the story is being written.
            NotYours: a deleted passage is brought back by whoever deleted it.
        """


class PassageReads(Protocol):
    """The passages of all stories, to look at."""

    async def existing(self, passage_id: str) -> Passage:
        """A passage, wherever it stands. Raises PassageGone where it is not there, or deleted."""

    async def by_message(self, platform: str, message_id: str) -> Passage | None:
        """The passage that a message shows: a person's by its event id, the model's by its reply."""

    async def alternatives(self, passage_id: str) -> Sequence[Passage]:
        """The passages with the same parent, itself among them, in order of making; no deleted ones."""

    async def of_story(self, story_id: str) -> Sequence[Passage]:
        """All passages of a story in the order they were made; one written meanwhile is before its parent."""

    async def scores(self, passage_id: str) -> Sequence[Score]:
        """What was kept; empty where nothing was, or where the passage was changed since."""


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """What the store made of a message: the passage (if it had text) and the job (if one was asked for)."""

    story_id: str
    passage: Passage | None
    job: Job | None
    repeated: bool = False


class Passages(PassageReads, Protocol):
    """The passages of all stories, deleted ones too."""

    async def edit(self, passage_id: str, text: str) -> Passage:
        """Give a passage another text, in its place; the former one is kept. Raises PassageGone."""

    async def delete(self, passage_id: str, *, by: Author | None = None) -> Passage:
        """Take a passage out of the story; what came after stays. Raises PassageGone."""

    async def save_scores(self, passage_id: str, scores: Sequence[Score]) -> None:
        """Keep the probabilities of a passage's tokens, in place of earlier ones."""


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

    async def find(self, platform: str, event_id: str) -> ReceivedMessage | None:
        """What became of an event, None where it was never received."""

    async def replace(
        self,
        platform: str,
        event_id: str,
        message_id: str,
        *,
        name: str | None = None,
        text: str | None = None,
    ) -> Passage | None:
        """Let a message show an event's passage, under another name and with another text where given.

        The event stays known, and shows nothing any more. None where it shows nothing that is there.
        """


class Jobs(Protocol):
    """What the model was asked to write. A job waits, runs, and is done, failed or cancelled for good."""

    async def get(self, job_id: str) -> Job | None:
        """A job by id."""

    async def by_message(self, platform: str, message_id: str) -> Job | None:
        """The job whose reply a message is."""

    async def unfinished(self) -> Sequence[Job]:
        """Jobs that wait or ran when the process ended: those that were begun first, then the oldest."""

    async def count_since(
        self, platform: str, since: datetime, *, author: Author | None = None, scope: str | None = None
    ) -> int:
        """How many jobs were made since then, of an author, or where settings of a scope hold."""

    async def claim(self, job_id: str) -> Job | None:
        """Mark a waiting job running and count the attempt; None if it does not wait, or others claim it now.

        The first time its reply gets its place: behind the story's end as it is now. Raises StoryBusy where
        another reply of the story was begun and is not over.
        """

    async def release(self, job_id: str, *, begun: bool = True) -> None:
        """Put a running job back to waiting (the worker died, the process ends).

        `begun` False: the worker would not take it, and the attempt does not count. A reply that never began
        gives its place back: it goes on from what stands there when it does begin.
        """

    async def finish(self, job_id: str, state: JobState, reason: str = "") -> None:
        """Set a final state other than done (else ValueError). A job that is over already stays as it is."""

    async def complete(self, job_id: str, texts: Sequence[str]) -> Sequence[Passage]:
        """Keep a job's candidates, in their order, and mark the job done, at once.

        Their ids are `candidate_id(job_id, number)`. They stand where the job began, or, with an option
        `instead_of`, beside that passage. The story goes on with the first, and behind it with what people
        wrote meanwhile; unless another reply stands behind `instead_of` by now: then all are alternatives.
        Doing it again changes nothing and returns the same passages.

        Raises:
            ValueError: no texts.
            NoOpenJob: no such job, or it failed or was cancelled.
        """


class OutboxRows(Protocol):
    """The replies as people are shown them, message by message."""

    async def of_job(self, job_id: str) -> Sequence[OutboxRow]:
        """A job's reply as last written, by part."""

    async def save(self, row: OutboxRow) -> None:
        """Insert or replace the row of (job_id, part). Raises StoreError where there is no such job."""

    async def undelivered(self) -> Sequence[OutboxRow]:
        """Rows whose last text people may not have seen, or whose former message may still be there.

        The longest waiting first.
        """

    async def interactive_in(self, room: Room) -> Sequence[OutboxRow]:
        """Rows of a room's jobs that are over whose messages carry buttons, the longest unchanged first."""


class ScopedSettings(Protocol):
    """Room settings as they were set at each scope (see `Room.scopes`)."""

    async def get(self, platform: str, scopes: Sequence[str]) -> Sequence[Mapping[str, object]]:
        """What is set at each scope, in their order; empty where nothing is. Tuples come back as lists."""

    async def save(self, platform: str, scope: str, values: Mapping[str, object]) -> None:
        """Replace what is set at a scope."""


@dataclass(frozen=True, slots=True)
class ForgetResult:
    """What forgetting a person did: how many passages lost their words, and which read again as before."""

    passages: int
    restored: tuple[Passage, ...] = ()


class Authors(Protocol):
    """What is kept of people in all stories."""

    async def forget(self, author: Author) -> ForgetResult:
        """Take an author's words and name out of every story, and out of what the replies are to show.

        The passages keep their places, as deleted ones do. What the author changed of the model's passages
        reads again as the model wrote it, and the replies that show it are to be sent again. A title that was
        taken from a text of theirs goes with it.
        """


class Heartbeats(Protocol):
    """Until when the bot is known to have listened, so that it can catch up with what it missed.

    A `place` is what an adapter listens to as a whole: Slack's workspace, all of Discord.
    """

    async def listened_until(self, platform: str) -> Mapping[str, datetime]:
        """The moment for each place (UTC, by this machine's clock); nothing of one that is new."""

    async def record(self, platform: str, places: Collection[str]) -> None:
        """Keep that these places are being listened to at this moment."""


class Repositories(Protocol):
    """What the core keeps. Any method raises StoreError where it cannot be kept."""

    @property
    def stories(self) -> Stories:
        """The stories of all rooms."""

    @property
    def history(self) -> History:
        """Where they end."""

    @property
    def passages(self) -> Passages:
        """What they are made of."""

    @property
    def messages(self) -> Messages:
        """What people wrote."""

    @property
    def jobs(self) -> Jobs:
        """What the model is to write."""

    @property
    def outbox(self) -> OutboxRows:
        """What it wrote, as people are shown it."""

    @property
    def settings(self) -> ScopedSettings:
        """What people set."""

    @property
    def authors(self) -> Authors:
        """What is kept of people."""
