"""Options at the end of a command's text: `昔々 --length long --preset 冒険 --candidates 3`."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from bot.errors import UnknownLength, UnknownPreset
from bot.messages import Ask, Length
from bot.sampling import PRESET_NAMES, PRESETS

MAX_CANDIDATES = 5
LENGTH_NAMES = {
    "短め": Length.SHORT,
    "短い": Length.SHORT,
    "普通": Length.MEDIUM,
    "長め": Length.LONG,
    "長い": Length.LONG,
}

# Phones and macOS turn two hyphens into a dash.
_OPTION = re.compile(r"(?:^|\s+)(?:--|—|–)(length|preset|candidates)[ =　]+(\S+)\s*$")


def parse(text: str) -> tuple[str, Ask]:
    """The text without its options, and what they ask for. Text that is not an option stays as written.

    Raises:
        UnknownLength, UnknownPreset
    """
    ask = Ask()
    while match := _OPTION.search(text):
        ask = _with(ask, match[1], match[2])
        text = text[: match.start()]
    return text, ask


def _with(ask: Ask, option: str, value: str) -> Ask:
    if option == "length":
        return replace(ask, length=_length(value))
    if option == "preset":
        return replace(ask, preset=_preset(value))
    return replace(ask, candidates=min(MAX_CANDIDATES, max(1, int(value) if value.isdecimal() else 1)))


def _length(value: str) -> Length:
    typed = _typed(value)
    if typed in LENGTH_NAMES:
        return LENGTH_NAMES[typed]
    try:
        return Length(typed)
    except ValueError:
        raise UnknownLength(name=value, known=", ".join(Length)) from None


def _preset(value: str) -> str:
    typed = _typed(value)
    name = PRESET_NAMES.get(typed, typed)
    if name not in PRESETS:
        raise UnknownPreset(name=value, known=", ".join([*PRESETS, *PRESET_NAMES]))
    return name


def _typed(value: str) -> str:
    # Full-width letters and capitals mean the same.
    return unicodedata.normalize("NFKC", value).casefold()
