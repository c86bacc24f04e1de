"""What may be set in a room, on every platform: each setting's kind, how it is typed, filled in, and shown.

Which values a setting may have is for `bot.core.settings_resolver.checked` to say; what is no value stays as
it was given, so that its error can name it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from types import MappingProxyType

from bot.domain.jobs import MAX_CANDIDATES, Length
from bot.domain.room_settings import Filter, RoomSettings
from bot.domain.sampling import PRESET_NAMES, PRESETS

RESET = "reset"
"""Typed for a setting: take it back to what holds further out."""
YES, NO = "yes", "no"
"""What a form's choice sends for a switch."""
MAX_DIGITS = 9
"""More digits are no number that a setting may have; thousands of them Python refuses to read."""

_RESET = frozenset({RESET, "既定", "もとに戻す", "元に戻す", "-", "ー"})
_NOTHING = frozenset({"なし", "none"})
_SWITCHED = {
    **dict.fromkeys((YES, "on", "true", "1", "はい", "オン", "する"), True),
    **dict.fromkeys((NO, "off", "false", "0", "いいえ", "オフ", "しない"), False),
}
_FILTERS = {"自動": Filter.AUTO, "オン": Filter.ON, "オフ": Filter.OFF}
_JAPANESE_PRESETS = {preset: name for name, preset in PRESET_NAMES.items()}


class SettingKind(Enum):
    """What a setting's value is."""

    PRESET = auto()
    LENGTH = auto()
    FILTER = auto()
    COUNT = auto()
    """A whole number; of times a day, where 0 is no limit."""
    SWITCH = auto()
    LINES = auto()
    """Any number of texts, one a line."""
    PEOPLE = auto()
    """Any number of scopes: `user/1`, `role/5`."""
    PRESETS = auto()
    """The place's own presets, by their names."""


SETTINGS: Mapping[str, SettingKind] = MappingProxyType(
    {
        "preset": SettingKind.PRESET,
        "length": SettingKind.LENGTH,
        "candidates": SettingKind.COUNT,
        "filter": SettingKind.FILTER,
        "filter_people": SettingKind.SWITCH,
        "words": SettingKind.LINES,
        "banned": SettingKind.LINES,
        "presets": SettingKind.PRESETS,
        "listens": SettingKind.SWITCH,
        "parentheses_aside": SettingKind.SWITCH,
        "daily_per_person": SettingKind.COUNT,
        "daily_in_all": SettingKind.COUNT,
        "allowed": SettingKind.PEOPLE,
        "denied": SettingKind.PEOPLE,
    }
)
"""Every setting by its name, in the order in which they are shown."""

OPEN_TO_ALL = frozenset(
    {"preset", "length", "candidates", "banned", "presets", "listens", "parentheses_aside"}
)
"""How a story is written: everybody in it may set that. Who may ask, how often, and the filter: admins."""


def is_list(name: str) -> bool:
    """Whether a setting holds any number of entries, one a line in its form."""
    return SETTINGS.get(name) in {SettingKind.LINES, SettingKind.PEOPLE}


def is_reset(typed: str) -> bool:
    """Whether somebody who typed this wants a setting as it is further out."""
    return _folded(typed) in _RESET


def from_typed(name: str, typed: str, *, lines: bool = False) -> object:
    """A setting's value as somebody typed it, in either language; None takes the setting back.

    `lines`: a list has one entry a line, and no comma parts them; 「なし」 is an empty list.
    """
    folded = _folded(typed)
    if not folded or folded in _RESET:
        return None
    match SETTINGS.get(name):
        case SettingKind.LINES | SettingKind.PEOPLE:
            return [] if folded in _NOTHING else _entries(typed, "\n" if lines else "\n、,，")
        case SettingKind.SWITCH:
            return _SWITCHED.get(folded, typed)
        case SettingKind.FILTER:
            return _FILTERS.get(folded, folded)
        case SettingKind.COUNT:
            return _number(folded, typed)
    return typed.strip()


def from_form(name: str, given: object) -> object:
    """A setting's value as a form sends it: there an empty field is an empty list, and nothing takes back."""
    match SETTINGS.get(name), given:
        case SettingKind.LINES, str():
            return _entries(given, "\n")
        case SettingKind.SWITCH, str():
            return given == YES
        case ((SettingKind.COUNT | SettingKind.LENGTH), str()):
            return _number(given, given)
    return given


def to_form(value: object) -> str:
    """A setting's value as a form's choice has it."""
    return (YES if value else NO) if isinstance(value, bool) else str(value)


def choices(name: str, rules: RoomSettings) -> list[str]:
    """The values that a form offers for a setting; of lengths and presets also those that the room has."""
    match SETTINGS[name]:
        case SettingKind.LENGTH:
            lengths = [each.value for each in Length]
            return lengths if rules.length in lengths else [str(rules.length), *lengths]
        case SettingKind.PRESET:
            return list(dict.fromkeys([*PRESETS, *(own for own, _ in rules.presets)]))
        case SettingKind.FILTER:
            return [each.value for each in Filter]
        case SettingKind.SWITCH:
            return [YES, NO]
        case SettingKind.COUNT:
            return [str(count) for count in range(2, MAX_CANDIDATES + 1)]
    return []


def preset_title(preset: str, locale: str = "ja") -> str:
    """What a preset is called in a language."""
    return _JAPANESE_PRESETS.get(preset, preset) if locale == "ja" else preset


def shown(
    name: str, value: object, word: Callable[[str], str], locale: str, entry: Callable[[str], str] = str
) -> str:
    """A setting's value for people.

    `word` translates `yes`, `no`, `none`, `unlimited`, and `length.short` or `filter.auto`; `entry` makes a
    text of somebody's safe for the platform, or a scope readable.
    """
    kind = SETTINGS[name]
    if isinstance(value, bool):
        return word(YES if value else NO)
    if isinstance(value, tuple):
        return "、".join(
            entry(str(each[0] if kind is SettingKind.PRESETS else each)) for each in value
        ) or word("none")
    if kind is SettingKind.COUNT and value == 0:
        return word("unlimited")
    if isinstance(value, Length | Filter):
        return word(f"{name}.{value}")
    return entry(preset_title(str(value), locale) if kind is SettingKind.PRESET else str(value))


def shown_lines(value: object, entry: Callable[[str], str] = str) -> str:
    """A list as its form shows it, one entry a line."""
    return "\n".join(entry(str(each)) for each in value) if isinstance(value, Sequence) else ""


def _entries(text: str, between: str) -> list[str]:
    return [entry.strip() for entry in re.split(f"[{between}]", text) if entry.strip()]


def _number(digits: str, otherwise: str) -> object:
    return int(digits) if digits.isdecimal() and len(digits) <= MAX_DIGITS else otherwise


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()
