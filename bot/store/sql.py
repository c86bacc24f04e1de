"""The store: each method is one transaction, whole whatever happens to its caller."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.domain.chat import Author, Message, Room
from bot.domain.errors import ConfigurationError, NotesChanged
from bot.domain.inference import Score
from bot.domain.jobs import GenerationOptions, Job, JobState
from bot.domain.ports import Forgotten, OutboxRow, ReceivedMessage
from bot.domain.story import Act, ActKind, Notes, Passage, Story
from bot.store import secret
from bot.store.database import Database
from bot.store.repositories import acts, heartbeats, jobs, outbox, passages, people, stories
from bot.store.repositories import edits as changes
from bot.store.repositories import messages as hearing
from bot.store.repositories import relocation as relocating
from bot.store.repositories import reply_places as places
from bot.store.repositories import settings as rules
from bot.store.repositories import story_head as moves
from bot.store.rows import notes_columns, story_of
from bot.story.joining import writable

LISTED = 200
"""How many stories people are shown."""

Clock = Callable[[], datetime]
_Step = Callable[[AsyncConnection, RowMapping], Awaitable[str | None]]
_Opening = Callable[[AsyncConnection], Awaitable[Story]]


def utc_now() -> datetime:
    """The time of day, in UTC."""
    return datetime.now(UTC)


class SqlStore:
    """`bot.domain.ports.Store` on SQLite or PostgreSQL.

    Every method raises StoreError where the database cannot be used, and NoSuchStory for an unknown story.
    """

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    @property
    def engine(self) -> AsyncEngine:
        """The database, for what a platform's library keeps in it."""
        return self._database.engine

    async def close(self) -> None:
        """Let running transactions end and close the database."""
        await self._database.close()

    async def cookie_secret(self) -> str:
        """What signs the cookies of the web's visitors: drawn once for this store, then the same.

        Raises:
            ConfigurationError: it cannot be kept; says where, and what to do.
        """
        if self._database.dialect == "postgresql":
            return await self._database.write(secret.in_database)
        file = self._database.file
        if file is None:
            return secret.drawn()
        try:
            return await asyncio.to_thread(secret.beside, file)
        except OSError as error:
            raise ConfigurationError(
                f"The secret of the web room cannot be kept at {file}{secret.SUFFIX}: {error.strerror}. "
                "Make it writable, or set TSUZUKI_WEB__SECRET."
            ) from error

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

        Before it come the passages of `earlier` messages that were not heard yet. Where only deleted passages
        follow it, the last one that is left counts as the story's last, too.

        Raises:
            StoryMoved: `message.after` or `ask.instead_of` is no longer the story's last passage.
            PassageGone: `ask.instead_of` is not a passage of this story.
        """

        async def work(connection: AsyncConnection) -> ReceivedMessage:
            known = await hearing.known(connection, message.room.platform, message.event_id)
            if known is not None:
                return known
            begun = stories.Beginning(message.room, message.title, parentheses_aside)
            for line in earlier:
                if await hearing.known(connection, line.room.platform, line.event_id) is None:
                    await hearing.hear(connection, line, None, "", 0, begun, self._clock())
            return await hearing.hear(connection, message, ask, job_id, seed, begun, self._clock())

        return await self._database.write(work)

    async def received(self, platform: str, event_id: str) -> ReceivedMessage | None:
        """What became of an event, None where it was never heard."""
        return await self._database.read(lambda connection: hearing.known(connection, platform, event_id))

    async def show_by(
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
        return await self._database.write(
            lambda connection: relocating.show_by(
                connection, platform, event_id, message_id, name, text, self._clock()
            )
        )

    async def append_model(self, job_id: str, texts: Sequence[str]) -> Sequence[Passage]:
        """Keep a job's candidates, in their order, and mark the job done, at once.

        They stand where the job began, before what people wrote meanwhile. Doing it again changes nothing
        and returns the same passages.

        Raises:
            ValueError: no texts.
            NoOpenJob: no such job, or it failed or was cancelled.
        """
        if not texts:
            raise ValueError("a job cannot be done without a text")
        return await self._database.write(
            lambda connection: hearing.append_model(connection, job_id, texts, self._clock())
        )

    # Stories

    async def story(self, room: Room) -> Story | None:
        """The story that is open in a room, with its passages from first to last."""
        return await self._database.read(lambda connection: stories.find(connection, room))

    async def story_by_id(self, story_id: str) -> Story:
        """The story with this id. Raises NoSuchStory."""
        return await self._database.read(lambda connection: stories.read(connection, story_id))

    async def stories(
        self,
        platform: str,
        *,
        within: str | None = None,
        room: Room | None = None,
        author: Author | None = None,
        limit: int | None = LISTED,
    ) -> Sequence[Story]:
        """Stories of a platform, latest first (`limit` of them), without their passages; closed ones too.

        Only those within a place (`guild/1`), of one room, or that an author wrote in, where one is named.
        """
        return await self._database.read(
            lambda connection: stories.listed(connection, platform, within, room, author, limit)
        )

    async def open_rooms(self, platform: str) -> Sequence[Room]:
        """The rooms in which a story is open, the one that was told on last first."""
        return await self._database.read(lambda connection: stories.open_rooms(connection, platform))

    async def open_story(
        self, room: Room, title: str = "", *, parentheses_aside: bool = False, by: Author | None = None
    ) -> Story:
        """Begin a new story in a room; the one that was open there is closed. Raises StoryBusy."""
        begun = stories.Beginning(room, title, parentheses_aside)
        return await self._open(room, ActKind.BEGIN, by, lambda c: stories.open_new(c, begun, self._clock()))

    async def close_story(self, story_id: str, *, by: Author | None = None) -> Story:
        """Close a story: its room has none until one is begun or opened again. Raises StoryBusy."""

        async def work(connection: AsyncConnection) -> Story:
            before = await stories.read(connection, story_id)
            closed = await stories.close(connection, story_id, self._clock())
            if by is not None and not before.closed:
                await acts.add(connection, acts.opened(ActKind.CLOSE, by, before, None), self._clock())
            return closed

        return await self._database.write(work)

    async def reopen_story(self, story_id: str, room: Room, *, by: Author | None = None) -> Story:
        """Go on with a story of this platform in a room, whose open one is closed.

        Raises:
            NoSuchStory, StoryBusy
        """
        return await self._open(
            room, ActKind.REOPEN, by, lambda c: stories.reopen(c, story_id, room, self._clock())
        )

    async def _open(self, room: Room, kind: ActKind, by: Author | None, step: _Opening) -> Story:
        """Let another story be open in a room, and keep who did it."""

        async def work(connection: AsyncConnection) -> Story:
            before = await stories.find(connection, room)
            after = await step(connection)
            if by is not None:
                await acts.add(connection, acts.opened(kind, by, before, after), self._clock())
            return after

        return await self._database.write(work)

    async def move_story(self, room: Room, to: Room) -> bool:
        """Tell a room's open story in another room, with its jobs and what they show; False: there is none.

        The other room's story is closed. Raises StoryBusy where that is being written.
        """
        return await self._database.write(
            lambda connection: relocating.move(connection, room, to, self._clock())
        )

    async def rename(self, story_id: str, title: str) -> Story:
        """Give a story another title."""
        return await self._change_story(story_id, {"title": writable(title)})

    async def save_notes(self, story_id: str, notes: Notes, before: Notes) -> Story:
        """Change a story's notes; what is in `notes` as it was `before` stays as it is by now.

        Raises:
            NotesChanged: something that is to be changed reads otherwise by now than it did `before`.
        """
        old = notes_columns(before)
        changed = {name: value for name, value in notes_columns(notes).items() if value != old[name]}

        async def work(connection: AsyncConnection) -> Story:
            kept = story_of(await stories.locked(connection, story_id)).notes
            now = notes_columns(kept)
            if any(now[name] not in (old[name], value) for name, value in changed.items()):
                raise NotesChanged(kept)
            await stories.change(connection, story_id, {**changed, "changed_at": self._clock()})
            return await stories.read(connection, story_id)

        return await self._database.write(work)

    async def _change_story(self, story_id: str, values: Mapping[str, object]) -> Story:
        async def work(connection: AsyncConnection) -> Story:
            await stories.locked(connection, story_id)
            await stories.change(connection, story_id, {**values, "changed_at": self._clock()})
            return await stories.read(connection, story_id)

        return await self._database.write(work)

    # The tree

    async def undo(self, story_id: str, expected: str | None = None, *, by: Author | None = None) -> Story:
        """Move the head to its parent, over deleted ones. Raises NothingToUndo, StoryMoved, StoryBusy."""
        return await self._move_end(
            story_id, ActKind.UNDO, by, lambda c, story: moves.undo(c, story, expected, self._clock())
        )

    async def redo(self, story_id: str, expected: str | None = None, *, by: Author | None = None) -> Story:
        """Move the head to the child it came from. Raises NothingToRedo, StoryMoved, StoryBusy.

        `expected`: the head, or the story's id where it ends before its first passage.
        """
        return await self._move_end(
            story_id, ActKind.REDO, by, lambda c, story: moves.redo(c, story, expected, self._clock())
        )

    async def go_to(self, story_id: str, passage_id: str, *, by: Author | None = None) -> Story:
        """Make a passage of the story its last one. Raises PassageGone, StoryBusy."""
        return await self._move_end(
            story_id, ActKind.BRANCH, by, lambda c, story: moves.go_to(c, story, passage_id, self._clock())
        )

    async def choose(self, story_id: str, passage_id: str, *, by: Author | None = None) -> Story:
        """End the story with an alternative of its last passage, and with what hangs on that.

        Raises:
            PassageGone, StoryMoved, StoryBusy
        """
        return await self._move_end(
            story_id, ActKind.CHOOSE, by, lambda c, story: moves.choose(c, story, passage_id, self._clock())
        )

    async def _move_end(self, story_id: str, kind: ActKind, by: Author | None, step: _Step) -> Story:
        """Move a story's end in one step, and keep who did it."""

        async def work(connection: AsyncConnection) -> Story:
            row = await stories.locked_at_rest(connection, story_id)
            before = await stories.read(connection, story_id)
            former = await step(connection, row)
            after = await stories.read(connection, story_id)
            if by is not None:
                act = acts.moved(kind, by, before, after, former)
                await acts.add(connection, act, self._clock())
            return after

        return await self._database.write(work)

    async def last_act(self, room: Room) -> Act | None:
        """What was done last to a room's story that everybody sees; taken back or not."""
        return await self._database.read(lambda connection: acts.latest(connection, room))

    async def take_back(self, act_id: str, by: Author) -> Act:
        """Lead a story back to where an act led it from.

        Raises:
            NothingToTakeBack, ActOvertaken, StoryBusy, NotYours
        """
        return await self._database.write(
            lambda connection: acts.take_back(connection, act_id, by, self._clock())
        )

    async def edit(self, passage_id: str, text: str) -> Passage:
        """Give a passage another text, in its place; the former one is kept. Raises PassageGone."""
        return await self._database.write(
            lambda connection: changes.edit(connection, passage_id, text, self._clock())
        )

    async def delete(self, passage_id: str, *, by: Author | None = None) -> Passage:
        """Take a passage out of the story; what came after stays. Raises PassageGone."""

        async def work(connection: AsyncConnection) -> Passage:
            passage = await changes.take_out(connection, passage_id, self._clock())
            if by is not None:
                story = await stories.read(connection, passage.story_id)
                await acts.add(connection, acts.deleted(by, passage, story), self._clock())
            return passage

        return await self._database.write(work)

    async def passage(self, passage_id: str) -> Passage | None:
        """A passage by id; a deleted one too."""
        return await self._database.read(lambda connection: passages.by_id(connection, passage_id))

    async def passage_of_message(self, platform: str, message_id: str) -> Passage | None:
        """The passage that a message shows: a person's by its event id, the model's by its reply."""
        return await self._database.read(
            lambda connection: passages.shown_by(connection, platform, message_id)
        )

    async def alternatives(self, passage_id: str) -> Sequence[Passage]:
        """The passages with the same parent, itself among them, in order of making; no deleted ones."""
        return await self._database.read(lambda connection: passages.beside(connection, passage_id))

    async def tree(self, story_id: str) -> Sequence[Passage]:
        """All passages of a story in the order they were made, deleted ones too."""
        return await self._database.read(lambda connection: passages.of_story(connection, story_id))

    async def save_scores(self, passage_id: str, scores: Sequence[Score]) -> None:
        """Keep the probabilities of a passage's tokens, in place of earlier ones."""
        await self._database.write(lambda connection: passages.save_scores(connection, passage_id, scores))

    async def scores(self, passage_id: str) -> Sequence[Score]:
        """What was kept; empty where nothing was, or where the passage was changed since."""
        return await self._database.read(lambda connection: passages.scores_of(connection, passage_id))

    # Rules and people

    async def rules(self, platform: str, scopes: Sequence[str]) -> Sequence[Mapping[str, object]]:
        """What is set at each scope, in their order; empty where nothing is. Tuples come back as lists."""
        return await self._database.read(lambda connection: rules.read(connection, platform, scopes))

    async def save_rules(self, platform: str, scope: str, values: Mapping[str, object]) -> None:
        """Replace what is set at a scope by `values`, which JSON can hold."""
        await self._database.write(
            lambda connection: rules.save(connection, platform, scope, values, self._clock())
        )

    async def asked_since(
        self, platform: str, since: datetime, *, author: Author | None = None, scope: str | None = None
    ) -> int:
        """How many jobs were made since then, of an author, or where rules of a scope hold."""
        return await self._database.read(
            lambda connection: jobs.count_since(connection, platform, since, author, scope)
        )

    async def listened_until(self, platform: str) -> Mapping[str, datetime]:
        """Until when each place of a platform was listened to; nothing of one that never was."""
        return await self._database.read(lambda connection: heartbeats.read(connection, platform))

    async def record(self, platform: str, places: Collection[str]) -> None:
        """Keep that these places are being listened to at this moment."""
        await self._database.write(
            lambda connection: heartbeats.beat(connection, platform, places, self._clock())
        )

    async def forget(self, author: Author) -> Forgotten:
        """Take an author's words and name out of every story, and out of what the replies are to show."""
        return await self._database.write(lambda connection: people.forget(connection, author, self._clock()))

    # Jobs

    async def job(self, job_id: str) -> Job | None:
        """A job by id."""
        return await self._database.read(lambda connection: jobs.by_id(connection, job_id))

    async def job_of_message(self, platform: str, message_id: str) -> Job | None:
        """The job whose reply a message is."""
        return await self._database.read(lambda connection: jobs.shown_by(connection, platform, message_id))

    async def unfinished_jobs(self) -> Sequence[Job]:
        """Jobs that wait or ran when the process ended: those that were begun first, then the oldest."""
        return await self._database.read(jobs.unfinished)

    async def claim(self, job_id: str) -> Job | None:
        """Mark a waiting job running and count the attempt; None if it is no longer waiting.

        The first time its reply gets its place: behind the story's end as it is now. Raises StoryBusy where
        another reply of the story was begun and is not over.
        """
        return await self._database.write(lambda connection: places.claim(connection, job_id, self._clock()))

    async def story_before(self, job_id: str) -> Story:
        """The story as far as the place of a job's reply, which is what it goes on from. Raises NoOpenJob."""
        return await self._database.read(lambda connection: places.story_before(connection, job_id))

    async def release(self, job_id: str, *, begun: bool = True) -> None:
        """Put a running job back to waiting (the worker died, the process ends).

        `begun` False: the worker would not take it, and the attempt does not count. A reply that never began
        gives its place back.
        """
        await self._database.write(
            lambda connection: jobs.release(connection, job_id, self._clock(), begun=begun)
        )

    async def finish(self, job_id: str, state: JobState, reason: str = "") -> None:
        """Set a final state other than done. A job that is over already stays as it is.

        Raises:
            ValueError: the state is not final, or is done.
        """
        if not state.final or state is JobState.DONE:
            raise ValueError(f"a job cannot be finished as {state}")
        await self._move(job_id, jobs.UNFINISHED, state, reason)

    async def _move(
        self, job_id: str, origins: tuple[JobState, ...], state: JobState, reason: str | None
    ) -> None:
        await self._database.write(
            lambda connection: jobs.move(connection, job_id, origins, state, self._clock(), reason)
        )

    # Outbox

    async def outbox(self, job_id: str) -> Sequence[OutboxRow]:
        """A job's reply as last written, by part."""
        return await self._database.read(lambda connection: outbox.of_job(connection, job_id))

    async def save_outbox(self, row: OutboxRow) -> None:
        """Insert or replace the row of (job_id, part). Raises StoreError where there is no such job."""
        await self._database.write(lambda connection: outbox.save(connection, row, self._clock()))

    async def undelivered(self) -> Sequence[OutboxRow]:
        """Rows whose last draft people may not have seen, or whose former message may still be there.

        The longest waiting first.
        """
        return await self._database.read(outbox.undelivered)

    async def interactive_replies(self, room: Room) -> Sequence[OutboxRow]:
        """Rows of a room's jobs that are over whose messages still carry buttons."""
        return await self._database.read(lambda connection: outbox.live(connection, room))
