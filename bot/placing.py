"""Pure: where the tokens of a text as the model wrote it stand in what was kept of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from bot.messages import Score


def placed(scores: Sequence[Score], raw: str, kept: str) -> tuple[Score, ...]:
    """The scores of the tokens of `raw` that `kept` still shows, with their offsets in `kept`.

    Tokens of what was dropped are left out, and so are those that were set as something else; a character
    that is only set in another width is the same. `scores` stand in the order of their offsets in `raw`.
    """
    places = _places(raw, kept)
    found = []
    for number, score in enumerate(scores):
        end = scores[number + 1].offset if number + 1 < len(scores) else len(raw)
        # A token without a character of its own stands with the next one that has one.
        span = places[score.offset : max(end, score.offset + 1)]
        first = next((place for place in span if place is not None), None)
        if first is not None:
            found.append(replace(score, offset=first))
    return tuple(found)


def _places(raw: str, kept: str) -> list[int | None]:
    """Where each character of `raw` stands in `kept`."""
    places: list[int | None] = [None] * len(raw)
    for block in SequenceMatcher(None, _folded(raw), _folded(kept), autojunk=False).get_matching_blocks():
        places[block.a : block.a + block.size] = range(block.b, block.b + block.size)
    return places


def _folded(text: str) -> list[str]:
    """Each character without its width; one of dots (…) as a dot."""
    return [unicodedata.normalize("NFKC", character)[:1] for character in text]
