"""Options at the end of a command's text: `昔々 --length long --preset 冒険 --candidates 3`."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from bot.messages import Ask, Rules
from bot.rules import length_named, preset_named

MAX_CANDIDATES = 5

# Phones and macOS turn two hyphens into a dash.
_OPTION = re.compile(r"(?:^|\s+)(?:--|—|–)(length|preset|candidates)[ =　]+(\S+)\s*$")


def parse(text: str, rules: Rules, locale: str) -> tuple[str, Ask]:
    """The text without its options, and what they ask for. Text that is not an option stays as written.

    Raises:
        UnknownLength, UnknownPreset
    """
    ask = Ask()
    while match := _OPTION.search(text):
        ask = _with(ask, match[1], match[2], rules, locale)
        text = text[: match.start()]
    return text, ask


def _with(ask: Ask, option: str, value: str, rules: Rules, locale: str) -> Ask:
    if option == "length":
        return replace(ask, length=length_named(value, locale))
    if option == "preset":
        return replace(ask, preset=preset_named(value, rules, locale))
    count = unicodedata.normalize("NFKC", value)
    return replace(ask, candidates=min(MAX_CANDIDATES, max(1, int(count) if count.isdecimal() else 1)))
