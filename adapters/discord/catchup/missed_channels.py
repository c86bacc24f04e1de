"""Where something may have been written while the bot was away: compared before anything is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import discord

from adapters.discord.catchup.history import ChannelHistory
from adapters.discord.payloads.messages import PLATFORM
from adapters.discord.payloads.rooms import PRIVATE
from bot.core.services import Services
from bot.domain.story import Story

LOOKED_AT = 20
"""The stories that changed last are looked at in any case: an edit leaves no sign in a list of channels."""
Readable = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread


@dataclass(frozen=True, slots=True)
class MissedChannel:
    """A place that may hold something new: whatever is younger than `after`, a message's id."""

    channel: discord.abc.Messageable
    channel_id: int
    after: int


class MissedChannelSearch:
    """Finds the places, for one shard after the other."""

    def __init__(
        self, client: discord.AutoShardedClient, services: Services, history: ChannelHistory
    ) -> None:
        self._client = client
        self._services = services
        self._history = history

    async def known(self, guilds: Iterable[discord.Guild], since: datetime) -> list[MissedChannel]:
        """The places of servers that the connection told of, threads first, then the newest first."""
        recent = {int(story.room.id) for story in (await self._open_stories())[:LOOKED_AT]}
        found = [missed for guild in guilds for missed in _in_guild(guild, since, recent)]
        return sorted(found, key=lambda missed: not isinstance(missed.channel, discord.Thread))

    async def unknown(self, shard_id: int, since: datetime) -> AsyncIterator[MissedChannel]:
        """Open stories' places that the connection does not tell of: archived threads, direct messages."""
        after = snowflake(since)
        parents: dict[int, set[int]] = {}
        for number, story in enumerate(await self._open_stories()):
            room_id, within = int(story.room.id), story.room.parent_scopes
            if self._shard_of(within) != shard_id or self._client.get_channel(room_id) is not None:
                continue
            if within and not any(place.startswith(PRIVATE) for place in within):
                parents.setdefault(_number(within, "channel/"), set()).add(room_id)
            elif number < LOOKED_AT and (channel := await self._history.channel(room_id)) is not None:
                yield MissedChannel(channel, room_id, after)
        for parent_id, wanted in parents.items():
            async for missed in self._archived(parent_id, wanted, since):
                yield missed

    async def _archived(
        self, parent_id: int, wanted: set[int], since: datetime
    ) -> AsyncIterator[MissedChannel]:
        parent = self._client.get_channel(parent_id)
        if not isinstance(parent, (discord.TextChannel, discord.ForumChannel)) or not _may_read(parent):
            return
        after = snowflake(since)
        for thread in await self._history.archived(parent):
            # Who writes in a thread takes it out of the archive, so nothing is newer than its archiving.
            if thread.id in wanted and thread.archive_timestamp >= since and _newest(thread) > after:
                yield MissedChannel(thread, thread.id, after)

    async def _open_stories(self) -> list[Story]:
        stories = await self._services.stories.list_stories(PLATFORM)
        return [story for story in stories if not story.closed and story.room.id.isdecimal()]

    def _shard_of(self, within: tuple[str, ...]) -> int:
        guild_id = _number(within, "guild/")
        return (guild_id >> 22) % (self._client.shard_count or 1)


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
