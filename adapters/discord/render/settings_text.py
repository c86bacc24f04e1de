"""Rules as people type them and as they are told: plain values in, plain values out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from adapters.discord.render.replies import escape
from adapters.shared.preset_text import setting_line, setting_of
from bot.core.settings_resolver import typed_value
from bot.domain.errors import BadRule
from bot.domain.jobs import Length
from bot.domain.ports import Translate
from bot.domain.room_settings import Filter
from bot.domain.sampling import PRESET_NAMES, SAMPLING_NAMES, Sampling

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
_CHOICES: frozenset[object] = frozenset({*Length, *Filter})
_WHO = re.compile(r"<(@!?|@&|#)(\d+)>|(user|role|channel|guild|room)/([^\s、,，;；・]+)")
_BETWEEN_NAMES = re.compile(r"[\s、,，;；・とや]+|\b(?:and|or)\b")
_KINDS = {"@": "user", "@!": "user", "@&": "role", "#": "channel"}
_MENTIONS = {"user": "<@{}>", "role": "<@&{}>", "channel": "<#{}>"}


MAX_NAME = 50
"""As the rules take it."""


def parse_value(rule: str, typed: str, *, lines: bool = False) -> object:
    """A rule's value as somebody typed it; None: as it is further out. `lines`: a list has one a line.

    Raises:
        BadRule: somebody in a list of people is no mention.
    """
    between = "\n" if lines else "\n、,，"
    value = typed_value(rule, typed, between=between)
    return _parse_people(rule, typed) if rule in PEOPLE and value else value


def list_lines(rule: str, value: object) -> str:
    """A list as its form shows it, one a line; people and places as mentions."""
    entries = [str(entry) for entry in value] if isinstance(value, list | tuple) else []
    return "\n".join(_mention(entry) or entry for entry in entries) if rule in PEOPLE else "\n".join(entries)


def shown_value(rule: str, value: object, translate: Translate, locale: str) -> str:
    """A rule's value for people."""
    if isinstance(value, bool):
        return translate("discord.yes" if value else "discord.no", locale)
    if rule in {"daily_per_person", "daily_in_all"} and value == 0:
        return translate("discord.unlimited", locale)
    if isinstance(value, tuple):
        return "、".join(_names(rule, value)) or translate("discord.none", locale)
    if rule == "preset":
        return escape(_preset_name(str(value), locale))
    if value in _CHOICES:
        return translate(f"discord.{rule}.{value}", locale)
    return escape(str(value))


def _names(rule: str, entries: Sequence[object]) -> list[str]:
    if rule == PRESETS:
        return [escape(str(entry[0])) for entry in entries if isinstance(entry, tuple)]
    return [(rule in PEOPLE and _mention(str(entry))) or escape(str(entry)) for entry in entries]


def _preset_name(preset: str, locale: str) -> str:
    names = {value: name for name, value in PRESET_NAMES.items()} if locale == "ja" else {}
    return names.get(preset, preset)


def _parse_people(rule: str, typed: str) -> list[str]:
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


def preset_lines(settings: Mapping[str, float]) -> str:
    """Every setting of a preset; what is not among `settings` is as in 標準."""
    whole = {**asdict(Sampling()), **settings}
    return "\n".join(setting_line(name, whole[name]) for name in SAMPLING_NAMES)


def parse_preset(lines: str) -> dict[str, float]:
    """The settings that somebody wrote. Raises BadRule."""
    return dict(setting_of(line) for line in map(str.strip, lines.splitlines()) if line)
