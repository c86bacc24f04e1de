"""What is written in threads and direct messages, and what becomes of it in the story."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from adapters.slack.catchup.thread_history import NOT_READABLE, Threads
from adapters.slack.connection.manifest import COMMAND
from adapters.slack.delivery.act_notices import Acts
from adapters.slack.listeners.files import Brought
from adapters.slack.listeners.thread_commands import ThreadWords, without_story
from adapters.slack.payloads.events import PLATFORM, Change, Incoming, message_id
from adapters.slack.payloads.recent import Recent
from adapters.slack.payloads.thread_words import Word, meaning
from adapters.slack.workspace import Workspace
from bot.aio.clock import Clock
from bot.core.services import Services
from bot.domain.chat import Author, Message
from bot.domain.errors import EmptyPrompt, FileTooLong, PassageGone, RetryLater, UserError
from bot.domain.jobs import GenerationOptions, JobReceipt
from bot.domain.story import Passage, Story

_ALWAYS_HEARD = {Word.STOP, Word.UNMUTE}
"""Words that are heard in a story's thread also where it does not listen."""

_LASTING = {Word.MUTE, Word.UNMUTE}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a message is heard: whether it may ask for a reply, and whether words in it are obeyed."""

    asks: bool = True
    obeys: bool = True


NOW = Manner()


class Hearing:
    """Lets the play hear messages, and follows what people change about them."""

    def __init__(self, services: Services, words: ThreadWords, acts: Acts, clock: Clock) -> None:
        self._services = services
        self._acts = acts
        self._words = words
        self._threads = Threads(services, clock)
        self._obeyed = Recent()
        self._told = Recent()
        self._unpacked = Recent()

    async def hear(self, workspace: Workspace, heard: Incoming, *, again: bool, manner: Manner = NOW) -> None:
        """A message. `again`: Slack had sent it before and got no acknowledgement."""
        try:
            await self._hear(workspace, heard, again=again, manner=manner)
        except EmptyPrompt:
            await self._tell(workspace, heard, "slack.help", command=COMMAND)
        except UserError as error:
            await self._tell(workspace, heard, error.key, **error.values)
        except RetryLater:
            await self._tell(workspace, heard, "slack.later")
        except Exception:  # noqa: BLE001  a task's border: the person is told, the log has it
            _log.exception("A message could not be heard")
            if heard.called or heard.direct:
                await self._tell(workspace, heard, "slack.failed")

    async def _hear(self, workspace: Workspace, heard: Incoming, *, again: bool, manner: Manner) -> None:
        story = await self._services.stories.read(heard.place.room)
        word = meaning(heard.raw)
        if not heard.called and not await self._listens(heard, story, word):
            return
        author = await workspace.people.author(heard.user_id)
        if word is None or word is Word.GO_ON:
            await self._take_part(workspace, heard, author, story, again=again, manner=manner)
        elif not manner.obeys:
            await self._obey_late(workspace, heard, author, word)
        elif story is None:
            await self._tell(workspace, heard, without_story(word), command=COMMAND)
        elif self._obeyed.add(heard.event_id):
            await self._words.obey(workspace, heard.place, author, word)

    async def _obey_late(self, workspace: Workspace, heard: Incoming, author: Author, word: Word) -> None:
        """Of words that were said long ago, what still makes a difference."""
        if word is Word.STOP:
            await self._services.generation.cancel(heard.place.room, author)
        elif word in _LASTING and self._obeyed.add(heard.event_id):
            await self._words.obey(workspace, heard.place, author, word)

    async def _tell(self, workspace: Workspace, heard: Incoming, key: str, **values: object) -> None:
        """Say what is wrong, once: in the thread to who spoke to us, else to the writer only."""
        author = await workspace.people.author(heard.user_id)
        if heard.called or heard.direct:
            await workspace.telling.once(heard.place, heard.event_id, key, author, **values)
        elif self._told.add(heard.event_id):
            await workspace.telling.privately(heard.place, author, key, **values)

    async def follow(self, workspace: Workspace, change: Change) -> None:
        """Somebody changed or deleted a message: if a passage came of it, that follows."""
        if change.raw is None and await self._services.generation.withdraw(*_address(change)):
            return
        passage = await self._services.stories.passage_of_message(*_address(change))
        if passage is None:
            return
        by = await _as_they_are(workspace, passage.asker or passage.author)
        try:
            if change.raw is None:
                await self._acts.delete(workspace, change.place, by, passage)
                return
            if not passage.by_model:
                await self._edit(workspace, change, by, passage)
        except PassageGone:
            return
        except UserError as error:
            await workspace.telling.privately(change.place, by, error.key, **error.values)

    async def _edit(self, workspace: Workspace, change: Change, by: Author, passage: Passage) -> None:
        """What the files of a message say stays part of its passage."""
        brought = await workspace.files.read(change.files)
        for unread in brought.unread:
            await workspace.telling.privately(change.place, by, unread.key, **unread.values)
        text = change.text(await workspace.people.names(change.mentioned), brought.text)
        if text != passage.text and not brought.lacks_text:
            await self._services.editing.edit(change.place.room, by, passage.id, text)

    async def _listens(self, heard: Incoming, story: Story | None, word: Word | None) -> bool:
        """Whether what is not said to the bot by name is for it."""
        if story is None:
            return heard.direct
        if word in _ALWAYS_HEARD:
            return True
        if heard.is_bare:
            return False  # a picture, say: nobody asked for anything
        return (await self._services.settings.resolve(heard.place.room)).listens

    async def _take_part(
        self,
        workspace: Workspace,
        heard: Incoming,
        author: Author,
        story: Story | None,
        *,
        again: bool,
        manner: Manner,
    ) -> None:
        room = heard.place.room
        if not again and story is None:
            workspace.postings.born(heard.place)
        if not heard.begins and _still_to_be_read(story, again=again):
            await self._take_in(workspace, heard, author)
        workspace.callers.remember(room, author)
        if heard.files and heard.event_id in self._unpacked:
            return  # heard already, with what its files say
        brought = await workspace.files.read(heard.files)
        if not (heard.is_bare and brought.unread):
            await self._keep(workspace, heard, author, brought, asks=manner.asks)
        if heard.files:
            self._unpacked.add(heard.event_id)
        await self._tell_unread(workspace, heard, author, brought)

    async def _keep(
        self, workspace: Workspace, heard: Incoming, author: Author, brought: Brought, *, asks: bool
    ) -> None:
        names = await workspace.people.names(heard.mentioned)
        message = heard.message(author, names, brought.text)
        if meaning(heard.raw) is Word.GO_ON:
            message = replace(message, text="")
        # What is only said beside the story is kept, and asks for nothing; so is what a text is missing of.
        beside = not heard.called and await self._services.generation.is_out_of_character(message)
        asks = asks and not beside and not brought.lacks_text
        if not asks and not message.whole:
            return  # a wish to go on that came to nothing
        ticket = await self._heard_by_play(message, GenerationOptions() if asks else None)
        if ticket and ticket.repeated:
            workspace.postings.not_born(heard.place)
        elif ticket and ticket.unknown:
            await workspace.telling.unknown(heard.place, author, ticket)

    async def _heard_by_play(self, message: Message, ask: GenerationOptions | None) -> JobReceipt | None:
        try:
            return await self._services.generation.receive_message(message, ask)
        except FileTooLong:
            if message.text:
                await self._services.generation.receive_message(replace(message, attached=""), None)
            raise

    async def _tell_unread(
        self, workspace: Workspace, heard: Incoming, author: Author, brought: Brought
    ) -> None:
        for unread in brought.unread:
            if (unread.text or heard.is_bare) and (heard.called or heard.direct):
                event_id = f"{heard.event_id}:{unread.key}"
                await workspace.telling.once(heard.place, event_id, unread.key, author, **unread.values)
            else:
                await workspace.telling.privately(heard.place, author, unread.key, **unread.values)

    async def _take_in(self, workspace: Workspace, heard: Incoming, author: Author) -> None:
        try:
            await self._threads.take_in(workspace, heard.place, heard.ts, author)
        except NOT_READABLE as error:
            _log.warning("A thread could not be read, its story begins without it: %s", error)


def _still_to_be_read(story: Story | None, *, again: bool) -> bool:
    # What was heard once is not heard twice: reading a thread again after an interrupted first time is safe.
    return story is None or (again and not any(passage.by_model for passage in story.passages))


async def _as_they_are(workspace: Workspace, kept: Author) -> Author:
    """What is kept of a person says nothing of the roles that rules may name."""
    return await workspace.people.author(kept.id) if kept.platform == PLATFORM else kept


def _address(change: Change) -> tuple[str, str]:
    return change.place.room.platform, message_id(change.place.channel, change.ts)
