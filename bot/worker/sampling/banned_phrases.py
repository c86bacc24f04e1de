"""Words and phrases that are never written, however their tokens are cut.

They are compared as most readers would: without regard to case, width and composition (NFKC, casefolded), to
how much space there is, and to any space beside a character of a script that sets none.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from bot.worker.text.decoding import StreamDecoder, is_spaced_script
from bot.worker.text.logprobs import SampledToken
from bot.worker.text.vocabulary import Spelling

BETWEEN = "\0"
"""Stands between spellings, where no phrase can hold it."""

_LISTS = 8
"""So many lists are kept ready: the candidates of a request have the same, and so have a room's requests."""
_BREAK = re.compile(r"[^\S\n]*\n\s*")
_GAP = re.compile(r"[^\S\n]+")


def folded(text: str) -> str:
    """A text as it is compared."""
    for _ in range(2):  # folding can undo the composition
        text = unicodedata.normalize("NFKC", text).casefold()
    text = unicodedata.normalize("NFKC", text)
    if not text.isspace() and any(map(str.isspace, text)):
        return _without_gaps(_GAP.sub(" ", _BREAK.sub("\n", text)))
    return text


def split_phrases(written: Iterable[str]) -> tuple[str, ...]:
    """Phrases as they are looked for, each once; what holds nothing is none.

    A mark in front, which would change the letter before the phrase, does not belong to it.
    """
    phrases = (_from_a_letter(folded(one).strip()) for one in written)
    return tuple(dict.fromkeys(filter(None, phrases)))


def _from_a_letter(phrase: str) -> str:
    while phrase and unicodedata.combining(phrase[0]):
        phrase = phrase[1:].lstrip()
    return phrase


@dataclass(frozen=True, slots=True)
class DecodedToken:
    """A new token: where it stands, the text that it made certain, and the decoder from before it."""

    drawn: SampledToken
    place: int
    text: str
    before: StreamDecoder


@lru_cache(_LISTS)
def watch_patterns(banned: tuple[str, ...]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Phrases as they are looked for, and all that they may begin with. Long lists take their time."""
    phrases = split_phrases(banned)
    spread = map(_spread, phrases)
    return phrases, frozenset(one[:end] for one in spread for end in range(1, len(one) + 1))


class PhraseWatch:
    """Holds new tokens back as long as they may be part of a banned phrase."""

    def __init__(self, banned: Iterable[str] = ()) -> None:
        self._phrases, self._beginnings = watch_patterns(tuple(banned))
        self._longest = max(map(len, self._beginnings), default=1)
        self._held: list[DecodedToken] = []
        self._safe: list[bool] = []
        """Of each piece that is held: whether no phrase can begin in the text up to its end."""

    @property
    def watching(self) -> bool:
        """Whether anything is banned."""
        return bool(self._phrases)

    def push(self, piece: DecodedToken) -> DecodedToken | None:
        """Hold a token; where a phrase is complete by it, return the token with which that phrase began.

        Then this one and all behind it are held no more.
        """
        self._held.append(piece)
        if not self.watching:
            return None
        text = self._text()
        if not self._holds_phrase(text):
            self._safe.append(not self._may_end(text))
            return None
        begun = next(
            place for place in range(len(self._held) - 1, -1, -1) if self._holds_phrase(self._text(place))
        )
        found = self._held[begun]
        del self._held[begun:], self._safe[begun:]
        return found

    def take(self) -> list[DecodedToken]:
        """The tokens that no phrase can begin with, even if what stands behind them is taken back."""
        if not self.watching:
            return self.flush()
        ready = next((place + 1 for place in reversed(range(len(self._held))) if self._safe[place]), 0)
        taken = self._held[:ready]
        del self._held[:ready], self._safe[:ready]
        return taken

    def flush(self) -> list[DecodedToken]:
        """All that is held, once nothing follows."""
        taken, self._held, self._safe = self._held, [], []
        return taken

    def _text(self, begin: int = 0) -> str:
        return "".join(piece.text for piece in self._held[begin:])

    def _holds_phrase(self, text: str) -> bool:
        if not self._phrases:
            return False
        compared = folded(text)
        return any(phrase in compared for phrase in self._phrases)

    def _may_end(self, text: str) -> bool:
        """Whether a text ends with what may become a phrase."""
        begins = (place for place in reversed(range(len(text))) if not text[place].isspace())
        return any(self._may_begin(text[begin:]) for begin in islice(begins, self._longest))

    def _may_begin(self, text: str) -> bool:
        # Marks that follow change the last letter, and what follows a space decides whether it counts.
        end = _spread(folded(text)).rstrip()
        while end and unicodedata.combining(end[-1]):
            end = end[:-1]
        # One character can be several, and a phrase begin in the middle of them (㌔ is キロ).
        first = len(_spread(folded(text[0])))
        return any(end[begin:] in self._beginnings for begin in range(first))


class Phrasebook:
    """Finds the tokens that hold a phrase all by themselves."""

    def __init__(self, spellings: Sequence[Spelling]) -> None:
        texts = ("" if isinstance(spelling, bytes) else spelling for spelling in spellings)
        self._text = folded(BETWEEN.join(texts))
        self._ends = [place for place, char in enumerate(self._text) if char == BETWEEN]

    def tokens(self, banned: Iterable[str]) -> tuple[int, ...]:
        """Their ids, in order."""
        found = {
            bisect_right(self._ends, place) for phrase in split_phrases(banned) for place in self._of(phrase)
        }
        return tuple(sorted(found))

    def _of(self, phrase: str) -> Iterator[int]:
        place = self._text.find(phrase)
        while place >= 0:
            yield place
            place = self._text.find(phrase, place + 1)


def _spread(text: str) -> str:
    """Letters and marks apart: here the beginning of a text is always the beginning of its spread."""
    return unicodedata.normalize("NFKD", text)


def _without_gaps(text: str) -> str:
    """Without the spaces beside a character of a script that sets none."""

    def counts(place: int) -> bool:
        beside = text[max(0, place - 1) : place] + text[place + 1 : place + 2]
        return all(is_spaced_script(char) for char in beside)

    return "".join(char for place, char in enumerate(text) if char != " " or counts(place))
