"""Pure: what people say beside the story, out of character; the model never sees it."""

from __future__ import annotations

_SLASHES = ("//", "／／")
_OPENING, _CLOSING = "(（", ")）"


def is_aside(text: str) -> bool:
    """Whether all of a text is said beside the story: each line with anything on it is.

    Such a line stands in parentheses as a whole, or behind `//`.
    """
    lines = [line for line in text.split("\n") if line.strip()]
    return bool(lines) and all(map(_is_beside, lines))


def without_asides(text: str) -> str:
    """The lines of a person's text that belong to the story; empty where none with anything on it does."""
    lines = text.split("\n")
    kept = [line for line in lines if not _is_beside(line)]
    if len(kept) == len(lines):
        return text
    return "\n".join(kept) if any(line.strip() for line in kept) else ""


def _is_beside(line: str) -> bool:
    said = line.strip()
    return said.startswith(_SLASHES) or _is_in_parentheses(said)


def _is_in_parentheses(said: str) -> bool:
    """Whether the parenthesis that opens first closes last: `（え（笑））`, but not `(a) and (b)`."""
    depth = 0
    for place, character in enumerate(said):
        depth += (character in _OPENING) - (character in _CLOSING)
        if depth <= 0:
            return place == len(said) - 1 > 0 and depth == 0
    return False
