"""A house in which everything is real but the model and the platform: stories are told, and watched."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

from bot.core.dispatcher import Dispatcher
from bot.core.outbox import Outbox
from bot.core.queue import JobQueue
from bot.core.services import build_services
from bot.domain.chat import Author, Message, Room
from bot.domain.errors import Undeliverable
from bot.domain.jobs import GenerationOptions, JobReceipt
from bot.domain.ports import Limits
from bot.domain.replies import Reply, ReplyState
from bot.domain.story import Story
from bot.store import Store
from tests.bot.core.services.stage import say
from tests.fakes.house import Storyteller
from tests.fakes.platform import FakePlatform

HALL = Room("fake", "hall")
AYA = Author("fake", "aya", "綾", "ja")
BO = Author("fake", "bo", "Bo", "en")
ENOUGH = Limits(max_units=2000, changes_per_period=10_000, period_s=1.0)


class WatchedPlatform(FakePlatform):
    """A platform whose messages a test can wait for."""

    def __init__(self) -> None:
        super().__init__(limits=ENOUGH)
        self.gone: set[str] = set()
        self._changed = asyncio.Condition()

    async def post(self, room: Room, draft: Reply, key: str) -> str:
        """Show a new message."""
        message_id = await super().post(room, draft, key)
        await self._tell()
        return message_id

    async def edit(self, room: Room, message_id: str, draft: Reply) -> None:
        """Change a message. Raises Undeliverable for those that are `gone`."""
        if message_id in self.gone:
            raise Undeliverable("deleted")
        await super().edit(room, message_id, draft)
        await self._tell()

    async def remove(self, room: Room, message_id: str) -> None:
        """Take a message away."""
        await super().remove(room, message_id)
        await self._tell()

    async def until(self, reached: Callable[[], bool]) -> None:
        """Return once the messages are so."""
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(reached)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


class Told:
    """The house, and what people do in it."""

    def __init__(self, store: Store) -> None:
        self.store, self.platform, self.engine = store, WatchedPlatform(), Storyteller()
        self.queue, self._events = JobQueue(), count()
        self.outbox = Outbox(store, {"fake": self.platform})
        self.dispatcher = Dispatcher(store, self.queue, self.engine, self.outbox, say, slots=2)
        self.services = build_services(store, self.queue, self.engine, self.outbox, self.dispatcher, say)

    def message(
        self, text: str = "", by: Author = AYA, room: Room = HALL, after: str | None = None
    ) -> Message:
        """Something new that somebody says."""
        return Message(f"event {next(self._events)}", room, by, text, after=after)

    async def hears(
        self, text: str = "", ask: GenerationOptions | None = None, by: Author = AYA, room: Room = HALL
    ) -> str:
        """Somebody writes, asks, and has the whole reply; returns the id of its passage."""
        ticket = await self.services.generation.receive_message(
            self.message(text, by, room), ask or GenerationOptions()
        )
        return await self.whole(ticket)

    async def retries(self, ask: GenerationOptions | None = None, by: Author = AYA) -> str:
        """Somebody wants it otherwise; returns the id of the new passage."""
        return await self.whole(
            await self.services.generation.retry(self.message(by=by), ask or GenerationOptions())
        )

    async def whole(self, ticket: JobReceipt | None) -> str:
        """Wait until people see all of a reply; returns its passage."""
        assert ticket is not None
        await self.platform.until(lambda: self.shown(ticket.job_id).state is ReplyState.DONE)
        await self.outbox.flush(ticket.job_id)
        return self.shown(ticket.job_id).passage

    def shown(self, passage: str) -> Reply:
        """The first message of a passage's reply, or a job's."""
        keys, key = self.platform.keys, f"{passage.partition('.')[0]}:0"
        message_id = keys.get(f"{key}:1", keys.get(key, ""))  # the former where it was posted anew
        return self.platform.messages.get(message_id, Reply(ReplyState.WAITING))

    def writing(self, ticket: JobReceipt | None) -> bool:
        """Whether the first of a reply can be read."""
        assert ticket is not None
        return bool(self.shown(ticket.job_id).text)

    @property
    def live(self) -> list[str]:
        """The passages under which there are buttons."""
        drafts = self.platform.messages.values()
        return [draft.passage for draft in drafts if draft.interactive and draft.state is ReplyState.DONE]

    async def buttons_under(self, *passages: str) -> None:
        """Wait until there are buttons under these passages, and under no others."""
        await self.platform.until(lambda: self.live == list(passages))

    async def story(self, room: Room = HALL) -> Story:
        """The story as it stands."""
        story = await self.services.stories.open_in(room)
        assert story is not None
        return story

    async def texts(self, room: Room = HALL) -> list[str]:
        """The story, passage by passage."""
        return [passage.text for passage in (await self.story(room)).passages]


@asynccontextmanager
async def telling(store: Store) -> AsyncIterator[Told]:
    """A house at work, on a store that outlives it."""
    told = Told(store)
    running = [asyncio.create_task(part.run()) for part in (told.outbox, told.dispatcher)]
    try:
        yield told
    finally:
        for task in reversed(running):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await told.outbox.close(5)
