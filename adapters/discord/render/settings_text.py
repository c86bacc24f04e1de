"""Rules as people type them and as they are told: plain values in, plain values out."""

from __future__ import annotations

import re

from adapters.discord.render.replies import escape
from adapters.shared.settings_codec import from_typed, shown, shown_lines
from bot.domain.errors import BadRule
from bot.domain.ports import Translate
from bot.domain.room_settings import MAX_ENTRY_CHARACTERS, SETTINGS, SettingKind

PRESETS = "presets"
"""The rule that holds a place's own presets."""
_WHO = re.compile(r"<(@!?|@&|#)(\d+)>|(user|role|channel|guild|room)/([^\s、,，;；・]+)")
_BETWEEN_NAMES = re.compile(r"[\s、,，;；・とや]+|\b(?:and|or)\b")
_KINDS = {"@": "user", "@!": "user", "@&": "role", "#": "channel"}
_MENTIONS = {"user": "<@{}>", "role": "<@&{}>", "channel": "<#{}>"}


MAX_NAME = MAX_ENTRY_CHARACTERS
"""Of a preset."""


def parse_value(rule: str, typed: str, *, lines: bool = False) -> object:
    """A rule's value as somebody typed it; None: as it is further out. `lines`: a list has one a line.

    Raises:
        BadRule: somebody in a list of people is no mention.
    """
    value = from_typed(rule, typed, lines=lines)
    return _parse_people(rule, typed) if _of_people(rule) and value else value


def list_lines(rule: str, value: object) -> str:
    """A list as its form shows it, one a line; people and places as mentions."""
    return shown_lines(value, (lambda entry: _mention(entry) or entry) if _of_people(rule) else str)


def shown_value(rule: str, value: object, translate: Translate, locale: str) -> str:
    """A rule's value for people."""

    def entry(text: str) -> str:
        return (_of_people(rule) and _mention(text)) or escape(text)

    return shown(rule, value, lambda word: translate(f"discord.{word}", locale), locale, entry)


def _of_people(rule: str) -> bool:
    return rule in SETTINGS and SETTINGS[rule].kind is SettingKind.SCOPES


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
