"""Pure: what people say beside the story, out of character; the model never sees it.

A line stands beside the story behind `//`, or as a whole in doubled parentheses: `((…))`, `（（…））`. Single
ones do where the story's rule says so (`parentheses`); elsewhere they are a character's thoughts.
"""

from __future__ import annotations

_SLASHES = ("//", "／／")
_OPENING, _CLOSING = "(（", ")）"


def is_out_of_character(text: str, *, parentheses: bool) -> bool:
    """Whether all of a text is said beside the story: each line with anything on it is."""
    lines = [line for line in text.split("\n") if line.strip()]
    return bool(lines) and all(_is_beside(line, parentheses) for line in lines)


def without_out_of_character(text: str, *, parentheses: bool) -> str:
    """The lines of a person's text that belong to the story; empty where none with anything on it does."""
    lines = text.split("\n")
    kept = [line for line in lines if not _is_beside(line, parentheses)]
    if len(kept) == len(lines):
        return text
    return "\n".join(kept) if any(line.strip() for line in kept) else ""


def out_of_character_lines(text: str, *, parentheses: bool) -> tuple[int, ...]:
    """Which lines of a person's text are said beside the story, counted from 0."""
    lines = enumerate(text.split("\n"))
    return tuple(number for number, line in lines if _is_beside(line, parentheses))


def _is_beside(line: str, parentheses: bool) -> bool:  # noqa: FBT001  a predicate of two things
    said = line.strip()
    if said.startswith(_SLASHES):
        return True
    return _is_in_parentheses(said) and (parentheses or _is_in_parentheses(said[1:-1]))


def _is_in_parentheses(said: str) -> bool:
    """Whether the parenthesis that opens first closes last: `（え（笑））`, but not `(a) and (b)`."""
    depth = 0
    for place, character in enumerate(said):
        depth += (character in _OPENING) - (character in _CLOSING)
        if depth <= 0:
            return place == len(said) - 1 > 0 and depth == 0
    return False
