"""What is written in threads and direct messages, and what becomes of it in the story."""

from __future__ import annotations

import logging

from adapters.base import Play
from adapters.slack.recent import Recent
from adapters.slack.surface import COMMAND
from adapters.slack.thread import NOT_READABLE, Threads
from adapters.slack.threadwords import ThreadWords, without_story
from adapters.slack.translate import PLATFORM, Change, Incoming, message_id
from adapters.slack.words import Word, meaning
from adapters.slack.workspace import Workspace
from bot.aside import is_aside
from bot.clock import Clock
from bot.errors import EmptyPrompt, PassageGone, RetryLater, UserError
from bot.messages import Ask, Author, Message, Story

_ALWAYS_HEARD = {Word.STOP, Word.UNMUTE}
"""Words that are heard in a story's thread also where it does not listen."""

_log = logging.getLogger(__name__)


class Hearing:
    """Lets the play hear messages, and follows what people change about them."""

    def __init__(self, play: Play, words: ThreadWords, clock: Clock) -> None:
        self._play = play
        self._words = words
        self._threads = Threads(play, clock)
        self._obeyed = Recent()
        self._told = Recent()

    async def hear(self, workspace: Workspace, heard: Incoming, *, again: bool) -> None:
        """A message. `again`: Slack had sent it before and got no acknowledgement."""
        try:
            await self._hear(workspace, heard, again=again)
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

    async def _hear(self, workspace: Workspace, heard: Incoming, *, again: bool) -> None:
        story = await self._play.read(heard.place.room)
        word = meaning(heard.raw)
        if not heard.called and not await self._listens(heard, story, word):
            return
        author = await workspace.people.author(heard.user_id)
        if word is None or word is Word.GO_ON:
            await self._take_part(workspace, heard, author, story, again=again)
        elif story is None:
            await self._tell(workspace, heard, without_story(word), command=COMMAND)
        elif self._obeyed.add(heard.event_id):
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
        if change.raw is None and await self._play.withdraw(*_address(change)):
            return
        passage = await self._play.passage_of_message(*_address(change))
        if passage is None:
            return
        by = await _as_they_are(workspace, passage.asker or passage.author)
        room = change.place.room
        try:
            if change.raw is None:
                await self._play.delete(room, by, passage.id)
                return
            text = change.text(await workspace.people.names(change.mentioned))
            if not passage.by_model and text != passage.text:
                await self._play.edit(room, by, passage.id, text)
        except PassageGone:
            return
        except UserError as error:
            await workspace.telling.privately(change.place, by, error.key, **error.values)

    async def _listens(self, heard: Incoming, story: Story | None, word: Word | None) -> bool:
        """Whether what is not said to the bot by name is for it."""
        if story is None:
            return heard.direct
        if word in _ALWAYS_HEARD:
            return True
        if not heard.raw.strip():
            return False  # a picture, say: nobody asked for anything
        return (await self._play.rules(heard.place.room)).listens

    async def _take_part(
        self, workspace: Workspace, heard: Incoming, author: Author, story: Story | None, *, again: bool
    ) -> None:
        room = heard.place.room
        if not again and story is None:
            workspace.postings.born(heard.place)
        if not heard.begins and _still_to_be_read(story, again=again):
            await self._take_in(workspace, heard, author)
        workspace.callers.remember(room, author)
        names = await workspace.people.names(heard.mentioned)
        message = heard.message(author, names)
        if meaning(heard.raw) is Word.GO_ON:
            message = Message(message.event_id, room, author, "")
        # What is only said beside the story is kept, and asks for nothing.
        beside = not heard.called and is_aside(message.text)
        ticket = await self._play.hear(message, None if beside else Ask())
        if ticket and ticket.repeated:
            workspace.postings.not_born(heard.place)
        elif ticket and ticket.unknown:
            await workspace.telling.unknown(heard.place, author, ticket)

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
