"""The probabilities of a passage's tokens, as its text is shaded with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

from bot.domain.inference import Score


def shaded(text: str, scores: Sequence[Score]) -> list[dict[str, object]]:
    """`text` in pieces, each from where a token stands up to the next: how likely it was, and what else was.

    In percent. What no token claims (a beginning that was written before the first one) has no probability.
    Blank lines at the edges are left out, as the page leaves them out.
    """
    blank = len(text) - len(text.lstrip("\n"))
    text = text.strip("\n")
    places = list(accumulate((min(max(score.offset - blank, 0), len(text)) for score in scores), max))
    pieces: list[dict[str, object]] = []
    if places and text[: places[0]]:
        pieces.append({"text": text[: places[0]], "percent": None, "top": []})
    for score, start, end in zip(scores, places, [*places[1:], len(text)], strict=True):
        if start < end:
            top = [{"text": str(token), "percent": _percent(logprob)} for token, logprob in score.top]
            pieces.append({"text": text[start:end], "percent": _percent(score.logprob), "top": top})
    return pieces


def _percent(logprob: float) -> float:
    return round(100 * math.exp(min(logprob, 0.0)), 1)
