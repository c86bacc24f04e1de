"""Where something may have been written while the bot was away, read with few requests, and patiently."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import discord
import structlog

from adapters.discord.api.rate_limits import Priority, RequestBudget
from adapters.discord.api.requests import as_delivery_errors
from adapters.discord.payloads.messages import PLATFORM
from adapters.discord.payloads.rooms import PRIVATE
from bot.aio.clock import Clock
from bot.aio.retry import Backoff, retry
from bot.core.services import Services
from bot.domain.errors import DeliveryError, RetryLater
from bot.domain.story import Story

LOOKED_AT = 20
"""The stories that changed last are looked at in any case: an edit leaves no sign in a list of channels."""
Readable = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread


PAGE = 100
EVERY_S = 0.2
"""Between two requests: what is written now has Discord's fifty a second to itself."""
TRIES, BACKOFF = 8, Backoff(first_s=1.0, longest_s=60.0)
_log = structlog.get_logger(__name__)
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class MissedChannel:
    """A place that may hold something new: whatever is younger than `after`, a message's id."""

    channel: discord.abc.Messageable
    channel_id: int
    after: int


@dataclass(frozen=True, slots=True)
class MissedChannelSearch:
    """Finds the places, for one shard after the other."""

    client: discord.AutoShardedClient
    services: Services
    history: ChannelHistory

    async def cached_channels(self, guilds: Iterable[discord.Guild], since: datetime) -> list[MissedChannel]:
        """The places of servers that the connection told of, threads first, then the newest first."""
        recent = {int(story.room.id) for story in (await self._open_stories())[:LOOKED_AT]}
        found = [missed for guild in guilds for missed in _in_guild(guild, since, recent)]
        return sorted(found, key=lambda missed: not isinstance(missed.channel, discord.Thread))

    async def uncached_channels(self, shard_id: int, since: datetime) -> AsyncIterator[MissedChannel]:
        """Open stories' places that the connection does not tell of: archived threads, direct messages."""
        after = snowflake(since)
        parents: dict[int, set[int]] = {}
        for number, story in enumerate(await self._open_stories()):
            room_id, within = int(story.room.id), story.room.parent_scopes
            if self._shard_of(within) != shard_id or self.client.get_channel(room_id) is not None:
                continue
            if within and not any(place.startswith(PRIVATE) for place in within):
                parents.setdefault(_number(within, "channel/"), set()).add(room_id)
            elif number < LOOKED_AT and (channel := await self.history.channel(room_id)) is not None:
                yield MissedChannel(channel, room_id, after)
        for parent_id, wanted in parents.items():
            async for missed in self._archived(parent_id, wanted, since):
                yield missed

    async def _archived(
        self, parent_id: int, wanted: set[int], since: datetime
    ) -> AsyncIterator[MissedChannel]:
        parent = self.client.get_channel(parent_id)
        if not isinstance(parent, (discord.TextChannel, discord.ForumChannel)) or not _may_read(parent):
            return
        after = snowflake(since)
        for thread in await self.history.archived(parent):
            # Who writes in a thread takes it out of the archive, so nothing is newer than its archiving.
            if thread.id in wanted and thread.archive_timestamp >= since and _newest(thread) > after:
                yield MissedChannel(thread, thread.id, after)

    async def _open_stories(self) -> list[Story]:
        stories = await self.services.stories.find(PLATFORM)
        return [story for story in stories if not story.closed and story.room.id.isdecimal()]

    def _shard_of(self, within: tuple[str, ...]) -> int:
        guild_id = _number(within, "guild/")
        return (guild_id >> 22) % (self.client.shard_count or 1)


def snowflake(moment: datetime) -> int:
    """The id that a message of this moment would have."""
    return discord.utils.time_snowflake(moment)


def _in_guild(guild: discord.Guild, since: datetime, recent: set[int]) -> Iterator[MissedChannel]:
    joined = guild.me.joined_at if guild.me is not None else None
    after = snowflake(max(since, joined) if joined is not None else since)
    for channel in _channels(guild):
        if (_newest(channel) > after or channel.id in recent) and _may_read(channel):
            yield MissedChannel(channel, channel.id, after)


def _channels(guild: discord.Guild) -> Iterator[Readable]:
    yield from guild.threads
    talked: list[Readable] = [*guild.text_channels, *guild.voice_channels, *guild.stage_channels]
    yield from sorted(talked, key=_newest, reverse=True)


def _newest(channel: Readable) -> int:
    # A forum's post begins with a message that has its own id.
    opened = channel.id if isinstance(channel, discord.Thread) else 0
    return max(channel.last_message_id or 0, opened)


def _may_read(channel: Readable | discord.ForumChannel) -> bool:
    try:
        allowed = channel.permissions_for(channel.guild.me)
    except (discord.ClientException, AttributeError):
        return True  # a thread asks its parent, which the bot may not know: Discord itself will say
    return allowed.view_channel and allowed.read_message_history


def _number(within: tuple[str, ...], kind: str) -> int:
    return next((int(place.removeprefix(kind)) for place in within if place.startswith(kind)), 0)


class ChannelHistory:
    """Reads channels, threads and members, at the pace of one."""

    def __init__(self, client: discord.Client, clock: Clock, budget: RequestBudget) -> None:
        self._client = client
        self._budget = budget
        self._clock = clock
        self._one_by_one = asyncio.Lock()
        self._members: dict[tuple[int, int], discord.Member | None] = {}

    async def read_since(
        self, channel: discord.abc.Messageable, after: int, most: int
    ) -> list[discord.Message] | None:
        """The messages of a place, oldest first: those after an id, and what a page holds besides.

        About `most` of them; None: Discord does not tell.
        """
        found: list[discord.Message] = []
        page: list[discord.Message] | None = None
        while page is None or (len(page) == PAGE and page[-1].id > after and len(found) < most):
            page = await self._page(channel, found[-1] if found else None)
            if page is None:
                return None
            found += page
        return found[::-1]

    async def _page(
        self, channel: discord.abc.Messageable, before: discord.Message | None
    ) -> list[discord.Message] | None:
        return await self._request(lambda: _all(channel.history(limit=PAGE, before=before)))

    async def channel(self, channel_id: int) -> discord.abc.Messageable | None:
        """A channel, thread or direct message that is not known; None where Discord does not tell."""
        found = await self._request(lambda: self._client.fetch_channel(channel_id))
        return found if isinstance(found, discord.abc.Messageable) else None

    async def archived(self, parent: discord.TextChannel | discord.ForumChannel) -> list[discord.Thread]:
        """The public threads of a channel that were archived last."""
        return await self._request(lambda: _all(parent.archived_threads(limit=PAGE))) or []

    async def with_member(self, message: discord.Message) -> None:
        """Give a message of a server its author's name and roles there, which come with live ones only."""
        guild, author = message.guild, message.author
        if guild is None or isinstance(author, discord.Member):
            return
        who = guild.id, author.id
        if who not in self._members:
            known = guild.get_member(author.id)
            self._members[who] = known or await self._request(lambda: guild.fetch_member(author.id))
        message.author = self._members[who] or author

    async def _request(self, ask: Callable[[], Awaitable[Answer]]) -> Answer | None:
        async with self._one_by_one:
            try:
                return await retry(
                    lambda: self._paced(ask),
                    on=RetryLater,
                    backoff=BACKOFF,
                    clock=self._clock,
                    tries=TRIES,
                    before_wait=_log_wait,
                )
            except (DeliveryError, discord.DiscordException) as error:
                _log.warning("Discord does not tell what was written: %s", error)
                return None

    async def _paced(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            async with self._budget.turn(Priority.HISTORY):
                with as_delivery_errors():
                    return await ask()
        finally:
            await self._clock.sleep(EVERY_S)


async def _log_wait(error: BaseException, wait_s: float) -> None:
    _log.info("Discord does not tell what was written; asked again in %.0f s: %s", wait_s, error)


async def _all(things: AsyncIterator[Answer]) -> list[Answer]:
    return [thing async for thing in things]
