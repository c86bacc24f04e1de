"""What happened in a thread while nobody listened, from what it holds now. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from adapters.slack.payloads.events import Bot, Change, Incoming, Place, by_a_person, spoken

_DIRECT = "D"
CLOCKS_DIFFER_S = 10.0
"""Slack's clock and ours. What came as an event, too, is no harm."""

_LEAST_LOOKS, _LEAST_MINUTES = 15, 2


@dataclass(frozen=True, slots=True)
class Absence:
    """When nobody listened, in seconds since 1970."""

    since: float
    until: float

    def looks(self, reads_a_minute: int) -> int:
        """How many threads, and how many channels, are looked at for it.

        Looking takes no longer than the absence did, a little in any case.
        """
        minutes = max(_LEAST_MINUTES, (self.until - self.since) / 60)
        return max(_LEAST_LOOKS, int(reads_a_minute * minutes))

    def holds(self, ts: str) -> bool:
        """Whether a message is of that time."""
        return self.since < float(ts) <= self.until + CLOCKS_DIFFER_S


@dataclass(frozen=True, slots=True)
class Missed:
    """What people wrote meanwhile, in its order, and what became of what they had written before."""

    said: tuple[Incoming, ...] = ()
    changes: tuple[Change, ...] = ()


def missed(messages: Iterable[Mapping[str, Any]], place: Place, bot: Bot, absence: Absence) -> Missed:
    """What a thread says of an absence. Replies that were deleted are not there, and nothing says so."""
    said: list[Incoming] = []
    changes: list[Change] = []
    for message in messages:
        if message.get("subtype") == "tombstone":
            changes.append(Change(place, str(message["ts"]), None))
        elif by_a_person(message, bot):
            heard = as_heard(message, place, bot)
            if absence.holds(heard.ts):
                said.append(heard)
            elif float(heard.ts) <= absence.since and _edited_at(message) > absence.since:
                changes.append(Change(heard.place, heard.ts, heard.raw, heard.files))
    return Missed(tuple(sorted(said, key=lambda each: float(each.ts))), tuple(changes))


def as_heard(message: Mapping[str, Any], place: Place, bot: Bot) -> Incoming:
    """A message of a history as its event would have told it."""
    said = spoken(message, place.team, place.channel, bot)
    return replace(said, direct=place.channel.startswith(_DIRECT))


def _edited_at(message: Mapping[str, Any]) -> float:
    return float((message.get("edited") or {}).get("ts") or 0.0)
