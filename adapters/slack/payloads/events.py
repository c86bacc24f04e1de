"""Slack's payloads into our own values. Pure: names of people are looked up elsewhere and passed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from adapters.slack.payloads.files import File, parse_files
from adapters.slack.payloads.text import mentioned_users, restore_emoji, strip_mention, to_plain_text
from bot.domain.chat import Author, Message, Room

PLATFORM = "slack"

_SUBTYPES_OF_PEOPLE = {None, "file_share", "thread_broadcast"}
"""A person writing. Every other subtype is an edit, a join, a bot, a change of topic."""


@dataclass(frozen=True, slots=True)
class BotUser:
    """Who the bot is in its workspace, as `auth.test` says."""

    team_id: str
    user_id: str
    bot_id: str


@dataclass(frozen=True, slots=True)
class SlackThread:
    """An address in Slack: a thread of a channel. `thread_ts` empty: the channel itself."""

    team: str
    channel: str
    thread_ts: str = ""

    @property
    def room(self) -> Room:
        """The same address as a Room."""
        within = (f"team/{self.team}", f"channel/{self.channel}")
        return Room(PLATFORM, f"{self.team}/{self.channel}/{self.thread_ts}", within)

    def under(self, ts: str) -> SlackThread:
        """The thread under the message `ts` of the same channel."""
        return replace(self, thread_ts=ts)

    @classmethod
    def of(cls, room: Room) -> SlackThread:
        """The address that a Room of this platform holds."""
        team, channel, thread_ts = room.id.split("/")
        return cls(team, channel, thread_ts)


def message_id(channel: str, ts: str) -> str:
    """What a message is called outside: a `ts` alone is unique in its channel only."""
    return f"{channel}:{ts}"


def ts_of(message_id: str) -> str:
    """The `ts` in what `message_id` made."""
    return message_id.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A person's message, still in Slack's writing, without the bot's name.

    `starts_thread`: it is not in a thread yet, so a story made of it has no earlier messages. What neither
    mentions the bot nor is direct is received in a story's thread only.
    """

    thread: SlackThread
    ts: str
    user_id: str
    raw: str
    starts_thread: bool
    mentions_bot: bool = True
    is_direct: bool = False
    files: tuple[File, ...] = ()

    @property
    def event_id(self) -> str:
        """The same for the mention and the message of one text, and for every delivery of both."""
        return message_id(self.thread.channel, self.ts)

    @property
    def is_to_bot(self) -> bool:
        """Whether it was written to the bot, in a mention or directly."""
        return self.mentions_bot or self.is_direct

    @property
    def mentioned_users(self) -> tuple[str, ...]:
        """The people whose names the text needs."""
        return mentioned_users(self.raw)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written, nor sent that could be a text."""
        return not self.raw.strip() and all(file.is_media for file in self.files)

    def to_message(self, author: Author, names: Mapping[str, str], attached: str = "") -> Message:
        """The message as a story receives it; `attached` is what its files say."""
        return Message(
            self.event_id, self.thread.room, author, to_plain_text(self.raw, names), attached=attached
        )


def parse_message_event(body: Mapping[str, Any], bot: BotUser) -> IncomingMessage | None:
    """What a person wrote where the bot may read it; None for bots, edits, joins and talk outside of threads.

    A mention may come as `app_mention`, as `message`, or as both in either order.
    """
    event = body.get("event") or {}
    called = event.get("type") == "app_mention" or bot.user_id in mentioned_users(
        str(event.get("text") or "")
    )
    direct = event.get("channel_type") == "im"
    incoming = called or direct or event.get("thread_ts")
    if not is_from_person(event, bot) or event.get("edited") or not incoming:
        return None
    incoming = parse_message(event, team_of(body, bot), str(event["channel"]), bot)
    return replace(incoming, mentions_bot=called, is_direct=direct)


def parse_message(message: Mapping[str, Any], team: str, channel: str, bot: BotUser) -> IncomingMessage:
    """A message as it stands in an event or in a thread's history."""
    ts, thread_ts = str(message["ts"]), str(message.get("thread_ts") or "")
    text = str(message.get("text") or "")
    raw = restore_emoji(strip_mention(text, bot.user_id), message.get("blocks"))
    thread = SlackThread(team, channel, thread_ts or ts)
    user, called = str(message.get("user") or ""), bot.user_id in mentioned_users(text)
    files = parse_files(message)
    return IncomingMessage(
        thread, ts, user, raw, starts_thread=thread_ts in {"", ts}, mentions_bot=called, files=files
    )


def team_of(body: Mapping[str, Any], bot: BotUser | None = None) -> str:
    """The workspace that a payload comes from."""
    granted = body.get("authorizations") or [{}]
    team = body.get("team")
    named = team.get("id") if isinstance(team, Mapping) else team
    user = body.get("user")
    of_user = user.get("team_id") if isinstance(user, Mapping) else ""
    return str(
        granted[0].get("team_id") or body.get("team_id") or named or of_user or (bot and bot.team_id) or ""
    )


def is_from_person(message: Mapping[str, Any], bot: BotUser) -> bool:
    """Whether a person wrote it, as a message of its own."""
    return (
        message.get("subtype") in _SUBTYPES_OF_PEOPLE
        and not message.get("bot_id")
        and not message.get("hidden")
        and message.get("user") not in {None, bot.user_id, "USLACKBOT"}
    )


@dataclass(frozen=True, slots=True)
class MessageChange:
    """What became of a message: `raw` is its new text, None where it was deleted."""

    thread: SlackThread
    ts: str
    raw: str | None
    files: tuple[File, ...] = ()

    @property
    def mentioned_users(self) -> tuple[str, ...]:
        """The people whose names the text needs."""
        return mentioned_users(self.raw or "")

    def text(self, names: Mapping[str, str], attached: str = "") -> str:
        """The new text as its writer sees it, and what its files say."""
        return "\n".join(part for part in (to_plain_text(self.raw or "", names), attached) if part)


def parse_message_change(body: Mapping[str, Any], bot: BotUser) -> MessageChange | None:
    """What an event says about an earlier message; None where people changed nothing."""
    event = body.get("event") or {}
    former: Mapping[str, Any] = event.get("previous_message") or {}
    if event.get("subtype") == "message_deleted":
        now: Mapping[str, Any] = former
        ts = str(event.get("deleted_ts") or former.get("ts") or "")
        gone = True
    elif event.get("subtype") == "message_changed":
        now = event.get("message") or {}
        ts = str(now.get("ts") or "")
        # The first message of a thread leaves a tombstone.
        gone = now.get("subtype") == "tombstone"
        if not gone and (not is_from_person(now, bot) or now.get("text") == former.get("text")):
            return None
    else:
        return None
    incoming = parse_message({**now, "ts": ts}, team_of(body, bot), str(event["channel"]), bot)
    return MessageChange(incoming.thread, ts, None if gone else incoming.raw, () if gone else incoming.files)


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """A slash command, its text still in Slack's writing."""

    thread: SlackThread
    user_id: str
    user_name: str
    raw: str
    trigger_id: str

    def text(self, names: Mapping[str, str]) -> str:
        """What the person wrote after the command."""
        return to_plain_text(self.raw, names)


def parse_slash_command(body: Mapping[str, Any], bot: BotUser) -> SlashCommand:
    """A slash command's payload."""
    return SlashCommand(
        SlackThread(team_of(body, bot), str(body["channel_id"])),
        str(body["user_id"]),
        str(body.get("user_name") or body["user_id"]),
        str(body.get("text") or ""),
        str(body.get("trigger_id") or ""),
    )


@dataclass(frozen=True, slots=True)
class BlockAction:
    """A clicked button: which, what it carries, and on which message of which thread."""

    name: str
    value: str
    thread: SlackThread
    ts: str
    user_id: str
    action_ts: str
    trigger_id: str
    message_text: str = ""

    @property
    def event_id(self) -> str:
        """The same for every delivery of one click."""
        return f"{message_id(self.thread.channel, self.ts)}:{self.name}:{self.action_ts}"


def parse_block_action(body: Mapping[str, Any], bot: BotUser) -> BlockAction:
    """A button's payload."""
    action = (body.get("actions") or [{}])[0]
    container = body.get("container") or {}
    message = body.get("message") or {}
    channel = str((body.get("channel") or {}).get("id") or container.get("channel_id") or "")
    ts = str(container.get("message_ts") or message.get("ts") or "")
    thread_ts = str(message.get("thread_ts") or container.get("thread_ts") or ts)
    return BlockAction(
        str(action.get("action_id") or "").partition(":")[2],
        str(action.get("value") or ""),
        SlackThread(team_of(body, bot), channel, thread_ts),
        ts,
        str(body["user"]["id"]),
        str(action.get("action_ts") or ""),
        str(body.get("trigger_id") or ""),
        to_plain_text(str(message.get("text") or ""), {}),
    )


@dataclass(frozen=True, slots=True)
class MessageShortcut:
    """A message that somebody chose in its menu."""

    message: IncomingMessage
    is_from_person: bool
    user_id: str
    action_ts: str


def parse_message_shortcut(body: Mapping[str, Any], bot: BotUser) -> MessageShortcut:
    """A message shortcut's payload."""
    message = body["message"]
    return MessageShortcut(
        parse_message(message, team_of(body, bot), str(body["channel"]["id"]), bot),
        is_from_person(message, bot),
        str(body["user"]["id"]),
        str(body.get("action_ts") or message["ts"]),
    )
