"""Pure: finds words that a room does not want, however they are written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

_WORDS = Path(__file__).parent / "words"
_JOINT = 40
"""How far back a word may have begun that a text goes on with."""

_FILTERS = 64
"""So many rooms' lists are kept ready."""
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
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
        return _filter_of(tuple(words), built_in=built_in)

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
        found = [word for word, _ in self._latin.hits(folded)]
        innocent = (span for _, span in self._innocent.hits(closed_up))
        longest, following = 0, next(innocent, None)
        for word, (start, end) in self._japanese.hits(closed_up):
            while following and following[0] <= start:
                longest, following = max(longest, following[1]), next(innocent, None)
            if end > longest:
                found.append(word)
        return found


@dataclass(frozen=True, slots=True)
class _Form:
    """A word as it may be written; `ended`: a word's border has to stand behind it."""

    word: str
    ended: bool = False


@dataclass(frozen=True, slots=True)
class _Index:
    """Forms by what they look like, and how long those are that begin with a character.

    `bordered`: they begin where a word begins.
    """

    forms: Mapping[str, Sequence[_Form]]
    lengths: Mapping[str, Sequence[int]]
    bordered: bool

    @classmethod
    def of(cls, written: Iterable[tuple[str, _Form]], *, bordered: bool = False) -> _Index:
        forms: dict[str, list[_Form]] = {}
        for look, form in written:
            forms.setdefault(look, []).append(form)
        lengths: dict[str, set[int]] = {}
        for look in forms:
            lengths.setdefault(look[0], set()).add(len(look))
        return cls(forms, {first: sorted(each) for first, each in lengths.items()}, bordered)

    def hits(self, text: str) -> Iterator[tuple[str, tuple[int, int]]]:
        """Each word in `text` with where it stands, those that overlap included.

        Of two words that begin at one place both are meant where the longer one stands.
        """
        before = ""
        for start, first in enumerate(text):
            inside, before = before in _LETTERS, first
            lengths = () if inside and self.bordered else self.lengths.get(first, ())
            standing = (start + length for length in lengths if start + length <= len(text))
            found = [(one.word, (start, end)) for end in standing for one in self._forms(text, start, end)]
            if found:
                yield max(found, key=lambda hit: len(hit[0]))

    def _forms(self, text: str, start: int, end: int) -> Iterator[_Form]:
        goes_on = text[end : end + 1] in _LETTERS
        return (form for form in self.forms.get(text[start:end], ()) if not (form.ended and goes_on))


def _fold(text: str) -> str:
    """`text` as it is compared: spaces are left, each run of them as one."""
    visible = _IGNORED.sub("", unicodedata.normalize("NFKC", text)).casefold().translate(_KATAKANA)
    return _SPACE.sub(" ", visible)


@lru_cache(maxsize=_FILTERS)
def _filter_of(words: tuple[str, ...], *, built_in: bool) -> WordFilter:
    listed = [word for word in (*(_listed() if built_in else ()), *words) if _fold(word).strip(" *\n")]
    latin = [form for word in listed if _fold(word).isascii() for form in _latin(word)]
    japanese = [_japanese(word) for word in listed if not _fold(word).isascii()]
    return WordFilter(
        words=tuple(dict.fromkeys(listed)),
        _latin=_Index.of(latin, bordered=True),
        _japanese=_Index.of(japanese),
        _innocent=_Index.of(map(_japanese, _read("innocent"))),
    )


def _japanese(word: str) -> tuple[str, _Form]:
    return _fold(word).replace(" ", ""), _Form(word)


def _latin(word: str) -> Iterator[tuple[str, _Form]]:
    folded = _fold(word).strip()
    letters = folded.removesuffix("*")
    yield letters, _Form(word, ended=not folded.endswith("*"))
    # s p a c e d out it is the same word; a single space somewhere makes two others of it.
    yield " ".join(letters.replace(" ", "")), _Form(word, ended=True)


@cache
def _listed() -> tuple[str, ...]:
    return _read("ja") + _read("en")


@cache
def _read(name: str) -> tuple[str, ...]:
    """A list's words."""
    lines = (_WORDS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return tuple(word for line in lines if (word := line.partition("#")[0].strip()))
