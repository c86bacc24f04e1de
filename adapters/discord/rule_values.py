"""Rules as people type them and as they are told: plain values in, plain values out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from adapters.discord.escape import escape
from bot.errors import BadRule
from bot.messages import Filter, Length
from bot.sampling import PRESET_NAMES
from bot.seams import Say

PRESETS = "presets"
"""The rule that holds a place's own presets."""
RULES = (
    "preset",
    "length",
    "candidates",
    "filter",
    "filter_people",
    "words",
    "banned",
    PRESETS,
    "listens",
    "parentheses_aside",
    "daily_per_person",
    "daily_in_all",
    "allowed",
    "denied",
)
PEOPLE = frozenset({"allowed", "denied"})
LISTS = frozenset({"words", "banned", *PEOPLE})
SWITCHES = frozenset({"filter_people", "listens", "parentheses_aside"})
RESET = "reset"
"""The value that takes a rule back to what holds further out."""
_RESET = frozenset({RESET, "既定", "もとに戻す", "-", "ー"})
_NOTHING = frozenset({"なし", "none"})
_YES = frozenset({"yes", "on", "true", "1", "はい", "オン", "する"})
_NO = frozenset({"no", "off", "false", "0", "いいえ", "オフ", "しない"})
_LENGTHS = {"短め": Length.SHORT, "ふつう": Length.MEDIUM, "普通": Length.MEDIUM, "長め": Length.LONG}
_FILTERS = {"自動": Filter.AUTO, "オン": Filter.ON, "オフ": Filter.OFF}
_CHOICES: frozenset[object] = frozenset({*Length, *Filter})
_WHO = re.compile(r"<(@!?|@&|#)(\d+)>|(user|role|channel|guild|room)/([^\s、,，;；・]+)")
_BETWEEN_NAMES = re.compile(r"[\s、,，;；・とや]+|\b(?:and|or)\b")
_KINDS = {"@": "user", "@!": "user", "@&": "role", "#": "channel"}
_MENTIONS = {"user": "<@{}>", "role": "<@&{}>", "channel": "<#{}>"}


def resets(typed: str) -> bool:
    """Whether somebody wants a rule as it is further out."""
    return _plain(typed) in _RESET


def value_of(rule: str, typed: str, *, lines: bool = False) -> object:
    """A rule's value as somebody typed it; None: as it is further out. `lines`: a list has one a line.

    Raises:
        BadRule: it is no value for this rule.
    """
    typed, plain = typed.strip(), _plain(typed)
    if plain in _RESET:
        return None
    if rule in LISTS:
        return _listed(rule, typed, "\n" if lines else "\n、,，")
    if rule in SWITCHES:
        if plain not in _YES | _NO:
            raise BadRule(name=rule, value=typed, known="はい / いいえ, yes / no")
        return plain in _YES
    if rule == "filter":
        return _FILTERS.get(typed, plain)
    if rule == "preset":
        return PRESET_NAMES.get(typed, typed)
    if rule == "length" and not plain.isdecimal():
        return _LENGTHS.get(typed, plain)
    if not plain.isdecimal():
        raise BadRule(name=rule, value=typed, known="0, 1, 2, …")
    return int(plain)


def lines_of(rule: str, value: object) -> str:
    """A list as its form shows it, one a line; people and places as mentions."""
    entries = [str(entry) for entry in value] if isinstance(value, list | tuple) else []
    return "\n".join(_mention(entry) or entry for entry in entries) if rule in PEOPLE else "\n".join(entries)


def told(rule: str, value: object, say: Say, locale: str) -> str:
    """A rule's value for people."""
    if isinstance(value, bool):
        return say("discord.yes" if value else "discord.no", locale)
    if rule in {"daily_per_person", "daily_in_all"} and value == 0:
        return say("discord.unlimited", locale)
    if isinstance(value, tuple):
        return "、".join(_names(rule, value)) or say("discord.none", locale)
    if rule == "preset":
        return escape(_preset_name(str(value), locale))
    if value in _CHOICES:
        return say(f"discord.{rule}.{value}", locale)
    return escape(str(value))


def _names(rule: str, entries: Sequence[object]) -> list[str]:
    if rule == PRESETS:
        return [escape(str(entry[0])) for entry in entries if isinstance(entry, tuple)]
    return [(rule in PEOPLE and _mention(str(entry))) or escape(str(entry)) for entry in entries]


def _preset_name(preset: str, locale: str) -> str:
    names = {value: name for name, value in PRESET_NAMES.items()} if locale == "ja" else {}
    return names.get(preset, preset)


def _listed(rule: str, typed: str, between: str) -> list[str] | None:
    """Nothing typed leaves it as it is further out; 「なし」 means that there is none here."""
    if not typed:
        return None
    if _plain(typed) in _NOTHING:
        return []
    if rule in PEOPLE:
        return _who(rule, typed)
    return [word.strip() for word in re.split(f"[{between}]", typed) if word.strip()]


def _who(rule: str, typed: str) -> list[str]:
    found = [
        f"{_KINDS[mark]}/{number}" if mark else f"{kind}/{named}"
        for mark, number, kind, named in _WHO.findall(typed)
    ]
    rest = _BETWEEN_NAMES.sub("", _WHO.sub("", typed))
    if rest or not found:  # a name that was typed out, say: it must not be left out without a word
        raise BadRule(name=rule, value=rest or typed, known="@…, #…")
    return found


def _mention(entry: str) -> str:
    """Of a person, role or channel; empty for anything else."""
    kind, _, number = entry.partition("/")
    return _MENTIONS[kind].format(number) if kind in _MENTIONS and number.isdecimal() else ""


def _plain(typed: str) -> str:
    return unicodedata.normalize("NFKC", typed).strip().casefold()
