"""Proxy bots for role services, such as PluralKit and Tupperbox: a person's line under another name.

They post a person's message again by a webhook, without the marks that asked for it (`A:text`, `[text]`), and
delete it, within seconds and in either order. Only both together make a proxy: a webhook's message that pairs
with no deleted one is another bot's, and a deleted message that comes back nowhere is deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import discord
from cachetools import FIFOCache

from adapters.discord.payloads.messages import PLATFORM, BotIdentity, mention_names_of, story_text
from adapters.shared.error_boundary import error_boundary
from bot.aio.clock import Clock
from bot.aio.keyed_lock import KeyedLock
from bot.core.services import Services
from bot.domain.chat import Room
from bot.domain.errors import RetryLater
from bot.domain.story import Passage

WITHIN = timedelta(seconds=15)
"""How long after a message its proxy may come."""
AWAITED_S = 5.0
"""How long a deletion waits for the webhook's message, where that comes second."""
LONGEST_MARKS = 60
"""Characters that may stand around the text to ask for a proxy."""
REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class _MessageContent:
    """What a message says, and where."""

    message_id: int
    channel_id: int
    text: str
    name: str = ""

    def posted_again_by(self, other: _MessageContent) -> bool:
        """Whether `other` is this one without its marks, soon after."""
        after = discord.utils.snowflake_time(other.message_id) - discord.utils.snowflake_time(self.message_id)
        mine, theirs = self.text.strip(), other.text.strip()
        short = len(mine) - len(theirs) <= LONGEST_MARKS
        soon = timedelta(0) <= after <= WITHIN and self.channel_id == other.channel_id
        return soon and short and bool(theirs) and theirs in mine


class ProxyMessages:
    """Pairs what webhooks post with what people's messages said that were deleted."""

    def __init__(self, services: Services, clock: Clock, in_order: KeyedLock) -> None:
        self._services = services
        self._clock = clock
        self._in_order = in_order
        self._posted = FIFOCache[int, _MessageContent](REMEMBERED)
        self._gone = FIFOCache[int, _MessageContent](REMEMBERED)
        self._outcomes = FIFOCache[int, int | None](REMEMBERED)
        self._waiting: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Wait no longer: what is not decided stays in its story."""
        for task in self._waiting:
            task.cancel()

    async def on_webhook_message(self, message: discord.Message, me: BotIdentity) -> None:
        """A webhook posted something."""
        text = story_text(message.content, me, mention_names_of(message))
        proxy = _MessageContent(message.id, message.channel.id, text, message.author.display_name)
        found = [gone for gone in self._gone.values() if gone.posted_again_by(proxy)]
        if found:
            await self._pair(_closest(found), proxy)
        else:
            self._posted[message.id] = proxy

    async def on_delete(
        self, message_id: int, channel_id: int, passage: Passage, delete: Callable[[], Awaitable[None]]
    ) -> None:
        """A message that shows a passage is gone; `delete` where no proxy says it again."""
        gone = _MessageContent(message_id, channel_id, passage.text)
        found = [proxy for proxy in self._posted.values() if gone.posted_again_by(proxy)]
        if found:
            # The longest: the least was taken off.
            await self._pair(gone, max(found, key=lambda proxy: (len(proxy.text), proxy.message_id)))
        elif discord.utils.utcnow() - discord.utils.snowflake_time(message_id) > WITHIN:
            await delete()
        else:
            self._gone[message_id] = gone
            task = asyncio.create_task(self._wait(gone, delete))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)

    async def replacement(self, room: Room) -> int | None:
        """The message that says again what a thread was to hang on.

        Raises:
            RetryLater: that is not decided yet.
        """
        message_id = int(room.id)
        if message_id in self._outcomes:
            return self._outcomes[message_id]
        if discord.utils.utcnow() - discord.utils.snowflake_time(message_id) <= WITHIN:
            raise RetryLater("a message that is gone may be posted again", 1.0)
        return None

    async def _wait(self, gone: _MessageContent, delete: Callable[[], Awaitable[None]]) -> None:
        await self._clock.sleep(AWAITED_S)
        async with self._in_order.holding(str(gone.channel_id)):
            if self._gone.pop(gone.message_id, None) is None:
                return  # it came
            self._outcomes[gone.message_id] = None
            async with error_boundary(f"Message {gone.message_id} could not be taken from its story"):
                await delete()

    async def _pair(self, gone: _MessageContent, proxy: _MessageContent) -> None:
        self._gone.pop(gone.message_id, None)
        self._posted.pop(proxy.message_id, None)
        self._outcomes[gone.message_id] = proxy.message_id
        ids = str(gone.message_id), str(proxy.message_id)
        await self._services.editing.show_by(PLATFORM, *ids, name=proxy.name, text=proxy.text)


def _closest(found: list[_MessageContent]) -> _MessageContent:
    """The one of which the least was taken off; of equal ones the first."""
    return min(found, key=lambda gone: (len(gone.text), gone.message_id))
