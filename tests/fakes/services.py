"""Services for the adapters' tests: it records what it heard, and the test answers through the platform."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from bot.domain.chat import MODEL, Author, Message, Room
from bot.domain.errors import EmptyPrompt, RoomMoved
from bot.domain.inference import TokenCount
from bot.domain.jobs import GenerationOptions, JobReceipt
from bot.domain.ports import Platform
from bot.domain.replies import Reply, ReplyState
from bot.domain.room_settings import RoomSettings
from bot.domain.story import Act, Passage, ReplyInProgress, Story
from bot.text.out_of_character import is_out_of_character


@dataclass(frozen=True, slots=True)
class HeardMessage:
    """One call of `receive_message` that was accepted, in the order of arrival."""

    message: Message
    ask: GenerationOptions | None
    ticket: JobReceipt | None


@dataclass(slots=True)
class FakeServices:
    """Keeps stories in memory and answers nothing by itself.

    `refuse(error)` makes the next `receive_message` raise it; `place`, `unknown`, `read_as`, `unwritable` and
    `languages_needed` are what receipts say; a repeated event id changes nothing and its receipt says so, as
    in the real services.
    """

    place: int = 0
    unknown: tuple[str, ...] = ()
    read_as: str = ""
    unwritable: tuple[str, ...] = ()
    languages_needed: tuple[str, ...] = ()
    heard: list[HeardMessage] = field(default_factory=list)
    cancelled: list[Room] = field(default_factory=list)
    _stories: dict[Room, Story] = field(default_factory=dict)
    _tickets: dict[tuple[str, str], JobReceipt | None] = field(default_factory=dict)
    _refusals: list[Exception] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    max_characters = 4000
    max_file_characters = 40_000

    @property
    def generation(self) -> FakeServices:
        """Every service is this one."""
        return self

    editing = stories = passages = prompts = settings = limits = generation

    def refuse(self, error: Exception) -> None:
        """The next `receive_message` raises `error` and keeps nothing."""
        self._refusals.append(error)

    def tell(self, room: Room, text: str, author: Author = MODEL) -> Story:
        """Add a passage to the story of `room`, which begins if it was not there."""
        story = self._stories.get(room) or Story(f"story-{len(self._stories) + 1}", room, text[:30])
        parent = story.passages[-1].id if story.passages else None
        passage = Passage(f"{story.id}.{len(story.passages) + 1}", story.id, parent, author, text)
        self._stories[room] = replace(story, passages=(*story.passages, passage))
        return self._stories[room]

    def begin(self, room: Room, job: str) -> None:
        """A reply is begun behind the last passage of the story of `room`."""
        story = self._stories[room]
        self._stories[room] = replace(story, reply_in_progress=ReplyInProgress(job, story.passages[-1].id))

    async def validate(self, message: Message) -> None:
        """Nobody is refused here; `refuse` is for what is heard."""

    async def is_out_of_character(self, message: Message) -> bool:
        """As in a story with the usual rule."""
        return is_out_of_character(message.text, parentheses=False)

    async def count_tokens(self, message: Message) -> TokenCount:
        """A token a character; what cannot be read is what tickets say, too."""
        return TokenCount(
            len(message.text), self.unknown, self.read_as, self.unwritable, self.languages_needed
        )

    async def receive_message(
        self, message: Message, ask: GenerationOptions | None, earlier: Sequence[Message] = ()
    ) -> JobReceipt | None:
        """Record the message; see the class for refusals and repeated events."""
        event = (message.room.platform, message.event_id)
        if event in self._tickets:
            return _again(self._tickets[event])
        if self._refusals:
            raise self._refusals.pop(0)
        if not message.whole.strip() and message.room not in self._stories and not earlier:
            raise EmptyPrompt
        for line in earlier:
            self._tickets[line.room.platform, line.event_id] = None
            self.tell(line.room, line.text, line.author)
        if message.whole.strip():
            self.tell(message.room, message.whole, message.author)
        story = self._stories[message.room]
        job_id = f"job-{len(self.heard) + 1}"
        said = (self.unknown, self.read_as, self.unwritable, self.languages_needed)
        ticket = JobReceipt(job_id, story.id, self.place, False, *said) if ask else None
        self._tickets[event] = ticket
        self.heard.append(HeardMessage(message, ask, ticket))
        self._changed.set()
        return ticket

    async def move(self, room: Room, to: Room) -> bool:
        """The story is told elsewhere; what was told there is not, any more."""
        story = self._stories.pop(room, None)
        if story is not None:
            self._stories[to] = replace(story, room=to)
        return story is not None

    async def open_in(self, room: Room) -> Story | None:
        """The story told in a room, if there is one."""
        return self._stories.get(room)

    async def get(self, story_id: str) -> Story:
        """By id."""
        return next(story for story in self._stories.values() if story.id == story_id)

    async def of_story(self, story_id: str) -> Sequence[Passage]:
        """All passages of a story."""
        return next((one.passages for one in self._stories.values() if one.id == story_id), ())

    async def last_act(self, room: Room) -> Act | None:
        """Nothing was done."""

    async def resolve(self, room: Room) -> RoomSettings:
        """What holds unless somebody sets something else."""
        return RoomSettings()

    async def find(self, platform: str) -> Sequence[Story]:
        """The stories of a platform, latest first, without passages."""
        told = [story for room, story in self._stories.items() if room.platform == platform]
        return [Story(story.id, story.room, story.title) for story in reversed(told)]

    async def cancel(self, room: Room, by: Author) -> bool:
        """Record it; True where the room has a story."""
        self.cancelled.append(room)
        return room in self._stories

    async def until_heard(self, count: int = 1, timeout_s: float = 30.0) -> HeardMessage:
        """Wait until `count` messages were heard in all; returns the last of them."""
        return await self._until(lambda: len(self.heard) >= count, count, timeout_s)

    async def _until(self, reached: Callable[[], bool], count: int, timeout_s: float) -> HeardMessage:
        async with asyncio.timeout(timeout_s):
            while not reached():
                self._changed.clear()
                await self._changed.wait()
        return self.heard[count - 1]


def _again(ticket: JobReceipt | None) -> JobReceipt | None:
    return ticket and JobReceipt(ticket.job_id, ticket.story_id, ticket.place, repeated=True)


class FakeReply:
    """One reply as the outbox would show it: the first draft is posted, the later ones edit that post.

    It goes along where its story is told in another `room`.
    """

    def __init__(self, platform: Platform, room: Room, key: str) -> None:
        self._platform = platform
        self.room = room
        self._key = key
        self.message_id: str | None = None
        self.rested_s: list[float] = []
        """For how long each growing text should have rested before it was shown."""

    async def show(self, draft: Reply) -> str:
        """Post or edit; returns the message's id."""
        if self.message_id is None:
            self.message_id = await self._post(draft)
        else:
            if draft.state is ReplyState.WRITING:
                self.rested_s.append(
                    await self._platform.seconds_until_due(self.room, self.message_id, draft)
                )
            await self._platform.edit(self.room, self.message_id, draft)
        return self.message_id

    async def _post(self, draft: Reply) -> str:
        try:
            return await self._platform.post(self.room, draft, self._key)
        except RoomMoved as moved:
            self.room = moved.room
            return await self._post(draft)

    async def stream(self, *texts: str) -> str:
        """Show each text as WRITING and the last as DONE."""
        for text in texts:
            await self.show(Reply(ReplyState.WRITING, text))
        return await self.show(Reply(ReplyState.DONE, texts[-1]))
