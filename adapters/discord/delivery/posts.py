"""Posts and edits of the bot's own messages, each once and without ever pinging anyone unasked."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import discord
import structlog
from cachetools import FIFOCache

from adapters.discord.api.rate_limits import Priority, RequestBudget, Slot
from adapters.discord.api.requests import NO_HISTORY, as_delivery_errors, is_archived, logged_delivery_errors
from adapters.discord.delivery.edit_pacing import EditScheduler, OldMessageLimit
from adapters.discord.delivery.user_installed import UserInstalledRooms
from adapters.discord.payloads.rooms import parent_channel
from adapters.discord.render.components import reply_view
from adapters.discord.render.replies import reply_content
from bot.aio.clock import Clock
from bot.core.services import Services
from bot.domain.chat import Room
from bot.domain.errors import DeliveryError, MessageGone, RetryLater, TsuzukiError, Undeliverable
from bot.domain.ports import Translate
from bot.domain.replies import Reply, ReplyState

_log = structlog.get_logger(__name__)

UNSENT = "A sentence could not be said in Discord"
ANSWER_WITHIN_S = 60.0
"""A connection that hangs holds up its room: the library alone would wait five minutes."""
REMEMBERED = 1000
"""Rooms and posts whose reply is remembered: far more than wait at one time."""


PATIENCE_S = 60.0


class Posts:
    """What the outbox asks of Discord. `connect` gives it a client that is logged in."""

    def __init__(
        self,
        translate: Translate,
        reply_waits: ReplyWaits,
        user_installed: UserInstalledRooms,
        old_messages: OldMessageLimit,
        budget: RequestBudget,
        scheduler: EditScheduler,
    ) -> None:
        self.translate = translate
        self._budget = budget
        self._scheduler = scheduler
        self._reply_waits = reply_waits
        self._old_messages = old_messages
        self.user_installed = user_installed
        self.services: Services | None = None
        self._client: discord.Client | None = None
        self._asked = FIFOCache[str, deque[int]](REMEMBERED)
        self._responses = FIFOCache[str, int](REMEMBERED)
        self._locales = FIFOCache[str, str](REMEMBERED)

    def connect(self, client: discord.Client | None) -> None:
        """Use this client from now on; None: there is none just now."""
        self._client = client

    @property
    def client(self) -> discord.Client:
        """Who is logged in. Raises RetryLater where nobody is just now."""
        if self._client is None:
            raise RetryLater("not connected to Discord")
        return self._client

    def follow_move(self, room: Room, to: Room) -> None:
        """The story of a room is told in another one; in a channel its replies answer what it began with."""
        if room.id in self._locales:
            self.set_locale(to, self._locales[room.id])
        if parent_channel(to) is None and room.id.isdecimal():
            self.expect_reply_to(to, int(room.id))

    def set_locale(self, room: Room, locale: str) -> None:
        """Write the buttons of a room in this language."""
        self._locales[room.id] = locale

    def expect_reply_to(self, room: Room, message_id: int) -> None:
        """The next post in `room` replies to this message: used where a story has no thread of its own."""
        self._asked.setdefault(room.id, deque(maxlen=REMEMBERED)).append(message_id)

    def cancel_reply_to(self, room: Room, message_id: int) -> None:
        """No reply will come to this message after all."""
        asked = self._asked.get(room.id)
        if asked is not None and message_id in asked:
            asked.remove(message_id)

    async def post(self, room: Room, reply: Reply, key: str) -> str:
        """Post `reply`; the same `key` within some minutes does not post twice (an enforced nonce)."""
        self._reply_waits.posted(reply)
        if self.user_installed.has(room):
            return await self.user_installed.post(room, reply_content(reply), self._buttons(room, reply))
        channel = self._channel(room)
        async with self._request():
            message = await _send_once(
                channel,
                reply_content(reply),
                key,
                self._reply_of(room, key),
                suppress_embeds=True,
                view=self._buttons(room, reply) or discord.utils.MISSING,
            )
        self._scheduler.shown(str(message.id), reply)
        if message.content.strip() != reply_content(reply).strip():
            # A process that died before it noted the post made it: it shows what was to be shown then.
            await self.edit(room, str(message.id), reply)
        return str(message.id)

    async def send(
        self,
        room: Room,
        sentence: str,
        key: str,
        reply_to: int | None = None,
        view: discord.ui.View | None = None,
    ) -> int:
        """A sentence of ours, and its id; once for a `key` within some minutes. Raises DeliveryError."""
        channel, buttons = self._channel(room), view or discord.utils.MISSING
        async with self._request():
            message = await _send_once(channel, sentence, key, reply_to, view=buttons)
        return message.id

    async def notify(self, room: Room, sentence: str, key: str, **more: Any) -> None:
        """As `send`, with `more` of its options; where Discord does not take it, the log says so."""
        with logged_delivery_errors(UNSENT):
            await self.send(room, sentence, key, **more)

    async def show_typing(self, channel: discord.abc.Messageable) -> None:
        """The sign that the bot types, where nothing else needs the budget. Raises DeliveryError."""
        slot = self._budget.try_acquire(Priority.TYPING)
        if slot is not None:
            async with self._request(slot):
                await channel.typing()

    def seconds_until_due(self, room: Room, message_id: str, reply: Reply) -> float:
        """How long a message that is not finished leaves the others their turn, before it shows `reply`."""
        if self.user_installed.has(room):
            return self.user_installed.seconds_until_due(room)
        return self._old_messages.seconds_until_due(
            room, int(message_id)
        ) or self._scheduler.seconds_until_due(room, message_id, reply)

    async def edit(self, room: Room, message_id: str, reply: Reply) -> None:
        """Make a message of ours show `reply`. Raises RetryLater, Undeliverable (MessageGone: deleted)."""
        if self.user_installed.has(room):
            await self.user_installed.edit(room, message_id, reply_content(reply), self._buttons(room, reply))
            return
        async with self._scheduler.turn(message_id, reply):
            await self._change(room, message_id, reply)
        if self._reply_waits.edited(reply):
            await self._notify_asker(room, message_id, reply)

    async def remove(self, room: Room, message_id: str) -> None:
        """Take away a message of ours; one that is gone is no error. Raises RetryLater or Undeliverable."""
        with suppress(MessageGone):
            if self.user_installed.has(room):
                await self.user_installed.remove(room, message_id)
                return
            message = self._channel(room).get_partial_message(int(message_id))
            self._scheduler.forget(message_id)
            async with self._request():
                await message.delete()

    @asynccontextmanager
    async def _request(self, slot: Slot | None = None) -> AsyncIterator[None]:
        async with self._budget.turn(slot=slot):
            with as_delivery_errors():
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    yield

    async def _change(self, room: Room, message_id: str, reply: Reply) -> None:
        try:
            await self._edit(room, message_id, reply)
        except Undeliverable as error:
            if not is_archived(error):
                raise
            await self._unarchive(room)
            await self._edit(room, message_id, reply)

    async def _edit(self, room: Room, message_id: str, reply: Reply) -> None:
        message = self._channel(room).get_partial_message(int(message_id))
        wait_s = self._old_messages.acquire(room, message.id)
        if wait_s:
            # Not waited for here: who asks again has a later text.
            raise RetryLater("a message of over an hour", wait_s)
        with as_delivery_errors():
            # Every edit is parsed for mentions anew; the client's default does not reach partial messages.
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await message.edit(
                    content=reply_content(reply),
                    view=self._buttons(room, reply),
                    allowed_mentions=discord.AllowedMentions.none(),
                )

    async def _unarchive(self, room: Room) -> None:
        client = self.client
        with as_delivery_errors():
            await client.http.edit_channel(int(room.id), archived=False)

    async def _notify_asker(self, room: Room, message_id: str, reply: Reply) -> None:
        """Edits make no sound: who asked long ago is told in a short reply, which mentions only them."""
        try:
            if self.services is None:
                return
            asker = (await self.services.passages.existing(reply.passage)).asker
            if asker is None or not asker.id.isdecimal():
                return
            channel = self._channel(room)
            reference = _reference(channel, int(message_id))
            sentence = self.translate(
                "discord.finished", self.locale(room, reply.locale), person=f"<@{asker.id}>"
            )
            only_them = discord.AllowedMentions(
                everyone=False, roles=False, replied_user=False, users=[discord.Object(int(asker.id))]
            )
            nonce = nonce_of(f"{reply.job} finished")
            async with self._request():
                await channel.send(sentence, reference=reference, allowed_mentions=only_them, nonce=nonce)
        except (DeliveryError, TsuzukiError) as error:
            _log.warning("Nobody could be told that a story is finished: %s", error)

    def _channel(self, room: Room) -> discord.PartialMessageable:
        client = self.client
        if not room.id.isdecimal():
            raise Undeliverable(
                "an interaction that is over: its place can be reached through a new one only"
            )
        return client.get_partial_messageable(int(room.id))

    def _buttons(self, room: Room, reply: Reply) -> discord.ui.View | None:
        locale = self.locale(room, reply.locale)
        return reply_view(reply, lambda key, **values: self.translate(key, locale, **values))

    def locale(self, room: Room, otherwise: str) -> str:
        """Of who spoke there last; `otherwise`: as long as nobody did."""
        return self._locales.get(room.id) or otherwise

    def _reply_of(self, room: Room, key: str) -> int | None:
        """The message that a post replies to: the same when it is tried again, none for a second part."""
        job_id, _, part = key.partition(":")
        if part.partition(":")[0] not in {"", "0"}:
            return None
        if job_id not in self._responses:
            asked = self._asked.get(room.id)
            if not asked:
                return None
            self._responses[job_id] = asked.popleft()
        return self._responses[job_id]


async def _send_once(
    channel: discord.PartialMessageable, content: str, key: str, reply_to: int | None, **more: Any
) -> discord.Message:
    """Send a message, once for a `key`; as a reply where the bot may read what it would reply to."""
    quiet = discord.AllowedMentions.none()
    if reply_to is not None:
        earlier = _reference(channel, reply_to)
        try:
            return await channel.send(
                content, nonce=nonce_of(key), reference=earlier, allowed_mentions=quiet, **more
            )
        except discord.HTTPException as error:
            if error.code != NO_HISTORY:
                raise
    return await channel.send(content, nonce=nonce_of(key), allowed_mentions=quiet, **more)


def _reference(channel: discord.PartialMessageable, message_id: int) -> discord.MessageReference:
    return discord.MessageReference(message_id=message_id, channel_id=channel.id, fail_if_not_exists=False)


def nonce_of(key: str) -> str:
    """A nonce of at most 25 characters for an outbox key."""
    return hashlib.blake2b(key.encode(), digest_size=12).hexdigest()


class ReplyWaits:
    """When each reply that is not finished was begun, on `clock`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begun: dict[str, float] = {}

    def posted(self, reply: Reply) -> None:
        """A first message was posted."""
        if reply.job and reply.state.is_open:
            self._begun.setdefault(reply.job, self._clock.now())

    def edited(self, reply: Reply) -> bool:
        """A message changes; True where this ends a long wait, once."""
        if not reply.job:
            return False
        if reply.state.is_open:
            # One that an earlier process began: they have waited through a restart.
            self._begun.setdefault(reply.job, -math.inf)
            return False
        if not reply.interactive:
            return False
        begun = self._begun.pop(reply.job, None)
        finished = reply.state is ReplyState.DONE and bool(reply.passage)
        return finished and begun is not None and self._clock.now() - begun > PATIENCE_S
