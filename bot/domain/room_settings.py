"""What holds in a room: each setting declared once, with all that forms, commands and files need to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from bot.domain.chat import Room
from bot.domain.jobs import MAX_CANDIDATES, MAX_CHARACTERS, MIN_CHARACTERS, Length
from bot.domain.sampling import MAX_BANNED, PRESETS, STANDARD, Sampling

MAX_ENTRIES = 500
MAX_ENTRY_CHARACTERS = 50
"""Of a word that is filtered, a phrase that is never written, and a preset's name."""
MAX_PRESETS = 20
MAX_A_DAY = 100_000


class Filter(StrEnum):
    """Whether the word filter is on. `AUTO`: unless the platform marks the room as age-restricted."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class SettingKind(StrEnum):
    """What a setting's value is. The web room's script knows these words."""

    NUMBER = "number"
    """A whole number."""
    SWITCH = "switch"
    CHOICE = "choice"
    """A member of the enumeration that the default is of."""
    LENGTH = "length"
    """A `Length`, or a number of characters."""
    PRESET = "preset"
    """The name of a preset, built in or the room's own."""
    WORDS = "words"
    """Any number of texts."""
    SCOPES = "scopes"
    """Any number of people and places: `user/1`, `role/5`, `channel/2`."""
    PRESETS = "presets"
    """The place's own presets, by their names."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a room.

    `least`, `most`: what a number, or a length in characters, may be; of several, how many there may be.
    `open_to_all`: how a story is written, everybody in it may set; who may ask, how often, and the filter:
    admins. `in_web`: the web room's form has it. `in_config`: its default stands in the configuration.
    """

    name: str
    default: Any
    kind: SettingKind
    least: int = 0
    most: int = 0
    open_to_all: bool = False
    in_web: bool = True
    in_config: bool = True
    zero_is_no_limit: bool = False

    @property
    def is_list(self) -> bool:
        """Whether it holds any number of entries, one a line in its form."""
        return self.kind in {SettingKind.WORDS, SettingKind.SCOPES}

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of one that is chosen from a few; empty for any other."""
        match self.kind:
            case SettingKind.CHOICE:
                return tuple(each.value for each in type(self.default))
            case SettingKind.NUMBER if self.most - self.least < _FEW:
                return tuple(map(str, range(self.least, self.most + 1)))
            case SettingKind.LENGTH:
                return tuple(Length)
            case SettingKind.PRESET:
                return tuple(PRESETS)
        return ()


_FEW = 10
"""Numbers that are chosen from a list rather than typed."""


def _setting(kind: SettingKind, default: object, **declared: Any) -> Any:
    return field(default=default, metadata={"kind": kind, **declared})


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """What holds in a room, after all that it lies in had its say, in the order in which it is shown.

    `length`, `preset`: where an ask leaves them open; `candidates`: how many the button for several makes.
    `filter`: of the model's text, `filter_people`: of people's too; `words` are filtered besides the built-in
    ones. `banned`: phrases that the model never writes. `presets`: the room's own, by name. `listens`: in a
    story's own thread every message is a passage; otherwise only what mentions the bot.
    `parentheses_aside`: a story that begins here takes a line in single parentheses as said beside it.
    `daily_per_person`, `daily_in_all`: asks in 24 hours (0: no limit). `allowed`, `denied`: who and where, as
    `user/1`, `role/5`, `channel/2`; of the people that are among the allowed ones, if any are, one has to
    apply (the person or a role of theirs), and so of the places.
    """

    preset: str = _setting(SettingKind.PRESET, STANDARD, open_to_all=True)
    length: Length | int = _setting(
        SettingKind.LENGTH, Length.MEDIUM, least=MIN_CHARACTERS, most=MAX_CHARACTERS, open_to_all=True
    )
    candidates: int = _setting(SettingKind.NUMBER, 3, least=2, most=MAX_CANDIDATES, open_to_all=True)
    filter: Filter = _setting(SettingKind.CHOICE, Filter.AUTO)
    filter_people: bool = _setting(SettingKind.SWITCH, default=False)
    words: tuple[str, ...] = _setting(SettingKind.WORDS, (), most=MAX_ENTRIES, in_config=False)
    banned: tuple[str, ...] = _setting(SettingKind.WORDS, (), most=MAX_BANNED, open_to_all=True)
    presets: tuple[tuple[str, Sampling], ...] = _setting(
        SettingKind.PRESETS, (), most=MAX_PRESETS, open_to_all=True, in_config=False
    )
    listens: bool = _setting(SettingKind.SWITCH, default=True, open_to_all=True, in_web=False)
    parentheses_aside: bool = _setting(SettingKind.SWITCH, default=False, open_to_all=True)
    daily_per_person: int = _setting(SettingKind.NUMBER, 0, most=MAX_A_DAY, zero_is_no_limit=True)
    daily_in_all: int = _setting(SettingKind.NUMBER, 0, most=MAX_A_DAY, zero_is_no_limit=True)
    allowed: tuple[str, ...] = _setting(
        SettingKind.SCOPES, (), most=MAX_ENTRIES, in_web=False, in_config=False
    )
    denied: tuple[str, ...] = _setting(
        SettingKind.SCOPES, (), most=MAX_ENTRIES, in_web=False, in_config=False
    )


SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {each.name: Setting(each.name, default=each.default, **each.metadata) for each in fields(RoomSettings)}
)
"""Every setting by its name, in the order in which they are shown."""


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
