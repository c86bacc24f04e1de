"""What holds in a room."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.chat import Room
from bot.domain.jobs import Length
from bot.domain.sampling import PRESETS, STANDARD, Sampling


class Filter(StrEnum):
    """Whether the word filter is on. `AUTO`: unless the platform marks the room as age-restricted."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """What holds in a room, after all that it lies in had its say.

    `length`, `preset`: where an ask leaves them open; `candidates`: how many the button for several makes.
    `filter`: of the model's text, `filter_people`: of people's too; `words` are filtered besides the built-in
    ones. `banned`: phrases that the model never writes. `presets`: the room's own, by name. `listens`: in a
    story's own thread every message is a passage; otherwise only what mentions the bot.
    `parentheses_aside`: a story that begins here takes a line in single parentheses as said beside it.
    `daily_per_person`, `daily_in_all`: asks in 24 hours (0: no limit). `allowed`, `denied`: who and where, as
    `user/1`, `role/5`, `channel/2`; of the people that are among the allowed ones, if any are, one has to
    apply (the person or a role of theirs), and so of the places.
    """

    preset: str = STANDARD
    length: Length | int = Length.MEDIUM
    candidates: int = 3
    filter: Filter = Filter.AUTO
    filter_people: bool = False
    words: tuple[str, ...] = ()
    banned: tuple[str, ...] = ()
    presets: tuple[tuple[str, Sampling], ...] = ()
    listens: bool = True
    parentheses_aside: bool = False
    daily_per_person: int = 0
    daily_in_all: int = 0
    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()


def preset_of(settings: RoomSettings) -> str:
    """The preset that a room writes with where nobody says which: 標準 where its own was taken away."""
    return settings.preset if has_preset(settings.preset, settings) else STANDARD


def has_preset(name: str, settings: RoomSettings) -> bool:
    """Whether a room has a preset of this very name."""
    return name in PRESETS or name in dict(settings.presets)


def sampling_of(preset: str, settings: RoomSettings) -> Sampling:
    """A preset's settings; those of 標準 where it was taken away meanwhile."""
    return dict(settings.presets).get(preset) or PRESETS.get(preset, Sampling())


def is_filtered(settings: RoomSettings, room: Room) -> bool:
    """Whether a room's word filter is on."""
    return settings.filter is Filter.ON or (settings.filter is Filter.AUTO and not room.adult)
