"""Pure: how characters are named to people who are told of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def names(characters: Iterable[str]) -> tuple[str, ...]:
    """Each character itself, or by its code point where it has no shape of its own: `U+00A0`."""
    return tuple(
        character if _has_shape(character) else f"U+{ord(character):04X}" for character in characters
    )


def named(characters: Iterable[str]) -> str:
    """All of them in one word; set apart where a code point is among them."""
    each = names(characters)
    return ("" if all(len(name) == 1 for name in each) else " ").join(each)


def _has_shape(character: str) -> bool:
    return character.isprintable() and unicodedata.category(character)[0] not in "MZ"
