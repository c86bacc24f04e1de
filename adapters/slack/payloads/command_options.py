"""Options at the end of a command's text: `昔々 --length long --preset 冒険 --candidates 3`."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from bot.core.settings_resolver import length_named, preset_named
from bot.domain.jobs import GenerationOptions
from bot.domain.room_settings import RoomSettings

MAX_CANDIDATES = 5

# Phones and macOS turn two hyphens into a dash.
_OPTION = re.compile(r"(?:^|\s+)(?:--|—|–)(length|preset|candidates)[ =　]+(\S+)\s*$")


def parse(text: str, rules: RoomSettings, locale: str) -> tuple[str, GenerationOptions]:
    """The text without its options, and what they ask for. Text that is not an option stays as written.

    Raises:
        UnknownLength, UnknownPreset
    """
    ask = GenerationOptions()
    while match := _OPTION.search(text):
        ask = _with(ask, match[1], match[2], rules, locale)
        text = text[: match.start()]
    return text, ask


def _with(
    ask: GenerationOptions, option: str, value: str, rules: RoomSettings, locale: str
) -> GenerationOptions:
    if option == "length":
        return replace(ask, length=length_named(value, locale))
    if option == "preset":
        return replace(ask, preset=preset_named(value, rules, locale))
    count = unicodedata.normalize("NFKC", value)
    return replace(ask, candidates=min(MAX_CANDIDATES, max(1, int(count) if count.isdecimal() else 1)))
