"""What a Slack workspace knows: people, channels, messages."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

TEAM = "T0TSUZUKI"
BOT_USER = "U0BOT"
BOT_ID = "B0BOT"
_SECOND_US = 1_000_000

_UNSEEN = re.compile("[\u200b\u200c\u2060\u2063]")
"""Characters without a width."""
_PING = re.compile(r"<(@|!)[^>]*>")


class SlackRefusal(Exception):
    """An answer with `ok: false`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Person:
    """Someone in the workspace."""

    id: str
    name: str
    display_name: str
    locale: str = "ja-JP"
    is_admin: bool = False
    is_restricted: bool = False


@dataclass(slots=True)
class Channel:
    """A conversation. `kind`: channel, group, im or mpim."""

    id: str
    name: str
    kind: str = "channel"
    has_bot: bool = True
    archived: bool = False
    left: set[str] = field(default_factory=set)
    """People who are no members (any more)."""


@dataclass(slots=True)
class Posted:
    """A message. `history` holds its text before each change, oldest first.

    `streamed`: it began as a native stream, which is open since `streaming_since`.
    """

    channel: str
    ts: str
    user: str
    text: str
    thread_ts: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    arguments: dict[str, Any] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    streaming_since: float | None = None
    streamed: bool = False
    subtype: str = ""
    edited_ts: str = ""

    @property
    def buttons(self) -> list[dict[str, Any]]:
        """Its buttons, in their order."""
        rows = [block for block in self.blocks if block["type"] == "actions"]
        return [element for row in rows for element in row["elements"]]

    @property
    def labels(self) -> list[str]:
        """What the buttons say."""
        return [button["text"]["text"] for button in self.buttons]

    @property
    def shown(self) -> str:
        """What people see: the blocks where there are some, with the small print in brackets."""
        blocks = [block for block in self.blocks if block["type"] != "actions"]
        if not blocks:
            return self.text
        return "\n".join(_block_text(block) for block in blocks)

    @property
    def story(self) -> str:
        """The literal text of the first `rich_text` block; what has been streamed, where there is none."""
        first = next((block for block in self.blocks if block["type"] == "rich_text"), None)
        return _block_text(first) if first else self.streamed_text

    @property
    def streamed_text(self) -> str:
        """What people see of a stream's text."""
        return _UNSEEN.sub("", self.text) if self.streamed else ""

    @property
    def pings(self) -> list[str]:
        """Everything in it that would notify someone."""
        found = [match[0] for match in _PING.finditer(self.text)]
        return found + [kind for block in self.blocks for kind in _pinging(block)]

    def payload(self) -> dict[str, Any]:
        """As conversations.replies gives it."""
        message: dict[str, Any] = {"type": "message", "ts": self.ts, "user": self.user, "text": self.text}
        if self.thread_ts:
            message["thread_ts"] = self.thread_ts
        if self.user == BOT_USER:
            message["bot_id"] = BOT_ID
        # Those of a stream are shown below the finished message.
        if self.blocks and self.streaming_since is None:
            message["blocks"] = self.blocks
        if self.metadata:
            message["metadata"] = self.metadata
        if self.files:
            message["files"] = self.files
        if self.subtype:
            message["subtype"] = self.subtype
        if self.edited_ts:
            message["edited"] = {"user": self.user, "ts": self.edited_ts}
        return message


@dataclass(slots=True)
class Workspace:
    """The state behind the Web API."""

    people: dict[str, Person] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    messages: list[Posted] = field(default_factory=list)
    reactions: list[tuple[str, str, str]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    team: str = TEAM
    wall: Callable[[], float] = time.time
    """Seconds since 1970: what people's clocks show."""
    _last_us: int = 0

    def next_ts(self) -> str:
        """A time stamp of now, later than all before."""
        self._last_us = max(self._last_us + 1, int(self.wall() * _SECOND_US))
        return f"{self._last_us // _SECOND_US}.{self._last_us % _SECOND_US:06d}"

    def channel(self, channel_id: str) -> Channel:
        """A channel the bot may see."""
        channel = self.channels.get(channel_id)
        # A private conversation without the bot looks to it as if it were not there.
        if channel is None or (not channel.has_bot and channel.kind != "channel"):
            raise SlackRefusal("channel_not_found")
        return channel

    def readable(self, channel_id: str) -> Channel:
        """A channel whose messages the bot may read."""
        channel = self.channel(channel_id)
        if not channel.has_bot:
            raise SlackRefusal("not_in_channel")
        return channel

    def writable(self, channel_id: str) -> Channel:
        """A channel the bot may write in."""
        channel = self.channel(channel_id)
        if channel.archived:
            raise SlackRefusal("is_archived")
        return self.readable(channel_id)

    def message(self, channel_id: str, ts: str) -> Posted:
        """A message by its address."""
        for message in self.messages:
            if (message.channel, message.ts) == (channel_id, ts):
                return message
        raise SlackRefusal("message_not_found")

    def add(self, message: Posted) -> Posted:
        """Keep a new message."""
        self.messages.append(message)
        return message

    def delete(self, message: Posted) -> None:
        """Someone deleted it."""
        self.messages.remove(message)

    def thread(self, channel_id: str, thread_ts: str) -> list[Posted]:
        """A thread, its first message first."""
        return [m for m in self.messages if m.channel == channel_id and thread_ts in {m.ts, m.thread_ts}]

    def told(self, message: Posted) -> dict[str, Any]:
        """A message as histories give it: the first of a thread says how that goes on."""
        replies = [each for each in self.thread(message.channel, message.ts) if each is not message]
        if not replies:
            return message.payload()
        return message.payload() | {
            "thread_ts": message.ts,
            "reply_count": len(replies),
            "latest_reply": replies[-1].ts,
            "reply_users": list(dict.fromkeys(each.user for each in replies))[:5],
        }

    def by_bot(self, channel_id: str | None = None) -> list[Posted]:
        """What the bot posted, oldest first."""
        return [m for m in self.messages if m.user == BOT_USER and channel_id in {None, m.channel}]

    @property
    def pings(self) -> list[str]:
        """Everything the bot wrote that would notify someone."""
        return [ping for message in self.by_bot() for ping in message.pings]


def _block_text(block: dict[str, Any]) -> str:
    if block["type"] == "rich_text":
        return "".join(_leaves(block))
    if block["type"] == "context":
        return "[" + " ".join(element["text"] for element in block["elements"]) + "]"
    return str(block.get("text", {}).get("text", ""))


def _leaves(node: dict[str, Any]) -> list[str]:
    if node["type"] == "text":
        return [node["text"]]
    return [leaf for child in node.get("elements", []) for leaf in _leaves(child)]


def _pinging(node: dict[str, Any]) -> list[str]:
    if node.get("type") in {"user", "usergroup", "broadcast"}:
        return [node["type"]]
    if node.get("type") == "mrkdwn":
        return [match[0] for match in _PING.finditer(node["text"])]
    inner = [*node.get("elements", []), *([node["text"]] if isinstance(node.get("text"), dict) else [])]
    return [kind for child in inner for kind in _pinging(child)]
