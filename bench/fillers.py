"""Pieces in real scripts that fill a small vocabulary up to a published one's size.

Shares are set so that the embedded model's 16,007 pieces and these have about 64,000 of 256,008 in Japanese
and English, 128,000 with Russian and Korean, and 16,000 in Greek; how many a published vocabulary has of each
is another matter (docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import count, islice

SHARES: Mapping[str, float] = {
    "日月火水木金土山川田人口車門雨雪花鳥風": 0.2,
    "абвгдежзиклмнопрстуф": 0.1333,
    "가나다라마바사아자차카타파하거너더러머버": 0.1333,
    "αβγδεζηθικλμνξοπρστυ": 0.0655,
    "กขคงจฉชซญดตถทนบปผฝพฟ": 0.1,
    "بتثجحخدذرزسشصضطظعغفق": 0.1,
    "अआइईउऊएऐओऔकखगघचछजझटठ": 0.1,
    "áéíóúñüàèìòùâêîôûçãõ": 0.1679,
}
"""Characters of a script, and its share of all fillers."""

LENGTH = 4
"""Characters of a piece: longer than most of a real vocabulary, so that few are in it already."""


def fillers(number: int, taken: Collection[str]) -> list[str]:
    """So many pieces that are not `taken`, each once; those of a script lie together, as in no vocabulary.

    The order of ids changes nothing: a head's rows are all read.
    """
    found: list[str] = []
    edge = 0.0
    for characters, share in SHARES.items():
        edge += share
        fresh = (piece for piece in _pieces(characters) if piece not in taken)
        found += islice(fresh, max(0, round(number * edge) - len(found)))
    return found


def _pieces(characters: str) -> Iterator[str]:
    """Words of these characters, one after another."""
    for place in count():
        word, left = "", place
        while left or len(word) < LENGTH:
            left, digit = divmod(left, len(characters))
            word += characters[digit]
        yield word
