"""Pure: finds words that a room does not want, however they are written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_WORDS = Path(__file__).parent / "words"
_JOINT = 40
"""How far back a word may have begun that a text goes on with."""

_IGNORED = re.compile("[\u00ad\u034f\u180e\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_SPACE = re.compile(r"[^\S\n]+")
_KATAKANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}


@dataclass(frozen=True, slots=True)
class WordFilter:
    """A list of words, compiled. Use `WordFilter.of`.

    Compared are characters after NFKC, without case; hiragana and katakana are the same; what has no width,
    and spaces inside a word, do not count. A word of ASCII stands between word borders (`word*`: at the
    beginning of a word); a Japanese one stands anywhere but inside an innocent longer word.
    """

    words: tuple[str, ...]
    _latin: _Index
    _japanese: _Index
    _innocent: _Index

    @classmethod
    def of(cls, words: Iterable[str] = (), *, built_in: bool = True) -> WordFilter:
        """A filter of `words`, and of the built-in lists."""
        listed = [word for word in (*(_listed() if built_in else ()), *words) if _fold(word).strip(" *\n")]
        latin = [word for word in listed if _fold(word).isascii()]
        japanese = [word for word in listed if not _fold(word).isascii()]
        return cls(
            words=tuple(dict.fromkeys(listed)),
            _latin=_Index.of({word: _latin(_fold(word).strip()) for word in latin}),
            _japanese=_Index.of({word: _japanese(word) for word in japanese}),
            _innocent=_Index.of({word: _japanese(word) for word in _read("innocent")}),
        )

    def found(self, text: str, before: str = "") -> tuple[str, ...]:
        """Which words stand in `text`, as they are listed, each once.

        Args:
            text: what is looked through.
            before: what stands before it. A word that begins there and ends in `text` counts too.
        """
        tail = before[-_JOINT:]
        joined = self._all(tail + text)
        if not joined:
            return ()
        there, own = self._all(tail), self._all(text)
        return tuple(dict.fromkeys(word for word in joined if word in own or word not in there))

    def _all(self, text: str) -> list[str]:
        folded = _fold(text)
        closed_up = folded.replace(" ", "")
        innocent = [span for _, span in self._innocent.hits(closed_up)]
        found = [word for word, _ in self._latin.hits(folded)]
        for word, (start, end) in self._japanese.hits(closed_up):
            if not any(first <= start and end <= last for first, last in innocent):
                found.append(word)
        return found


@dataclass(frozen=True, slots=True)
class _Index:
    """Words, and one expression whose groups find them."""

    words: tuple[str, ...]
    pattern: re.Pattern[str]

    @classmethod
    def of(cls, patterns: Mapping[str, str]) -> _Index:
        # The longest first: of two words that begin alike both are meant where the longer one stands.
        words = sorted(patterns, key=len, reverse=True)
        return cls(tuple(words), re.compile("|".join(f"({patterns[word]})" for word in words) or "(?!)"))

    def hits(self, text: str) -> Iterator[tuple[str, tuple[int, int]]]:
        """Each word in `text` with where it stands, those that overlap included."""
        match = self.pattern.search(text)
        while match:
            yield self.words[(match.lastindex or 1) - 1], match.span()
            match = self.pattern.search(text, match.start() + 1)


def _fold(text: str) -> str:
    """`text` as it is compared: spaces are left, each run of them as one."""
    visible = _IGNORED.sub("", unicodedata.normalize("NFKC", text)).casefold().translate(_KATAKANA)
    return _SPACE.sub(" ", visible)


def _japanese(word: str) -> str:
    return re.escape(_fold(word).replace(" ", ""))


def _latin(word: str) -> str:
    letters = word.removesuffix("*")
    # s p a c e d out it is the same word; a single space somewhere makes two others of it.
    spaced = " ".join(letters.replace(" ", ""))
    border = "" if word.endswith("*") else r"(?![a-z0-9])"
    return rf"(?<![a-z0-9])(?:{re.escape(letters)}{border}|{re.escape(spaced)}(?![a-z0-9]))"


@cache
def _listed() -> tuple[str, ...]:
    return _read("ja") + _read("en")


@cache
def _read(name: str) -> tuple[str, ...]:
    """A list's words."""
    lines = (_WORDS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return tuple(word for line in lines if (word := line.partition("#")[0].strip()))
