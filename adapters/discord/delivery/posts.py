"""Posts and edits of the bot's own messages, each once and without ever pinging anyone unasked."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import discord

from adapters.discord.api.errors import NO_HISTORY, delivery, is_archived
from adapters.discord.api.rate_limits import Budget, Priority
from adapters.discord.delivery.edit_pacing import OldMessages, Pace
from adapters.discord.delivery.user_installed import Abroad
from adapters.discord.payloads.rooms import channel_of
from adapters.discord.render.replies import render
from adapters.discord.render.views import buttons_of
from bot.aio.clock import Clock
from bot.domain.chat import Author, Room
from bot.domain.errors import DeliveryError, MessageGone, RetryLater, TsuzukiError, Undeliverable
from bot.domain.ports import Translate
from bot.domain.replies import Reply, ReplyState

_log = logging.getLogger(__name__)

ANSWER_WITHIN_S = 60.0
"""A connection that hangs holds up its room: the library alone would wait five minutes."""
REMEMBERED = 1000
"""Rooms and posts whose reply is remembered: far more than wait at one time."""

Value = TypeVar("Value")
AskerOf = Callable[[str], Awaitable[Author | None]]
"""Who asked for a passage."""


class Posts:
    """What the outbox asks of Discord. `connect` gives it a client that is logged in."""

    def __init__(
        self, say: Translate, waits: Waits, abroad: Abroad, old: OldMessages, budget: Budget, pace: Pace
    ) -> None:
        self._say = say
        self._budget = budget
        self._pace = pace
        self._waits = waits
        self._old = old
        self.abroad = abroad
        self.asker_of: AskerOf | None = None
        self._client: discord.Client | None = None
        self._asked: OrderedDict[str, deque[int]] = OrderedDict()
        self._answers: OrderedDict[str, int] = OrderedDict()
        self._locales: OrderedDict[str, str] = OrderedDict()

    def connect(self, client: discord.Client | None) -> None:
        """Use this client from now on; None: there is none just now."""
        self._client = client

    @property
    def client(self) -> discord.Client:
        """Who is logged in. Raises RetryLater where nobody is just now."""
        if self._client is None:
            raise RetryLater("not connected to Discord")
        return self._client

    def follow(self, room: Room, to: Room) -> None:
        """The story of a room is told in another one; in a channel its replies answer what it began with."""
        if room.id in self._locales:
            self.speak(to, self._locales[room.id])
        if channel_of(to) is None and room.id.isdecimal():
            self.answer_to(to, int(room.id))

    def speak(self, room: Room, locale: str) -> None:
        """Write the buttons of a room in this language."""
        _remember(self._locales, room.id, locale)

    def answer_to(self, room: Room, message_id: int) -> None:
        """The next post in `room` replies to this message: used where a story has no thread of its own."""
        self._asked.setdefault(room.id, deque(maxlen=REMEMBERED)).append(message_id)
        while len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)

    def unanswered(self, room: Room, message_id: int) -> None:
        """No reply will come to this message after all."""
        asked = self._asked.get(room.id)
        if asked is not None and message_id in asked:
            asked.remove(message_id)

    async def post(self, room: Room, draft: Reply, key: str) -> str:
        """Post `draft`; the same `key` within some minutes does not post twice (an enforced nonce)."""
        self._waits.posted(draft)
        if self.abroad.holds(room):
            return await self.abroad.post(room, render(draft), self._buttons(room, draft))
        channel = self._channel(room)
        async with self._budget.turn():
            with delivery():
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    message = await self._send(room, channel, draft, nonce_of(key), self._reply_of(room, key))
        self._pace.shown(str(message.id), draft)
        if message.content.strip() != render(draft).strip():
            # A process that died before it noted the post made it: it shows what was to be shown then.
            await self.edit(room, str(message.id), draft)
        return str(message.id)

    async def say(
        self,
        room: Room,
        sentence: str,
        key: str,
        reply_to: int | None = None,
        view: discord.ui.View | None = None,
    ) -> int:
        """A sentence of ours, and its id; once for a `key` within some minutes. Raises DeliveryError."""
        channel, quiet, nonce = self._channel(room), discord.AllowedMentions.none(), nonce_of(key)
        buttons = view or discord.utils.MISSING
        async with self._budget.turn():
            with delivery():
                if reply_to is not None:
                    earlier = _reference(channel, reply_to)
                    try:
                        return (
                            await channel.send(
                                sentence,
                                nonce=nonce,
                                reference=earlier,
                                allowed_mentions=quiet,
                                view=buttons,
                            )
                        ).id
                    except discord.HTTPException as error:
                        if error.code != NO_HISTORY:
                            raise
                return (await channel.send(sentence, nonce=nonce, allowed_mentions=quiet, view=buttons)).id

    async def show_typing(self, channel: discord.abc.Messageable) -> None:
        """The sign that the bot types, where nothing else needs the budget. Raises DeliveryError."""
        slot = self._budget.take_now(Priority.TYPING)
        if slot is None:
            return
        async with self._budget.turn(slot=slot):
            with delivery():
                await channel.typing()

    def rest_s(self, room: Room, message_id: str, draft: Reply) -> float:
        """How long a message that is not finished leaves the others their turn, before it shows `draft`."""
        if self.abroad.holds(room):
            return self.abroad.rest_s(room)
        return self._old.rest_s(room, int(message_id)) or self._pace.rest_s(room, message_id, draft)

    async def edit(self, room: Room, message_id: str, draft: Reply) -> None:
        """Make a message of ours show `draft`. Raises RetryLater, Undeliverable (MessageGone: deleted)."""
        if self.abroad.holds(room):
            await self.abroad.edit(room, message_id, render(draft), self._buttons(room, draft))
            return
        async with self._pace.turn(message_id, draft):
            await self._change(room, message_id, draft)
        if self._waits.edited(draft):
            await self._tell_asker(room, message_id, draft)

    async def remove(self, room: Room, message_id: str) -> None:
        """Take away a message of ours; one that is gone is no error. Raises RetryLater or Undeliverable."""
        with suppress(MessageGone):
            if self.abroad.holds(room):
                await self.abroad.remove(room, message_id)
                return
            message = self._channel(room).get_partial_message(int(message_id))
            self._pace.forget(message_id)
            async with self._budget.turn():
                with delivery():
                    async with asyncio.timeout(ANSWER_WITHIN_S):
                        await message.delete()

    async def _change(self, room: Room, message_id: str, draft: Reply) -> None:
        try:
            await self._edit(room, message_id, draft)
        except Undeliverable as error:
            if not is_archived(error):
                raise
            await self._unarchive(room)
            await self._edit(room, message_id, draft)

    async def _edit(self, room: Room, message_id: str, draft: Reply) -> None:
        message = self._channel(room).get_partial_message(int(message_id))
        wait_s = self._old.wait_s(room, message.id)
        if wait_s:
            # Not waited for here: who asks again has a later text.
            raise RetryLater("a message of over an hour", wait_s)
        with delivery():
            # Every edit is parsed for mentions anew; the client's default does not reach partial messages.
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await message.edit(
                    content=render(draft),
                    view=self._buttons(room, draft),
                    allowed_mentions=discord.AllowedMentions.none(),
                )

    async def _unarchive(self, room: Room) -> None:
        client = self.client
        with delivery():
            await client.http.edit_channel(int(room.id), archived=False)

    async def _tell_asker(self, room: Room, message_id: str, draft: Reply) -> None:
        """Edits make no sound: who asked long ago is told in a short reply, which mentions only them."""
        try:
            asker = await self.asker_of(draft.passage) if self.asker_of is not None else None
            if asker is None or not asker.id.isdecimal():
                return
            channel = self._channel(room)
            reference = _reference(channel, int(message_id))
            sentence = self._say("discord.finished", self.locale(room, draft.locale), person=f"<@{asker.id}>")
            only_them = discord.AllowedMentions(
                everyone=False, roles=False, replied_user=False, users=[discord.Object(int(asker.id))]
            )
            async with self._budget.turn():
                with delivery():
                    await channel.send(
                        sentence,
                        reference=reference,
                        allowed_mentions=only_them,
                        nonce=nonce_of(f"{draft.job} finished"),
                    )
        except (DeliveryError, TsuzukiError) as error:
            _log.warning("Nobody could be told that a story is finished: %s", error)

    def _channel(self, room: Room) -> discord.PartialMessageable:
        client = self.client
        if not room.id.isdecimal():
            raise Undeliverable(
                "an interaction that is over: its place can be reached through a new one only"
            )
        return client.get_partial_messageable(int(room.id))

    def _buttons(self, room: Room, draft: Reply) -> discord.ui.View | None:
        return buttons_of(draft, self._say, self.locale(room, draft.locale))

    def locale(self, room: Room, otherwise: str) -> str:
        """Of who spoke there last; `otherwise`: as long as nobody did."""
        return self._locales.get(room.id) or otherwise

    def _reply_of(self, room: Room, key: str) -> int | None:
        """The message that a post replies to: the same when it is tried again, none for a second part."""
        job_id, _, part = key.partition(":")
        if part.partition(":")[0] not in {"", "0"}:
            return None
        if job_id not in self._answers:
            asked = self._asked.get(room.id)
            if not asked:
                return None
            _remember(self._answers, job_id, asked.popleft())
        return self._answers[job_id]

    async def _send(
        self,
        room: Room,
        channel: discord.PartialMessageable,
        draft: Reply,
        nonce: str,
        reply_to: int | None,
    ) -> discord.Message:
        view = self._buttons(room, draft) or discord.utils.MISSING
        quiet = discord.AllowedMentions.none()
        content = render(draft)
        if reply_to is not None:
            earlier = _reference(channel, reply_to)
            try:
                return await channel.send(
                    content,
                    nonce=nonce,
                    reference=earlier,
                    allowed_mentions=quiet,
                    suppress_embeds=True,
                    view=view,
                )
            except discord.HTTPException as error:
                if error.code != NO_HISTORY:
                    raise
        return await channel.send(
            content, nonce=nonce, allowed_mentions=quiet, suppress_embeds=True, view=view
        )


def _reference(channel: discord.PartialMessageable, message_id: int) -> discord.MessageReference:
    return discord.MessageReference(message_id=message_id, channel_id=channel.id, fail_if_not_exists=False)


def nonce_of(key: str) -> str:
    """A nonce of at most 25 characters for an outbox key."""
    return hashlib.blake2b(key.encode(), digest_size=12).hexdigest()


def _remember(memory: OrderedDict[str, Value], key: str, value: Value) -> None:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > REMEMBERED:
        memory.popitem(last=False)


PATIENCE_S = 60.0
_OPEN = {ReplyState.WAITING, ReplyState.WRITING}


class Waits:
    """When each reply that is not finished was begun, on `clock`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begun: dict[str, float] = {}

    def posted(self, draft: Reply) -> None:
        """A first message was posted."""
        if draft.job and draft.state in _OPEN:
            self._begun.setdefault(draft.job, self._clock.now())

    def edited(self, draft: Reply) -> bool:
        """A message changes; True where this ends a long wait, once."""
        if not draft.job:
            return False
        if draft.state in _OPEN:
            # One that an earlier process began: they have waited through a restart.
            self._begun.setdefault(draft.job, -math.inf)
            return False
        if not draft.interactive:
            return False
        begun = self._begun.pop(draft.job, None)
        finished = draft.state is ReplyState.DONE and bool(draft.passage)
        return finished and begun is not None and self._clock.now() - begun > PATIENCE_S
