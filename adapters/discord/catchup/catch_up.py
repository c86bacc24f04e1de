"""What was written while the bot was away, or between two connections: heard late, in its order.

Discord tells a client that resumes what it missed, and one that identifies anew nothing. So the places that
show a newer message than the last moment the bot is known to have listened are read. What came live meanwhile
is known by its event and changes nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import structlog

from adapters.discord.catchup.missed_channels import ChannelHistory, MissedChannel, MissedChannelSearch
from adapters.discord.handlers.messages import MessageHandler
from adapters.discord.payloads.messages import (
    PLATFORM,
    BotIdentity,
    addresses_bot,
    bot_identity,
    fill_in_mentions,
    has_content,
    is_by_person,
)
from adapters.discord.payloads.rooms import opens_threads, room_of
from adapters.shared.error_boundary import error_boundary
from bot.aio.keyed_lock import KeyedLock
from bot.core.services import Services
from bot.domain.repositories import Heartbeats

EVERYWHERE = ""
"""Discord is heard as a whole: there is one heartbeat for all of it."""
OVERLAP = timedelta(minutes=2)
"""A connection that died is noticed within a minute, and this machine's clock may be another minute ahead."""
ANSWERED_FOR = timedelta(minutes=15)
"""Who asked longer ago than this does not wait for an answer any more."""
MOST_IN_THREAD = 1000
MOST_IN_CHANNEL = 300
"""How far back a place is read. In a channel only what mentions the bot counts."""

_log = structlog.get_logger(__name__)


class GatewayCatchUp:
    """Follows the connection's shards, and hears late what each of them missed."""

    def __init__(
        self,
        client: discord.AutoShardedClient,
        services: Services,
        messages: MessageHandler,
        in_order: KeyedLock,
        heartbeats: Heartbeats | None,
        history: ChannelHistory,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._services = services
        self._messages = messages
        self._in_order = in_order
        self._heartbeats = heartbeats
        self._now = now
        self._history = history
        self._search = MissedChannelSearch(client, services, history)
        self.shards = ShardStates()
        self._unavailable_since: dict[int, datetime] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._unreadable = 0
        self._listened_before = False

    async def prepare(self) -> None:
        """Before the connection: on a first start nothing was missed, and nobody waits."""
        self._listened_before = await self._since() is not None

    def listening_to(self) -> Collection[str]:
        """All of Discord, while nothing that was written is missing."""
        return (EVERYWHERE,) if self.shards.all_listening(self._client.shards) else ()

    async def until_settled(self, guild_id: int | None) -> None:
        """Wait until what was missed where this comes from has its turn."""
        await self.shards.until_settled(self._shard_of(guild_id))

    def close(self) -> None:
        """Leave it to the next connection."""
        for task in self._tasks:
            task.cancel()

    # What the connection tells

    def identified(self, shard_id: int) -> None:
        """A shard identified."""
        self.shards.identified(shard_id, missed=self._listened_before)

    def ready(self, shard_id: int) -> None:
        """A shard knows its servers: find out what was missed there."""
        self.shards.begin(shard_id)
        self._started(self._ready(shard_id))

    async def _ready(self, shard_id: int) -> None:
        guilds = [guild for guild in self._client.guilds if guild.shard_id == shard_id]
        try:
            async with error_boundary(f"What shard {shard_id} missed could not be caught up with"):
                since = await self._since()
                if since is not None:
                    self._unavailable_since.update({guild.id: since for guild in guilds if guild.unavailable})
                    there = [guild for guild in guilds if not guild.unavailable]
                    await self._catch_up(there, since, shard_id)
        finally:
            self._listened_before = self._heartbeats is not None
            self.shards.end(shard_id)

    def guild_unavailable(self, guild: discord.Guild) -> None:
        """A server is out of order."""
        self._unavailable_since.setdefault(guild.id, self._now() - OVERLAP)

    def guild_available(self, guild: discord.Guild) -> None:
        """A server is there again: what was written before the bot was told of it was missed."""
        since = self._unavailable_since.pop(guild.id, None)
        if since is not None:
            self._started(self._read_guild(guild, since))

    async def _read_guild(self, guild: discord.Guild, since: datetime) -> None:
        await self._read_all(await self._search.cached_channels([guild], since), since)

    # What was missed

    async def _since(self) -> datetime | None:
        if self._heartbeats is None:
            return None
        until = (await self._heartbeats.listened_until(PLATFORM)).get(EVERYWHERE)
        return None if until is None else until - OVERLAP

    async def _catch_up(self, guilds: Iterable[discord.Guild], since: datetime, shard_id: int) -> None:
        reading = self._started(self._read_all(await self._search.cached_channels(guilds, since), since))
        await asyncio.sleep(0)  # each place has its turn now, and whoever writes there comes behind
        self.shards.settled(shard_id)
        await reading
        async for missed in self._search.uncached_channels(shard_id, since):
            await self._read_all([missed], since)
        self._log_unreadable()

    async def _read_all(self, places: Iterable[MissedChannel], since: datetime) -> None:
        work = [self._started(self._read(missed, since)) for missed in places]
        await asyncio.gather(*work)

    def _started(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _read(self, missed: MissedChannel, since: datetime) -> None:
        async with error_boundary(f"Channel {missed.channel_id} could not be caught up with"):
            if opens_threads(missed.channel):
                await self._read_channel(missed, since)
            else:
                async with self._in_order.holding(str(missed.channel_id)):
                    await self._read_story(missed, since)

    async def _read_channel(self, missed: MissedChannel, since: datetime) -> None:
        """Where each mention begins a story of its own, in a thread of its own."""
        for message in await self._history.read_since(missed.channel, missed.after, MOST_IN_CHANNEL) or ():
            me = bot_identity(self._client, message.guild)
            if me is None or not is_by_person(message):
                continue
            fill_in_mentions(message)
            async with self._in_order.holding(str(missed.channel_id), str(message.id)):
                if await self._is_new(message, me, missed, since) and addresses_bot(me, message):
                    await self._receive(message, me, answer=self._is_young(message))

    async def _read_story(self, missed: MissedChannel, since: datetime) -> None:
        """Where one story is told: all that was written is heard, and answered once at most."""
        messages = await self._history.read_since(missed.channel, missed.after, MOST_IN_THREAD) or []
        new: list[tuple[discord.Message, BotIdentity]] = []
        for message in messages:
            me = bot_identity(self._client, message.guild)
            if me is not None and is_by_person(message):
                fill_in_mentions(message)
                if await self._is_new(message, me, missed, since):
                    new.append((message, me))
        unread = self._unreadable
        wanting = await self._awaiting_reply(new)
        for message, me in new:
            last = bool(wanting) and message.id == wanting[-1].id
            if last or message in wanting or isinstance(message.channel, discord.Thread):
                await self._receive(message, me, answer=last and self._is_young(message), told_of=last)
        if wanting and self._unreadable > unread:
            await self._messages.notify_unread_lines(wanting[-1], self._unreadable - unread)

    async def _awaiting_reply(
        self, new: Iterable[tuple[discord.Message, BotIdentity]]
    ) -> list[discord.Message]:
        """The messages that would have been answered."""
        wanting: list[discord.Message] = []
        for message, me in new:
            guild_id = message.guild.id if message.guild is not None else None
            room = room_of(message.channel, message.channel.id, guild_id)
            if addresses_bot(me, message):
                wanting.append(message)
            elif (
                isinstance(message.channel, discord.Thread)
                and (await self._services.settings.resolve(room)).listens
            ):
                told = bool(wanting) or await self._services.stories.open_in(room) is not None
                if told and has_content(message):
                    wanting.append(message)
                elif told and not self._client.intents.message_content:
                    self._unreadable += 1
        return wanting

    async def _is_new(
        self, message: discord.Message, me: BotIdentity, missed: MissedChannel, since: datetime
    ) -> bool:
        """Whether a message was never heard. One that was, and was edited since, is heard of again."""
        if await self._services.passages.by_message(PLATFORM, str(message.id)) is None:
            return message.id > missed.after
        if message.edited_at is not None and message.edited_at > since and has_content(message):
            await self._messages.on_edit(message, me)
        return False

    async def _receive(
        self, message: discord.Message, me: BotIdentity, *, answer: bool, told_of: bool = True
    ) -> None:
        await self._history.with_member(message)
        if addresses_bot(me, message):
            await self._messages.on_message(message, me, answer=answer)
        elif has_content(message):
            await self._messages.on_thread_message(message, me, answer=answer)
        if told_of and not answer:
            await self._messages.notify_kept(message)

    def _is_young(self, message: discord.Message) -> bool:
        return self._now() - message.created_at <= ANSWERED_FOR

    def _shard_of(self, guild_id: int | None) -> int:
        return 0 if guild_id is None else (guild_id >> 22) % (self._client.shard_count or 1)

    def _log_unreadable(self) -> None:
        if self._unreadable:
            _log.warning(
                "%d lines in stories' threads could not be read: Discord does not give this bot the content "
                "of messages that do not mention it",
                self._unreadable,
            )
        self._unreadable = 0


class ShardStates:
    """Follows the shards by their events.

    One that identified anew has missed something: what it hears from then on waits until the places where
    something was missed are known, or it would come before that. It counts as hearing once that is caught up
    with, and while it is connected.
    """

    def __init__(self) -> None:
        self._connected: set[int] = set()
        self._unready: set[int] = set()
        self._behind: Counter[int] = Counter()
        self._unsettled: dict[int, asyncio.Event] = {}

    def identified(self, shard_id: int, *, missed: bool) -> None:
        """It identified. `missed`: the bot was there before, so others may have to wait."""
        self._connected.add(shard_id)
        self._unready.add(shard_id)
        if missed:
            self._unsettled.setdefault(shard_id, asyncio.Event())

    def resumed(self, shard_id: int) -> None:
        """It was told all that it missed since its connection broke."""
        self._connected.add(shard_id)

    def disconnected(self, shard_id: int) -> None:
        """The connection is gone."""
        self._connected.discard(shard_id)

    def begin(self, shard_id: int) -> None:
        """It knows its servers, and something is being caught up with."""
        self._unready.discard(shard_id)
        self._behind[shard_id] += 1

    def settled(self, shard_id: int) -> None:
        """What was missed has its turn; what is heard from now on comes behind it."""
        if (waiting := self._unsettled.pop(shard_id, None)) is not None:
            waiting.set()

    def end(self, shard_id: int) -> None:
        """It is caught up with."""
        self.settled(shard_id)
        self._behind[shard_id] -= 1

    async def until_settled(self, shard_id: int) -> None:
        """Wait while it is found out what this shard missed."""
        if (waiting := self._unsettled.get(shard_id)) is not None:
            await waiting.wait()

    def all_listening(self, shard_ids: Iterable[int]) -> bool:
        """Whether each of these shards hears without having missed anything, and there are some."""
        wanted = set(shard_ids)
        hearing = self._connected - self._unready
        return bool(wanted) and wanted <= hearing and not any(map(self._behind.get, wanted))
