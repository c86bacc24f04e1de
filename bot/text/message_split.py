"""Pure: a reply that is longer than a platform's message becomes several, which then stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bot.domain.replies import Reply, ReplyState
from bot.text.japanese import sentence_ends

Measure = Callable[[str], int]
"""How many units a text takes; a character takes one at least."""

EMPTY_MESSAGE = "…"
"""What a message shows for which no text is left."""


def split_message(reply: Reply, measure: Measure, max_units: int) -> list[Reply]:
    """The messages that together show `draft`, each of `max_units` at most.

    A text that only grows keeps its first messages: where they end depends on nothing after them. They are
    done and not live, whatever the state of the rest; note, choices and buttons go with the last. Choices
    that the last has no room for get messages of their own before it, and are named there without their text.
    """
    pieces = split_text(reply.text, measure, max_units)
    parts = [_still(reply, piece) for piece in pieces[:-1]]
    last = replace(reply, text=pieces[-1])
    if reply.other_candidates and _units(last, measure) > max_units:
        numbered = (
            f"〔{number}〕\n{one.text.strip()}" for number, one in enumerate(reply.other_candidates, start=2)
        )
        parts.append(_still(reply, pieces[-1]))
        parts += [_still(reply, piece) for text in numbered for piece in split_text(text, measure, max_units)]
        last = replace(parts.pop(), state=reply.state, note=reply.note, interactive=reply.interactive)
        last = replace(last, other_candidates=tuple(replace(one, text="") for one in reply.other_candidates))
    return [*parts, last]


def _still(reply: Reply, text: str) -> Reply:
    return Reply(ReplyState.DONE, text, job=reply.job, passage=reply.passage, interactive=False)


def _units(reply: Reply, measure: Measure) -> int:
    texts = [reply.text, *(choice.text for choice in reply.other_candidates)]
    return sum(map(measure, texts)) + _NUMBER_UNITS * len(reply.other_candidates)


_NUMBER_UNITS = 20
"""What a platform may put around each candidate."""


def split_text(text: str, measure: Measure, max_units: int) -> list[str]:
    """`text` in pieces of `max_units` at most: at a sentence's end where one is in the second half."""
    pieces = []
    start = 0
    # No more is looked at than can fit: a long text is measured once, not once for each piece.
    while measure(head := text[start : start + max_units + 1]) > max_units:
        end = start + _cut(head, _fitting(head, measure, max_units))
        pieces.append(text[start:end])
        start = end
        while text.startswith("\n", start):
            start += 1
    return [*pieces, text[start:]] if start < len(text) or not pieces else pieces


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
