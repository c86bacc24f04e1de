"""The seams between the rules and what does the work: store, engine, platforms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.chat import Author, Message, Room
from bot.domain.inference import ContextWindow, Delta, GenerationRequest, Health, Score, TokenCount
from bot.domain.jobs import GenerationOptions, Job, JobState
from bot.domain.replies import Reply
from bot.domain.story import Act, Notes, Passage, Story


class Translate(Protocol):
    """Looks up the sentence `key` in a language and fills in `values`."""

    def __call__(self, key: str, locale: str, **values: object) -> str:
        """The sentence, in `locale` where it is there, else in English."""
        ...


class Engine(Protocol):
    """A worker, wherever it runs. Every method raises `EngineError` for what goes wrong there."""

    def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        """Stream a continuation; closing the iterator frees the worker's slot.

        Raises:
            EngineLoading, EngineFailed, EngineBusy, EngineUnavailable, RequestRejected, NotFinite
        """
        ...

    async def health(self) -> Health:
        """The worker's state. Raises EngineUnavailable where nothing answers."""
        ...

    async def count_tokens(self, text: str) -> TokenCount:
        """How the model reads `text`."""
        ...

    async def context_window(self, request: GenerationRequest) -> ContextWindow:
        """What the model would see of a request, exactly."""
        ...


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """What the store made of a message: the passage (if it had text) and the job (if one was asked for)."""

    story_id: str
    passage: Passage | None
    job: Job | None
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One platform message of a job's reply: part `part` of it, at `message_id` once it was posted.

    `draft` is what it must show in the end; `delivered` whether it does. `moved`: the job's `moved` when the
    message was posted. `former_id`: the message in its stead above, which is still to be removed.
    """

    job_id: str
    part: int
    room: Room
    message_id: str | None
    reply: Reply
    delivered: bool
    moved: int = 0
    former_id: str | None = None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What forgetting a person did: how many passages lost their words, and which read again as before."""

    passages: int
    restored: tuple[Passage, ...] = ()


class Store(Protocol):
    """Everything that outlives a restart. Each method is one transaction, kept when it returns.

    A story is a tree of passages; its head is its last one. Moving the head loses nothing: each passage
    remembers which of its children the story went on with last, so that `redo` finds the way back.
    Methods that name a head they expect raise StoryMoved where the story ends elsewhere by now, and those
    that move the head raise StoryBusy while a job of the story waits or runs. What somebody (`by`) does to a
    story that everybody sees is kept as an act, in the same transaction.
    """

    # Hearing and writing

    async def receive_message(
        self,
        message: Message,
        ask: GenerationOptions | None,
        job_id: str,
        seed: int,
        *,
        parentheses_aside: bool = False,
        earlier: Sequence[Message] = (),
    ) -> ReceivedMessage:
        """Append the message's passage to its room's open story and make a job, once per event id.

        Before it come the passages of `earlier` messages that were not heard yet. A room without an open
        story begins one, which keeps `parentheses_aside` as its rule. With `message.after`: where the story
        has a job that waits or runs, that one is returned as repeated.

        Raises:
            StoryMoved: `message.after` or `ask.instead_of` is no longer the story's last passage.
            PassageGone: `ask.instead_of` is not a passage of this story.
        """
        ...

    async def received(self, platform: str, event_id: str) -> ReceivedMessage | None:
        """What became of an event, None where it was never heard."""
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
        """Let a message, not the event, show a passage; None where the event shows none that is there."""
        ...

    async def append_model(self, job_id: str, texts: Sequence[str]) -> Sequence[Passage]:
        """Keep a job's candidates, in their order, and mark the job done, at once.

        Their ids are `candidate_id(job_id, number)`. They stand where the job began, or, where its ask has
        `instead_of`, beside that passage. The story goes on with the first, and behind it with what people
        wrote meanwhile; unless another reply stands behind `instead_of` by now: then all are alternatives.
        """
        ...

    # Stories

    async def story(self, room: Room) -> Story | None:
        """The story that is open in a room, with its passages from first to last."""
        ...

    async def story_by_id(self, story_id: str) -> Story:
        """The story with this id. Raises NoSuchStory."""
        ...

    async def stories(
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

    async def open_story(
        self, room: Room, title: str = "", *, parentheses_aside: bool = False, by: Author | None = None
    ) -> Story:
        """Begin a new story in a room; the one that was open there is closed. Raises StoryBusy."""
        ...

    async def close_story(self, story_id: str, *, by: Author | None = None) -> Story:
        """Close a story: its room has none until one is begun or opened again. Raises StoryBusy."""
        ...

    async def reopen_story(self, story_id: str, room: Room, *, by: Author | None = None) -> Story:
        """Go on with a story of this platform in a room, whose open one is closed.

        Raises:
            NoSuchStory, StoryBusy
        """
        ...

    async def move_story(self, room: Room, to: Room) -> bool:
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

    # The tree

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

    async def last_act(self, room: Room) -> Act | None:
        """What was done last to a room's story that everybody sees; taken back or not."""
        ...

    async def take_back(self, act_id: str, by: Author) -> Act:
        """Lead a story back to where an act led it from.

        Raises:
            NothingToTakeBack, ActOvertaken, StoryBusy, NotYours
        """
        ...

    async def edit(self, passage_id: str, text: str) -> Passage:
        """Give a passage another text, in its place; the former one is kept. Raises PassageGone."""
        ...

    async def delete(self, passage_id: str, *, by: Author | None = None) -> Passage:
        """Take a passage out of the story; what came after stays. Raises PassageGone."""
        ...

    async def passage(self, passage_id: str) -> Passage | None:
        """A passage by id."""
        ...

    async def passage_of_message(self, platform: str, message_id: str) -> Passage | None:
        """The passage that a message shows: a person's by its event id, the model's by its reply."""
        ...

    async def alternatives(self, passage_id: str) -> Sequence[Passage]:
        """The passages with the same parent, itself among them, in order of making; no deleted ones."""
        ...

    async def tree(self, story_id: str) -> Sequence[Passage]:
        """All passages of a story in the order they were made; one written meanwhile is before its parent."""
        ...

    async def save_scores(self, passage_id: str, scores: Sequence[Score]) -> None:
        """Keep the probabilities of a passage's tokens."""
        ...

    async def scores(self, passage_id: str) -> Sequence[Score]:
        """What was kept; empty where nothing was."""
        ...

    # Rules and people

    async def rules(self, platform: str, scopes: Sequence[str]) -> Sequence[Mapping[str, object]]:
        """What is set at each scope, in their order; empty where nothing is."""
        ...

    async def save_rules(self, platform: str, scope: str, values: Mapping[str, object]) -> None:
        """Replace what is set at a scope."""
        ...

    async def asked_since(
        self, platform: str, since: datetime, *, author: Author | None = None, scope: str | None = None
    ) -> int:
        """How many jobs were made since then, of an author, or where rules of a scope hold."""
        ...

    async def forget(self, author: Author) -> Forgotten:
        """Take an author's words and name out of every story, and out of what the replies are to show."""
        ...

    # Jobs

    async def job(self, job_id: str) -> Job | None:
        """A job by id."""
        ...

    async def job_of_message(self, platform: str, message_id: str) -> Job | None:
        """The job whose reply a message is."""
        ...

    async def unfinished_jobs(self) -> Sequence[Job]:
        """Jobs that wait or ran when the process ended: those that were begun first, then the oldest."""
        ...

    async def claim(self, job_id: str) -> Job | None:
        """Mark a waiting job running and count the attempt; None if it is no longer waiting.

        The first time its reply gets its place: behind the story's end as it is now. Raises StoryBusy where
        another reply of the story was begun and is not over.
        """
        ...

    async def story_before(self, job_id: str) -> Story:
        """The story as far as the place of a job's reply, which is what it goes on from. Raises NoOpenJob."""
        ...

    async def release(self, job_id: str, *, begun: bool = True) -> None:
        """Put a running job back to waiting (the worker died, the process ends).

        `begun` False: the worker would not take it, and the attempt does not count. A reply that never began
        gives its place back.
        """
        ...

    async def finish(self, job_id: str, state: JobState, reason: str = "") -> None:
        """Set a final state other than done."""
        ...

    async def outbox(self, job_id: str) -> Sequence[OutboxRow]:
        """A job's reply as last written, by part."""
        ...

    async def save_outbox(self, row: OutboxRow) -> None:
        """Insert or replace the row of (job_id, part)."""
        ...

    async def undelivered(self) -> Sequence[OutboxRow]:
        """Rows whose last draft people may not have seen, or whose former message may still be there."""
        ...

    async def interactive_replies(self, room: Room) -> Sequence[OutboxRow]:
        """Rows of a room's jobs that are over whose messages still carry buttons."""
        ...


class Heartbeats(Protocol):
    """Until when the bot is known to have listened, so that it can catch up with what it missed.

    A `place` is what an adapter listens to as a whole: Slack's workspace, all of Discord.
    """

    async def listened_until(self, platform: str) -> Mapping[str, datetime]:
        """The moment for each place (UTC, by this machine's clock); nothing of one that is new."""
        ...

    async def record(self, platform: str, places: Collection[str]) -> None:
        """Keep that these places are being listened to at this moment."""
        ...


class ReplyOutbox(Protocol):
    """The model's replies in the rooms, as the rules of play show them (`bot.core.outbox.Outbox`)."""

    def show(self, job: Job, draft: Reply) -> None:
        """Let people see `draft` soon. Never blocks; a draft not yet sent is replaced."""
        ...

    async def remove_buttons(self, room: Room, but: str | None = None) -> None:
        """Take the buttons from every reply of a room that is over, but that of one job."""
        ...


class JobRunner(Protocol):
    """Who writes what was asked for, as the rules of play use it (`bot.core.dispatcher.Dispatcher`)."""

    async def stopped(self, job: Job) -> None:
        """End a job that was taken out of the queue while it waited; what people saw of it is kept."""
        ...

    async def discard(self, job: Job) -> None:
        """Write a job no further, and keep nothing of it: people deleted its reply."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What a platform takes: message size in `measure`d units, and how often one room may be changed."""

    max_units: int
    changes_per_period: int
    period_s: float


class Platform(Protocol):
    """A connected platform, as the outbox uses it."""

    name: str
    limits: Limits

    def measure(self, text: str) -> int:
        """How many of the platform's units `text` takes once escaped."""
        ...

    async def post(self, room: Room, draft: Reply, key: str) -> str:
        """Post a message and return its id. `key` is the same when the same post is tried again.

        Raises:
            RetryLater, Undeliverable
            ToldElsewhere: the room's story was moved to another room; it is to be posted there.
        """
        ...

    async def edit(self, room: Room, message_id: str, draft: Reply) -> None:
        """Make an earlier message show `draft`. Raises RetryLater or Undeliverable."""
        ...

    async def remove(self, room: Room, message_id: str) -> None:
        """Take away a message of ours; one that is gone is no error. Raises RetryLater or Undeliverable."""
        ...

    async def seconds_until_due(self, room: Room, message_id: str, draft: Reply) -> float:
        """For how many seconds yet a message that is not finished should leave the others their turn.

        `draft` (it waits, or grows) is what it would show; it is read again after, and this asked again.
        0: it may be shown now. Raises Undeliverable.
        """
        ...
