"""Pure: a reply that is longer than a platform's message becomes several, which then stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bot.japanese import sentence_ends
from bot.messages import Draft, DraftState

Measure = Callable[[str], int]

NOTHING = "…"
"""What a message shows for which no text is left."""


def parts_of(draft: Draft, measure: Measure, max_units: int) -> list[Draft]:
    """The messages that together show `draft`, each of `max_units` at most.

    A text that only grows keeps its first messages: where they end depends on nothing after them. They are
    done, whatever the state of the rest; note and other candidates go with the last.
    """
    pieces = split(draft.text, measure, max_units)
    choices = draft.choices
    if choices and sum(map(measure, (pieces[-1], *choices))) + _NUMBER_UNITS * len(choices) > max_units:
        choices = ()
    last = replace(draft, text=pieces[-1], choices=choices)
    parts = [Draft(DraftState.DONE, piece) for piece in pieces[:-1]] + [last]
    if choices != draft.choices:
        numbered = (f"〔{number}〕\n{text.strip()}" for number, text in enumerate(draft.choices, start=2))
        parts += [Draft(draft.state, piece) for text in numbered for piece in split(text, measure, max_units)]
    return parts


_NUMBER_UNITS = 20
"""What a platform may put around each candidate."""


def split(text: str, measure: Measure, max_units: int) -> list[str]:
    """`text` in pieces of `max_units` at most: at a sentence's end where one is in the second half."""
    pieces = []
    while measure(text) > max_units:
        end = _cut(text, _fitting(text, measure, max_units))
        pieces.append(text[:end])
        text = text[end:].lstrip("\n")
    return [*pieces, text] if text or not pieces else pieces


def _fitting(text: str, measure: Measure, max_units: int) -> int:
    """How many characters of `text` measure `max_units` at most (one at least)."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle]) <= max_units else (low, middle - 1)
    return low


def _cut(text: str, fitting: int) -> int:
    ends = [end for end in sentence_ends(text[: fitting + 1], final=False) if end.index <= fitting]
    good = [end.index for end in ends if end.depth == 0] or [end.index for end in ends]
    return good[-1] if good and good[-1] * 2 > fitting else fitting
