"""What a Discord holds: guilds, channels, people and messages, as the loopback server keeps them."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum, IntFlag
from typing import Any

DISCORD_EPOCH_MS = 1_420_070_400_000
HAS_THREAD = 1 << 5
EPHEMERAL = 1 << 6
LOADING = 1 << 7


def loop_s() -> float:
    """Now, on the clock of the server's loop: monotonic seconds, or what a test makes of them."""
    return asyncio.get_running_loop().time()


def age_s(snowflake: int) -> float:
    """Seconds since an id was given."""
    return time.time() - ((snowflake >> 22) + DISCORD_EPOCH_MS) / 1000


class ChannelType(IntEnum):
    """The channel types that the server knows."""

    TEXT = 0
    DM = 1
    VOICE = 2
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12
    FORUM = 15


class Permission(IntFlag):
    """The permission bits that the server enforces."""

    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    READ_MESSAGE_HISTORY = 1 << 16
    CREATE_PUBLIC_THREADS = 1 << 35
    SEND_MESSAGES_IN_THREADS = 1 << 38


EVERYTHING = Permission(sum(Permission))
NOTHING = Permission(0)


@dataclass(slots=True, eq=False)
class User:
    """An account, human or bot."""

    id: int
    name: str
    display_name: str
    bot: bool = False

    @property
    def mention(self) -> str:
        """How a message names this user."""
        return f"<@{self.id}>"


@dataclass(slots=True, eq=False)
class Role:
    """A role; the bot's own has `bot_id`."""

    id: int
    name: str
    bot_id: int | None = None
    holders: set[int] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Guild:
    """A server with everything in it. `locale` counts only where `community` is set, as at Discord.

    `managers` may manage the server and its channels. `abroad`: the bot is no member there.
    `denied` is taken from its roles. `joined`: the snowflake of the moment at which everybody came in; 0: its
    own.
    """

    id: int
    name: str
    locale: str = "en-US"
    community: bool = False
    members: list[User] = field(default_factory=list)
    roles: list[Role] = field(default_factory=list)
    managers: set[int] = field(default_factory=set)
    abroad: bool = False
    denied: Permission = field(default_factory=lambda: Permission(0))
    joined: int = 0


@dataclass(slots=True, eq=False)
class Channel:
    """A channel, a DM or a thread.

    `denied` is taken from everybody's permissions there; `hidden`: only the server's owner sees it;
    `private`: a conversation between people, in which the bot is not; `awaits_author`: a forum's post whose
    author has not written its first message yet. `newest` is the last message's id, and `archived_at` the
    snowflake of that moment.
    """

    id: int
    type: ChannelType
    name: str
    guild: Guild | None
    parent: Channel | None = None
    owner_id: int | None = None
    denied: Permission = NOTHING
    recipient: User | None = None
    archived: bool = False
    locked: bool = False
    deleted: bool = False
    nsfw: bool = False
    hidden: bool = False
    private: bool = False
    awaits_author: bool = False
    newest: int = 0
    archived_at: int = 0

    @property
    def is_thread(self) -> bool:
        """Whether this is a thread of another channel."""
        return self.type in {ChannelType.PUBLIC_THREAD, ChannelType.PRIVATE_THREAD}

    @property
    def allowed(self) -> Permission:
        """What the bot may do here: a thread asks its parent."""
        where = self.parent or self
        return EVERYTHING & ~where.denied


@dataclass(frozen=True, slots=True)
class Version:
    """What a message showed from `at_s` (`loop_s`) on; `at` is the same moment by the calendar."""

    content: str
    at_s: float
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(slots=True, eq=False)
class Message:
    """A message with all it ever showed, oldest first.

    `command_id`: the interaction that it answers; `webhook_id`: what posted it in its author's name.
    """

    id: int
    channel: Channel
    author: User
    versions: list[Version]
    type: int = 0
    nonce: str | None = None
    reply_to: int | None = None
    flags: int = 0
    allowed_mentions: list[object] = field(default_factory=list)
    mentions: list[User] = field(default_factory=list)
    role_mentions: list[Role] = field(default_factory=list)
    ephemeral_to: User | None = None
    deleted: bool = False
    components: list[Any] = field(default_factory=list)
    files: list[tuple[str, bytes]] = field(default_factory=list)
    command_id: int | None = None
    webhook_id: int | None = None

    @property
    def content(self) -> str:
        """What it shows now."""
        return self.versions[-1].content

    @property
    def edited_at(self) -> str | None:
        """When it was edited last, in ISO 8601; None where it never was."""
        return self.versions[-1].at.isoformat() if len(self.versions) > 1 else None

    @property
    def history(self) -> list[str]:
        """Every text it showed."""
        return [version.content for version in self.versions]

    @property
    def buttons(self) -> dict[str, str]:
        """The buttons that can be pressed: label by custom_id, in their order."""
        parts = [part for row in self.components for part in row["components"]]
        return {part["custom_id"]: part["label"] for part in parts if not part.get("disabled")}

    @property
    def gaps_s(self) -> list[float]:
        """Seconds between one version and the next."""
        return [after.at_s - before.at_s for before, after in itertools.pairwise(self.versions)]


@dataclass(slots=True)
class World:
    """Everything there is, by id. What comes to be is `ago_s` seconds old at once."""

    users: dict[int, User] = field(default_factory=dict)
    guilds: dict[int, Guild] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    ago_s: float = 0.0
    files_url: str = ""
    _serial: itertools.count[int] = field(default_factory=itertools.count)

    def snowflake(self) -> int:
        """A new id that holds the time, as Discord's do."""
        elapsed_ms = int((time.time() - self.ago_s) * 1000) - DISCORD_EPOCH_MS
        return (elapsed_ms << 22) | (next(self._serial) & 0x3FFFFF)

    def add_user(self, name: str, *, display_name: str | None = None, bot: bool = False) -> User:
        """A new account."""
        user = User(self.snowflake(), name, display_name or name, bot)
        self.users[user.id] = user
        return user

    def add_guild(self, name: str, members: list[User], *, locale: str, community: bool) -> Guild:
        """A new server; bots among the members get a role of their own."""
        guild = Guild(self.snowflake(), name, locale, community, members)
        guild.managers = {members[0].id}
        guild.roles = [Role(self.snowflake(), user.name, user.id) for user in members if user.bot]
        self.guilds[guild.id] = guild
        return guild

    def add_channel(
        self,
        name: str,
        guild: Guild,
        kind: ChannelType = ChannelType.TEXT,
        denied: Permission = NOTHING,
    ) -> Channel:
        """A new channel of a guild."""
        channel = Channel(self.snowflake(), kind, name, guild, denied=denied)
        self.channels[channel.id] = channel
        return channel

    def direct(self, user: User) -> Channel:
        """The DM channel with a user; made when it is not there."""
        for channel in self.channels.values():
            if channel.recipient is user and not channel.private:
                return channel
        channel = Channel(self.snowflake(), ChannelType.DM, "", None, recipient=user)
        self.channels[channel.id] = channel
        return channel

    def add_conversation(self, friend: User) -> Channel:
        """The direct messages of somebody with `friend`: the bot is no part of it."""
        channel = Channel(self.snowflake(), ChannelType.DM, "", None, recipient=friend, private=True)
        self.channels[channel.id] = channel
        return channel

    def add_thread(self, parent: Channel, name: str, owner: User, thread_id: int | None = None) -> Channel:
        """A new public thread. One started from a message has the message's id."""
        thread = Channel(
            thread_id or self.snowflake(),
            ChannelType.PUBLIC_THREAD,
            name,
            parent.guild,
            parent=parent,
            owner_id=owner.id,
        )
        self.channels[thread.id] = thread
        return thread

    def add_message(self, channel: Channel, author: User, content: str, **details: object) -> Message:
        """A new message."""
        versions = [Version(content, loop_s())]
        message = Message(self.snowflake(), channel, author, versions, **details)  # type: ignore[arg-type]
        self.messages[message.id] = message
        channel.newest = message.id
        return message

    def threads_of(self, channel: Channel) -> list[Channel]:
        """The threads of a channel, oldest first."""
        return [other for other in self.channels.values() if other.parent is channel and not other.deleted]
