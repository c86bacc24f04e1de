"""Slack's payloads into our own values. Pure: names of people are looked up elsewhere and passed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.slack.entities import plain, users_in, with_emoji, without_mention
from bot.messages import Author, Message, Room

PLATFORM = "slack"

_SUBTYPES_OF_PEOPLE = {None, "file_share", "thread_broadcast"}
"""A person writing. Every other subtype is an edit, a join, a bot, a change of topic."""


@dataclass(frozen=True, slots=True)
class Bot:
    """Who the bot is in its workspace, as `auth.test` says."""

    team_id: str
    user_id: str
    bot_id: str


@dataclass(frozen=True, slots=True)
class Place:
    """An address in Slack: a thread of a channel. `thread_ts` empty: the channel itself."""

    team: str
    channel: str
    thread_ts: str = ""

    @property
    def room(self) -> Room:
        """The same address as a Room."""
        return Room(PLATFORM, f"{self.team}/{self.channel}/{self.thread_ts}")

    @classmethod
    def of(cls, room: Room) -> Place:
        """The address that a Room of this platform holds."""
        team, channel, thread_ts = room.id.split("/")
        return cls(team, channel, thread_ts)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A person's message that is meant for the bot, still in Slack's writing.

    `begins`: it is not in a thread yet, so a story made of it has no earlier messages.
    """

    place: Place
    ts: str
    user_id: str
    raw: str
    begins: bool

    @property
    def event_id(self) -> str:
        """The same for the mention and the message of one text, and for every delivery of both."""
        return f"{self.place.channel}:{self.ts}"

    @property
    def mentioned(self) -> tuple[str, ...]:
        """The people whose names the text needs."""
        return users_in(self.raw)

    def message(self, author: Author, names: Mapping[str, str]) -> Message:
        """What the play hears."""
        return Message(self.event_id, self.place.room, author, plain(self.raw, names))


def incoming(body: Mapping[str, Any], bot: Bot) -> Incoming | None:
    """What an event says to the bot; None where nothing is: bots, edits, joins, talk between people.

    A mention may come as `app_mention`, as `message`, or as both in either order.
    """
    event = body.get("event") or {}
    text = str(event.get("text") or "")
    if not _by_a_person(event, bot) or not _to_the_bot(event, text, bot):
        return None
    ts, thread_ts = str(event["ts"]), str(event.get("thread_ts") or "")
    place = Place(str(body.get("team_id") or bot.team_id), str(event["channel"]), thread_ts or ts)
    raw = with_emoji(without_mention(text, bot.user_id), event.get("blocks"))
    return Incoming(place, ts, str(event["user"]), raw, begins=not thread_ts)


def _by_a_person(event: Mapping[str, Any], bot: Bot) -> bool:
    return (
        event.get("subtype") in _SUBTYPES_OF_PEOPLE
        and not event.get("bot_id")
        and not event.get("edited")
        and not event.get("hidden")
        and event.get("user") not in {None, bot.user_id, "USLACKBOT"}
    )


def _to_the_bot(event: Mapping[str, Any], text: str, bot: Bot) -> bool:
    if event.get("type") == "app_mention" or event.get("channel_type") == "im":
        return True
    return bot.user_id in users_in(text)


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command, its text still in Slack's writing."""

    place: Place
    user_id: str
    user_name: str
    raw: str
    trigger_id: str

    def text(self, names: Mapping[str, str]) -> str:
        """What the person wrote after the command."""
        return plain(self.raw, names)


def command(body: Mapping[str, Any], bot: Bot) -> Command:
    """A slash command's payload."""
    return Command(
        Place(str(body.get("team_id") or bot.team_id), str(body["channel_id"])),
        str(body["user_id"]),
        str(body.get("user_name") or body["user_id"]),
        str(body.get("text") or ""),
        str(body.get("trigger_id") or ""),
    )
