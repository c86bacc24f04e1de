"""Pure: which of a story's lore the model is told just now."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from bot.domain.story import Lore

RECENT_CHARACTERS = 1_200
"""How far back in the story a keyword counts: a few passages."""

BUDGET_CHARACTERS = 1_000
"""How much lore the model is told at once."""


def active_lore(lore: Iterable[Lore], story: str, budget: int = BUDGET_CHARACTERS) -> list[Lore]:
    """Of the entries that are named in the story's last passages those that find room in `budget`.

    An entry that is too long for what is left is passed over.
    """
    told: list[Lore] = []
    for entry in triggered_lore(lore, story):
        if len(entry.text) <= budget:
            told.append(entry)
            budget -= len(entry.text)
    return told


def triggered_lore(lore: Iterable[Lore], story: str) -> list[Lore]:
    """The entries with a keyword in the story's last passages: by priority, then as listed, no text twice."""
    recent = _folded(story[-RECENT_CHARACTERS:])
    named: dict[str, Lore] = {}
    for entry in sorted(lore, key=lambda entry: -entry.priority):
        if entry.text.strip() and is_triggered(entry.keywords, recent):
            named.setdefault(entry.text, entry)
    return list(named.values())


def is_triggered(keywords: Sequence[str], text: str) -> bool:
    """Whether one of the keywords stands in `text`: as a word where it is Latin, anywhere where it is not."""
    folded = _folded(text)
    return any(_stands(_folded(keyword).strip(), folded) for keyword in keywords)


def _stands(keyword: str, text: str) -> bool:
    if not keyword:
        return False
    starts = [found.start() for found in re.finditer(f"(?={re.escape(keyword)})", text)]
    return any(_is_bordered(text, start, start + len(keyword)) for start in starts)


def _is_bordered(text: str, start: int, end: int) -> bool:
    """Whether no word goes on beyond the ends of a piece of `text`."""
    return not (
        _is_one_word(text[start - 1 : start], text[start]) or _is_one_word(text[end - 1], text[end : end + 1])
    )


def _is_one_word(before: str, after: str) -> bool:
    """Whether no word's border can lie between two characters: both are of a script that sets spaces."""
    return _is_spaced(before) and _is_spaced(after)


def _is_spaced(character: str) -> bool:
    return character.isalnum() and unicodedata.east_asian_width(character) not in "WF"


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
