"""A room's settings on every platform: how each is typed, filled in, and shown.

Which values a setting may have is for `bot.core.settings_values` to say; what is no value stays as it was
given, so that its error can name it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from bot.domain.room_settings import SETTINGS, Filter, RoomSettings, SettingKind
from bot.domain.sampling import PRESET_NAMES

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
_CHOSEN = {"自動": Filter.AUTO, "オン": Filter.ON, "オフ": Filter.OFF}
_JAPANESE_PRESETS = {preset: name for name, preset in PRESET_NAMES.items()}


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
    match _kind(name):
        case SettingKind.WORDS | SettingKind.SCOPES:
            return [] if folded in _NOTHING else _entries(typed, "\n" if lines else "\n、,，")
        case SettingKind.SWITCH:
            return _SWITCHED.get(folded, typed)
        case SettingKind.CHOICE:
            return _CHOSEN.get(folded, folded)
        case SettingKind.NUMBER:
            return _number(folded, typed)
    return typed.strip()


def from_form(name: str, given: object) -> object:
    """A setting's value as a form sends it: there an empty field is an empty list, and nothing takes back."""
    match _kind(name), given:
        case SettingKind.WORDS, str():
            return _entries(given, "\n")
        case SettingKind.SWITCH, str():
            return given == YES
        case ((SettingKind.NUMBER | SettingKind.LENGTH), str()):
            return _number(given, given)
    return given


def to_form(value: object) -> str:
    """A setting's value as a form's field has it; of a list one entry a line."""
    if isinstance(value, tuple):
        return shown_lines(value)
    return (YES if value else NO) if isinstance(value, bool) else str(value)


def choices(name: str, settings: RoomSettings) -> list[str]:
    """The values that a form offers for a setting; of lengths and presets also those that the room has."""
    setting = SETTINGS[name]
    match setting.kind:
        case SettingKind.SWITCH:
            return [YES, NO]
        case SettingKind.LENGTH:
            own = [] if settings.length in setting.choices else [str(settings.length)]
            return [*own, *setting.choices]
        case SettingKind.PRESET:
            return list(dict.fromkeys([*setting.choices, *(own for own, _ in settings.presets)]))
    return list(setting.choices)


def preset_title(preset: str, locale: str = "ja") -> str:
    """What a preset is called in a language."""
    return _JAPANESE_PRESETS.get(preset, preset) if locale == "ja" else preset


def word_of(name: str, value: object) -> str:
    """The word that stands for a choice and is translated: `yes`, `length.short`; empty where it has none."""
    if isinstance(value, bool) or _kind(name) is SettingKind.SWITCH:
        return to_form(value)
    named = _kind(name) in {SettingKind.LENGTH, SettingKind.CHOICE} and value in SETTINGS[name].choices
    return f"{name}.{value}" if named else ""


def shown(
    name: str, value: object, word: Callable[[str], str], locale: str, entry: Callable[[str], str] = str
) -> str:
    """A setting's value for people.

    `word` translates `none`, `unlimited` and the words of `word_of`; `entry` makes a text of somebody's safe
    for the platform, or a scope readable.
    """
    setting = SETTINGS[name]
    if named := word_of(name, value):
        return word(named)
    if isinstance(value, tuple):
        own = setting.kind is SettingKind.PRESETS
        return "、".join(entry(str(each[0] if own else each)) for each in value) or word("none")
    if setting.zero_is_no_limit and value == 0:
        return word("unlimited")
    return entry(preset_title(str(value), locale) if setting.kind is SettingKind.PRESET else str(value))


def shown_lines(value: object, entry: Callable[[str], str] = str) -> str:
    """A list as its form shows it, one entry a line."""
    return "\n".join(entry(str(each)) for each in value) if isinstance(value, Sequence) else ""


def _kind(name: str) -> SettingKind | None:
    return SETTINGS[name].kind if name in SETTINGS else None


def _entries(text: str, between: str) -> list[str]:
    return [entry.strip() for entry in re.split(f"[{between}]", text) if entry.strip()]


def _number(digits: str, otherwise: str) -> object:
    return int(digits) if digits.isdecimal() and len(digits) <= MAX_DIGITS else otherwise


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()
