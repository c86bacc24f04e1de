"""Pure: sees when a text says again what it has said."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

from bot.text.japanese import is_japanese, sentence_ends

LONG_SENTENCE_LETTERS = 10
"""From this many letters on a sentence is said once; shorter ones may return. Two Latin ones count as one."""

LONG_CLAUSE_LETTERS = 18
"""So many letters (twice as many Latin ones) that stood there already are a clause said again."""

_LONGEST_CYCLE = 4
"""How many sentences may go round and still be seen."""

_HEARD_CHARACTERS = 1000
"""How far back in the prompt a sentence counts as said."""

_CLAUSE = re.compile("[、，,;；。！？!?…]")
_MANY_CLAUSES = 8

_STUTTER = re.compile(r"(.{12,60}?)\1|(.{8,11}?)\2{2}|(.{4,7}?)\3{3}|(.{2,3}?)\4{6}|(.)\5{13}", re.DOTALL)
"""The same again at once. どんどんどんどん and あああああ are words of a story; one that goes on is not.

What is longer than 60 letters is seen as a clause said again, `LONG_RUN`.
"""


class RepetitionDetector:
    """Remembers what a continuation said, and the prompt's end."""

    def __init__(self, prompt: str = "") -> None:
        tail = prompt[-_HEARD_CHARACTERS:]
        starts = [0, *(end.index for end in sentence_ends(tail))]
        sentences = [tail[start:end] for start, end in pairwise(starts)]
        # The first one may have lost its beginning: then nothing equals it.
        self._heard = {
            key for each in sentences if _weight(key := folded_letters(each)) >= LONG_SENTENCE_LETTERS
        }
        self._said: list[str] = []
        self._runs = {run for key in self._heard for run in _runs(key)}

    def is_repetition(self, sentence: str) -> bool:
        """Whether `sentence`, said now, would be a repetition."""
        key = folded_letters(sentence)
        if not key:
            return False
        if _weight(key) >= LONG_SENTENCE_LETTERS and (key in self._heard or key in self._said):
            return True
        said = [*self._said, key]
        cycle = any(_goes_round(said, period) for period in range(1, _LONGEST_CYCLE + 1))
        return cycle or said[-3:] == [key] * 3 or self._has_run(key) or _circles(sentence)

    def add(self, sentence: str) -> None:
        """Remember a sentence that was kept."""
        if key := folded_letters(sentence):
            self._said.append(key)
            self._runs.update(_runs(key))

    def _has_run(self, key: str) -> bool:
        """Whether a long run of `key` stands in it twice, or stood in the text before."""
        width = LONG_CLAUSE_LETTERS if is_japanese(key) else 2 * LONG_CLAUSE_LETTERS
        first: dict[str, int] = {}
        return any(
            run in self._runs or start - first.setdefault(run, start) >= width
            for start, run in enumerate(_runs(key, width))
        )


def folded_letters(text: str) -> str:
    """Letters and digits of `text`, folded: what is compared."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def find_stutter(text: str) -> int | None:
    """Where in `text` the same begins to be said once more without anything between; None: nowhere."""
    places = [index for index, character in enumerate(text) if character.isalnum()]
    found = _STUTTER.search("".join(text[index] for index in places).casefold())
    if found is None:
        return None
    period = next(group for group in found.groups() if group is not None)
    return places[found.start() + len(period)]


def _circles(sentence: str) -> bool:
    """Whether most of many clauses are the same few: 金は、金は、金が、金は、金が、……."""
    clauses = [key for clause in _CLAUSE.split(sentence) if (key := folded_letters(clause))]
    return len(clauses) >= _MANY_CLAUSES and 2 * len(set(clauses)) <= len(clauses)


def _runs(key: str, *widths: int) -> Iterator[str]:
    """Every run of letters in `key` that may be a clause."""
    for width in widths or (LONG_CLAUSE_LETTERS, 2 * LONG_CLAUSE_LETTERS):
        yield from (key[start : start + width] for start in range(len(key) - width + 1))


def _goes_round(said: list[str], period: int) -> bool:
    last, former = said[-period:], said[-2 * period : -period]
    return last == former and sum(map(_weight, last)) >= LONG_SENTENCE_LETTERS


def _weight(key: str) -> float:
    japanese = sum(map(is_japanese, key))
    return japanese + (len(key) - japanese) / 2
