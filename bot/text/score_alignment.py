"""Pure: where the tokens of a text as the model wrote it stand in what was kept of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from bot.domain.inference import Score

_ALIKE = 4
"""So many characters that are alike are no chance."""
_WINDOW = 12
"""Up to so many characters are dropped or set otherwise without a search further on."""


def align_scores(scores: Sequence[Score], raw: str, kept: str) -> tuple[Score, ...]:
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
    """Where each character of `raw` stands in `kept`.

    Both are read side by side. Where they part, they go on where they agree again soonest, or where four
    characters stand that also stand further on in `raw`: a long text takes no longer by the character.
    """
    places: list[int | None] = [None] * len(raw)
    old, new = _folded(raw), _folded(kept)
    ahead = _Ahead(old)
    here, there = 0, 0
    while here < len(old) and there < len(new):
        if old[here] == new[there]:
            places[here] = there
            here, there = here + 1, there + 1
        else:
            here, there = _near(old, new, here, there) or ahead.meeting(new, here, there) or (here, there + 1)
    return places


class _Ahead:
    """Where each few characters of a text stand, in order; asked for places that only grow."""

    def __init__(self, text: str) -> None:
        self._places: dict[str, list[int]] = {}
        for place in range(len(text) - _ALIKE, -1, -1):
            self._places.setdefault(text[place : place + _ALIKE], []).append(place)

    def meeting(self, new: str, here: int, there: int) -> tuple[int, int] | None:
        """From where on both go on alike, the earlier text at `here` or further on."""
        places = self._places.get(new[there : there + _ALIKE], [])
        while places and places[-1] < here:
            places.pop()
        return (places[-1], there) if places else None


def _near(old: str, new: str, here: int, there: int) -> tuple[int, int] | None:
    """Where both go on alike, with the fewest characters of either passed over."""
    for skipped in range(1, _WINDOW):
        for left in range(skipped + 1):
            place, other = here + left, there + skipped - left
            if old[place : place + 2] == new[other : other + 2] != "":
                return place, other
    return None


def _folded(text: str) -> str:
    """Each character without its width; one of dots (…) as a dot."""
    return "".join(unicodedata.normalize("NFKC", character)[:1] or character for character in text)
