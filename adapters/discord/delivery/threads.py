"""The first post of a story opens its thread; where Discord refuses for good, the channel is its room.

A story is kept before anything is opened, in the room of a thread that is not there yet: a thread has the id
of the message it hangs on. So whatever ends the process in between, the next one's first post opens it. What
a command begins is kept by the command's id, until the answer is there that the thread hangs on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, NoReturn

import discord
import structlog
from cachetools import FIFOCache

from adapters.discord.api.requests import (
    AUTHOR_FIRST,
    THREAD_EXISTS,
    TITLE_BLOCKED,
    UNKNOWN_CHANNEL,
    as_delivery_errors,
    code_of,
    is_forbidden,
    logged_delivery_errors,
)
from adapters.discord.delivery.posts import REMEMBERED, UNSENT, Posts
from adapters.discord.payloads.messages import PLATFORM, thread_name
from adapters.discord.payloads.rooms import awaits_response, parent_channel, thread_room
from adapters.discord.render.replies import MAX_CONTENT, escape, keep_indent, split_content
from bot.core.services import Services
from bot.domain.chat import Author, Room
from bot.domain.errors import MessageGone, RetryLater, RoomMoved, StoryBusy, Undeliverable
from bot.domain.ports import Translate
from bot.domain.replies import Reply
from bot.domain.story import Story

_log = structlog.get_logger(__name__)

Minutes = Literal[60, 1440, 4320, 10080]
ARCHIVED_AFTER_MIN: Minutes = 1440
ANSWERED_WITHIN_S = 15.0
"""An answer that takes longer is not waited for: what follows it may stand above it."""
AUTHOR_TRIES, AUTHOR_PAUSE_S = 6, 5.0
"""How long a forum's post may be without its author's first message."""
BUSY_PAUSE_S = 2.0
LOOKED_THROUGH = 100
"""Messages behind a command among which its answer is looked for."""

Replacement = Callable[[Room], Awaitable[int | None]]
"""The message that took the place of the one a thread should hang on."""


class StoryThreads:
    """Posts for the outbox, in threads that are opened when they are first needed."""

    def __init__(self, services: Services, translate: Translate, posts: Posts) -> None:
        self._services = services
        self._translate = translate
        self._posts = posts
        self._unopened = FIFOCache[str, None](REMEMBERED)
        self._answering: dict[str, list[asyncio.Event]] = {}
        self._responses = FIFOCache[str, int](REMEMBERED)
        self._tries: dict[str, int] = {}
        self.replacement: Replacement | None = None

    def expect_thread(self, room: Room) -> None:
        """A thread is to be opened before the first post: this saves asking whether it is there."""
        self._unopened[room.id] = None

    @contextmanager
    def responding(self, room: Room) -> Iterator[None]:
        """A command is being answered: what its story shows in the room comes below the answer."""
        done = asyncio.Event()
        self._answering.setdefault(room.id, []).append(done)
        try:
            yield
        finally:
            done.set()
            self._answering[room.id].remove(done)
            if not self._answering[room.id]:
                del self._answering[room.id]

    def responded(self, room: Room, message_id: int) -> None:
        """The message that answers the command by whose id a room is known."""
        self._responses[room.id] = message_id

    async def post(self, room: Room, reply: Reply, key: str) -> str:
        """Post a part of a reply.

        Raises:
            RetryLater, Undeliverable
            RoomMoved: the story has another room from now on.
        """
        if key.partition(":")[2] not in {"", "0"}:
            return await self._posts.post(room, reply, key)
        await self._until_responded(room)
        if awaits_response(room):
            await self._move_to_response(room)
        if room.id in self._unopened:
            await self._open(room)
        try:
            return await self._posts.post(room, reply, key)
        except Undeliverable as error:
            if code_of(error) != UNKNOWN_CHANNEL or parent_channel(room) is None:
                await self._on_first_post_refused(room, error)
        # Kept by an earlier process, which did not come to open it.
        await self._open(room)
        try:
            return await self._posts.post(room, reply, key)
        except Undeliverable as error:
            await self._on_first_post_refused(room, error)

    async def open(self, room: Room) -> Room:
        """Open a room's thread where nothing is to be posted yet; returns where the story is told."""
        try:
            await self._open(room)
        except RoomMoved as moved:
            return moved.room
        return room

    async def show_text(self, room: Room, author: Author, text: str, key: str) -> int:
        """Show what somebody wrote by command as a message of its own; its id. Raises DeliveryError."""
        first, *pieces = split_content(f"-# {escape(author.name)}\n{keep_indent(text)}", MAX_CONTENT - 1)
        message_id = await self._posts.send(room, first, key=key)
        for number, piece in enumerate(pieces):
            await self._posts.send(room, keep_indent(piece), key=f"{key} {number}")
        return message_id

    # Opening

    async def _open(self, room: Room) -> None:
        channel = parent_channel(room)
        if channel is None:
            return
        try:
            await self._start(room, channel)
        except MessageGone:
            await self._move_to_replacement(room, channel)
            raise
        except Undeliverable as error:
            if code_of(error) != THREAD_EXISTS:  # else it is there: an answer got lost
                await self._move(room, channel)
                await self._notify_channel(channel, room, "create_public_threads", error)
                raise RoomMoved(channel) from error
        self._unopened.pop(room.id, None)

    async def _start(self, room: Room, channel: Room) -> None:
        story = await self._services.stories.open_in(room)
        neutral = self._translate("discord.thread_name", _locale_of(story))
        name = thread_name(_beginning_of(story), neutral)
        try:
            await self._start_as(name, room, channel)
        except Undeliverable as error:
            if code_of(error) != TITLE_BLOCKED:
                raise
            await self._start_as(neutral, room, channel)

    async def _start_as(self, name: str, room: Room, channel: Room) -> None:
        client = self._posts.client
        known = client.get_channel(int(channel.id))
        kept_min: Minutes = getattr(known, "default_auto_archive_duration", ARCHIVED_AFTER_MIN)
        with as_delivery_errors():
            await client.http.start_thread_with_message(
                int(channel.id), int(room.id), name=name, auto_archive_duration=kept_min
            )

    async def _move_to_replacement(self, room: Room, channel: Room) -> None:
        """Go on under the message that took the place of the one that is gone, where there is one."""
        message_id = await self.replacement(room) if self.replacement is not None else None
        if message_id is not None:
            to = thread_room(message_id, channel)
            await self._move(room, to)
            self.expect_thread(to)
            raise RoomMoved(to)

    # Commands

    async def _until_responded(self, room: Room) -> None:
        try:
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                for done in tuple(self._answering.get(room.id, ())):
                    await done.wait()
        except TimeoutError:
            _log.warning("A command in room %s is answered late", room.id)

    async def _move_to_response(self, room: Room) -> NoReturn:
        """Go on under the answer that shows the command's text; where there is none, show it."""
        channel = parent_channel(room)
        if channel is None:
            raise Undeliverable("a command whose channel nobody knows")
        message_id = self._responses.get(room.id) or await self._response_of(room, channel)
        to = channel
        if message_id is not None:
            await self._services.editing.show_by(PLATFORM, room.id, str(message_id))
            to = thread_room(message_id, channel)
        await self._move(room, to)
        if message_id is not None:
            self.expect_thread(to)
        raise RoomMoved(to)

    async def _response_of(self, room: Room, channel: Room) -> int | None:
        found = await self._find_response(room, channel)
        story = await self._services.stories.open_in(room)
        if found is not None or story is None or not story.passages:
            return found
        first = story.passages[0]
        try:
            return await self.show_text(channel, first.author, first.text, f"command {room.id}")
        except Undeliverable as error:
            _log.warning("A command's text could not be shown: %s", error)
            return None

    async def _find_response(self, room: Room, channel: Room) -> int | None:
        """The answer that an earlier process gave, or whose receipt got lost."""
        client = self._posts.client
        try:
            with as_delivery_errors():
                said = await client.http.logs_from(int(channel.id), LOOKED_THROUGH, after=int(room.id))
        except Undeliverable:
            return None
        mine = client.user.id if client.user is not None else 0
        return next((int(one["id"]) for one in said if _responds_to_command(one, room.id, mine)), None)

    # Elsewhere

    async def _on_first_post_refused(self, room: Room, error: Undeliverable) -> NoReturn:
        """Discord will not take a story's first words: they go to the channel, and people hear why."""
        if code_of(error) == AUTHOR_FIRST and self._may_try_again(room):
            raise RetryLater(str(error), AUTHOR_PAUSE_S) from error
        self._tries.pop(room.id, None)
        channel = parent_channel(room)
        if channel is not None and self._takes_messages(channel) and await self._is_new(room):
            await self._move(room, channel)
            await self._notify_channel(channel, room, "send_messages_in_threads", error)
            raise RoomMoved(channel) from error
        if room.parent_scopes:
            await self._send_direct_message(room, error)
        raise error

    def _may_try_again(self, room: Room) -> bool:
        self._tries[room.id] = self._tries.get(room.id, 0) + 1
        return self._tries[room.id] < AUTHOR_TRIES

    def _takes_messages(self, channel: Room) -> bool:
        return not isinstance(self._posts.client.get_channel(int(channel.id)), discord.ForumChannel)

    async def _is_new(self, room: Room) -> bool:
        """Whether nothing of the model's stands there yet: a story that was told there stays."""
        story = await self._services.stories.open_in(room)
        return story is not None and not any(passage.by_model for passage in story.passages)

    async def _move(self, room: Room, to: Room) -> None:
        try:
            await self._services.editing.move(room, to)
        except StoryBusy as error:
            raise RetryLater("the story of the other room is being written", BUSY_PAUSE_S) from error
        self._unopened.pop(room.id, None)
        self._posts.follow_move(room, to)

    async def _notify_channel(self, channel: Room, room: Room, needed: str, error: Undeliverable) -> None:
        locale = _locale_of(await self._services.stories.open_in(channel))
        if is_forbidden(error):
            permission = self._translate(f"discord.permission.{needed}", locale)
            sentence = self._translate("discord.no_thread", locale, permission=permission)
        else:
            sentence = self._translate("discord.no_thread_now", locale)
        await self._posts.notify(channel, sentence, key=f"{room.id} {sentence}", reply_to=int(room.id))

    async def _send_direct_message(self, room: Room, error: Undeliverable) -> None:
        """Where nothing can be said, a direct message to who wrote last is the only way left to say so."""
        story = await self._services.stories.open_in(room)
        people = [one.author for one in story.passages if not one.by_model] if story is not None else []
        if not people or not people[-1].id.isdecimal():
            return
        sentence = self._translate("discord.unshown", people[-1].locale, where=f"<#{room.id}>")
        _log.warning("A reply cannot be shown in room %s: %s", room.id, error)
        with logged_delivery_errors(UNSENT):
            person = await self._posts.client.fetch_user(int(people[-1].id))
            await person.send(sentence, allowed_mentions=discord.AllowedMentions.none())


def _locale_of(story: Story | None) -> str:
    return story.passages[0].author.locale if story is not None and story.passages else "ja"


def _beginning_of(story: Story | None) -> str:
    return story.passages[0].text if story is not None and story.passages else ""


def _responds_to_command(message: Any, command_id: str, mine: int) -> bool:
    of = message.get("interaction_metadata") or message.get("interaction") or {}
    return int(message["author"]["id"]) == mine and str(of.get("id")) == command_id
