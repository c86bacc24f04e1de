"""The thread that the bot is called into: what people wrote there so far, to become the story's beginning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import discord

from adapters.discord.api.requests import as_delivery_errors
from adapters.discord.payloads.attachments import AttachmentReader, AttachmentTexts, may_be_text
from adapters.discord.payloads.messages import (
    PLATFORM,
    BotIdentity,
    author_of,
    is_by_person,
    mention_names_of,
    story_text,
    with_roles,
)
from adapters.discord.payloads.rooms import room_of
from adapters.discord.render.replies import Phrase
from bot.aio.clock import Clock
from bot.aio.retry import Backoff, retry
from bot.core.permissions import depends_on_roles
from bot.core.services import Services
from bot.domain.chat import Author, Message, Room
from bot.domain.errors import RetryLater, Undeliverable

MOST_LINES = 500
"""The latest so many: far more than a model reads, and five requests at most."""
MOST_FILES = 20
TRIES, BACKOFF = 3, Backoff(first_s=1.0, longest_s=2.0)


@dataclass(frozen=True, slots=True)
class ThreadLines:
    """What people wrote, oldest first; how many lines and files were not readable, and why none came."""

    messages: tuple[Message, ...] = ()
    unread: int = 0
    closed: bool = False
    unread_files: int = 0

    def notice(self, phrase: Phrase) -> str | None:
        """What people have to know of what could not be read."""
        if self.closed:
            permission = phrase("discord.permission.read_message_history")
            return phrase("discord.no_history", permission=permission)
        notices = [("discord.unread_lines", self.unread), ("discord.file.in_thread", self.unread_files)]
        return "\n".join(phrase(key, count=count) for key, count in notices if count) or None


class ThreadHistory:
    """Reads threads in which no story was ever told. `sees_content`: Discord gives the bot others' texts."""

    def __init__(
        self, services: Services, clock: Clock, attachments: AttachmentReader, *, sees_content: bool
    ) -> None:
        self._services = services
        self._clock = clock
        self._attachments = attachments
        self._sees_content = sees_content

    async def lines(
        self, channel: object, before: int, me: BotIdentity, locale: str, allowed: discord.Permissions
    ) -> ThreadLines:
        """What stands in a thread before a message, each line its writer's. Raises RetryLater."""
        if not isinstance(channel, discord.Thread):
            return ThreadLines()
        room = room_of(channel, channel.id, channel.guild.id)
        if await self._services.stories.open_in(room) is not None or await self._services.stories.find(
            PLATFORM, room=room
        ):
            return ThreadLines()
        if not allowed.read_message_history:
            return ThreadLines(closed=True)
        said = await self._messages(channel, before)
        people = await self._authors(said, room, locale)
        attached = await self._attached(said)
        told = (
            Message(
                str(one.id),
                room,
                people[one.author.id],
                story_text(one.content, me, mention_names_of(one)),
                attached=attached[one.id].text if one.id in attached else "",
            )
            for one in said
        )
        messages = tuple(message for message in told if message.whole.strip())
        unread = 0 if self._sees_content else sum(not one.content for one in said)
        return ThreadLines(messages, unread, unread_files=sum(one.lacks_text for one in attached.values()))

    async def _attached(self, said: list[discord.Message]) -> Mapping[int, AttachmentTexts]:
        """What files say, by their message; of the latest few."""
        with_text = [one for one in said if any(map(may_be_text, one.attachments))]
        return {one.id: await self._attachments.read(one.attachments) for one in with_text[-MOST_FILES:]}

    async def _messages(self, thread: discord.Thread, before: int) -> list[discord.Message]:
        found = await retry(
            partial(_history, thread, before),
            on=RetryLater,
            backoff=BACKOFF,
            clock=self._clock,
            tries=TRIES,
        )
        return [line for one in reversed(found) if (line := _by_a_person(one)) is not None]

    async def _authors(self, said: list[discord.Message], room: Room, locale: str) -> Mapping[int, Author]:
        """Who wrote, by id, with their roles where rules name any."""
        people = {one.author.id: author_of(one.author, locale) for one in said}
        if depends_on_roles(await self._services.settings.resolve(room)):
            guild = said[0].guild if said else None
            people = {number: await with_roles(author, guild) for number, author in people.items()}
        return people


async def _history(thread: discord.Thread, before: int) -> list[discord.Message]:
    """Newest first; nothing where Discord does not show it."""
    try:
        with as_delivery_errors():
            return [one async for one in thread.history(limit=MOST_LINES, before=discord.Object(before))]
    except Undeliverable:
        return []


def _by_a_person(message: discord.Message) -> discord.Message | None:
    """A person's message; for the first line of a thread, the message that it hangs on."""
    if message.type is discord.MessageType.thread_starter_message:
        above = message.reference.resolved if message.reference is not None else None
        return _by_a_person(above) if isinstance(above, discord.Message) else None
    return message if is_by_person(message) else None
