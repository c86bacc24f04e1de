"""Posts and edits of the bot's own messages, each once and without ever pinging anyone."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict, deque

import discord

from adapters.discord.failures import NO_HISTORY, delivery
from adapters.discord.render import render
from bot.errors import RetryLater
from bot.messages import Draft, Room

ANSWER_WITHIN_S = 60.0
"""A connection that hangs holds up its room: the library alone would wait five minutes."""
REMEMBERED = 1000
"""Rooms and posts whose reply is remembered: far more than wait at one time."""


class Posts:
    """What the outbox asks of Discord. `connect` gives it a client that is logged in."""

    def __init__(self) -> None:
        self._client: discord.Client | None = None
        self._asked: OrderedDict[str, deque[int]] = OrderedDict()
        self._answers: OrderedDict[str, int] = OrderedDict()

    def connect(self, client: discord.Client | None) -> None:
        """Use this client from now on; None: there is none just now."""
        self._client = client

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

    async def post(self, room: Room, draft: Draft, key: str) -> str:
        """Post `draft`; the same `key` within some minutes does not post twice (an enforced nonce)."""
        channel = self._channel(room)
        content, nonce = render(draft), nonce_of(key)
        with delivery():
            async with asyncio.timeout(ANSWER_WITHIN_S):
                message = await self._send(channel, content, nonce, self._reply_of(room, key))
        return str(message.id)

    async def say(self, room: Room, sentence: str) -> None:
        """A sentence of ours, once and without a nonce. Raises RetryLater or Undeliverable."""
        channel = self._channel(room)
        with delivery():
            await channel.send(sentence, allowed_mentions=discord.AllowedMentions.none())

    async def edit(self, room: Room, message_id: str, draft: Draft) -> None:
        """Make a message of ours show `draft`."""
        message = self._channel(room).get_partial_message(int(message_id))
        with delivery():
            # Every edit is parsed for mentions anew; the client's default does not reach partial messages.
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await message.edit(content=render(draft), allowed_mentions=discord.AllowedMentions.none())

    def _channel(self, room: Room) -> discord.PartialMessageable:
        if self._client is None:
            raise RetryLater("not connected to Discord")
        return self._client.get_partial_messageable(int(room.id))

    def _reply_of(self, room: Room, key: str) -> int | None:
        """The message that a post replies to: the same when it is tried again, none for a second part."""
        job_id, _, part = key.partition(":")
        if part not in {"", "0"}:
            return None
        if job_id not in self._answers:
            asked = self._asked.get(room.id)
            if not asked:
                return None
            self._answers[job_id] = asked.popleft()
            while len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
        return self._answers[job_id]

    async def _send(
        self, channel: discord.PartialMessageable, content: str, nonce: str, reply_to: int | None
    ) -> discord.Message:
        quiet = discord.AllowedMentions.none()
        if reply_to is not None:
            earlier = discord.MessageReference(
                message_id=reply_to, channel_id=channel.id, fail_if_not_exists=False
            )
            try:
                return await channel.send(
                    content, nonce=nonce, reference=earlier, allowed_mentions=quiet, suppress_embeds=True
                )
            except discord.HTTPException as error:
                if error.code != NO_HISTORY:
                    raise
        return await channel.send(content, nonce=nonce, allowed_mentions=quiet, suppress_embeds=True)


def nonce_of(key: str) -> str:
    """A nonce of at most 25 characters for an outbox key."""
    return hashlib.blake2b(key.encode(), digest_size=12).hexdigest()
