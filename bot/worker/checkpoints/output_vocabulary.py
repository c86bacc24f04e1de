"""Which tokens a model may write: those that chosen languages need, out of the checkpoint's own vocabulary.

An XGLM's head is tied to an embedding of pieces for thirty languages; for a story in one or two of them most
of its rows are read for nothing. What is left out is never written; it is read as before. That a model loses
nothing by it was shown for models of this kind by Ushio et al. 2023 (vocabulary trimming, arXiv 2305.15020).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tokenizers import Tokenizer

from bot.worker.text.languages import ALL, LETTERS, SCRIPTS, SYMBOLS, Languages, letters
from bot.worker.text.vocabulary import EOS, SPACE, UNK, Spelling, banned_ids, spellings

CONTROLS = "controls"
"""The kind of `</s>`, and of bytes where a vocabulary has them."""

LIST = "small"
"""wordfreq's list of the words that come once in a million or more often: about 29,000 in English."""

UNLISTED = frozenset({"et", "eu", "ht", "qu", "sw"})
"""Of these it has none: all pieces that their letters spell are taken."""

_LISTS = {"hr": "sh"}
"""Lists that are called otherwise."""

LEAST_SAVED = 0.1
"""The share of rows from which on leaving them out is worth it."""

LEAST_ROWS_SAVED = 4_096
"""... and their number: fewer are multiplied with in no time."""


@dataclass(frozen=True, slots=True)
class OutputVocabulary:
    """The tokens that may be drawn.

    `ids`: theirs, ascending; None: all `size` of them. `languages`: what was chosen. `kinds`: how many
    tokens each language, symbols and controls have; of a token that several need the first counts.
    """

    size: int
    ids: tuple[int, ...] | None = None
    languages: tuple[str, ...] = (ALL,)
    kinds: Mapping[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows the head has."""
        return self.size if self.ids is None else len(self.ids)

    @property
    def limit(self) -> int | None:
        """The same; None where it has all."""
        return None if self.ids is None else self.rows


def choose_output(tokenizer: Tokenizer, size: int, languages: Languages) -> OutputVocabulary:
    """The tokens of a plain tokenizer that the languages need; `size`: rows of the checkpoint's head.

    Everything, where little would be left out.

    Pieces that hold a character of a chosen script, symbols, and single letters are taken as they are. What
    is made of Latin letters alone is taken by use: what the words of a language's list need, with a space in
    front or without, capitalised or not. So whatever can be typed in a language can be written.
    """
    whole = OutputVocabulary(size, languages=languages.names)
    if languages.everything:
        return whole
    kinds = _by_script(tokenizer, languages)
    # The lists take most of the time, and often it is clear without them.
    if not _is_worth(len(kinds), size):
        return whole
    for name in languages.latin:
        for token in _by_use(tokenizer, name):
            kinds.setdefault(token, name)
    if not _is_worth(len(kinds), size):
        return whole
    counted = Counter(kinds.values())
    counts = {kind: counted[kind] for kind in (CONTROLS, SYMBOLS, LETTERS, *languages.names) if counted[kind]}
    return OutputVocabulary(size, tuple(sorted(kinds)), languages.names, counts)


def _is_worth(kept: int, size: int) -> bool:
    return size - kept >= max(LEAST_ROWS_SAVED, LEAST_SAVED * size)


def _by_script(tokenizer: Tokenizer, languages: Languages) -> dict[int, str]:
    """The tokens whose characters say that they are needed, and their kinds."""
    found = {EOS: CONTROLS}
    never = frozenset(banned_ids(tokenizer, 0))
    unlisted = [name for name in languages.latin if name in UNLISTED]
    for token, spelling in enumerate(spellings(tokenizer)):
        kind = None if token in never or not spelling else _kind(spelling, languages, unlisted)
        if kind is not None:
            found[token] = kind
    return found


def _kind(spelling: Spelling, languages: Languages, unlisted: Sequence[str]) -> str | None:
    """The kind of a piece that is needed whatever words there are."""
    if isinstance(spelling, bytes):
        return CONTROLS
    bare = spelling.replace(" ", "")
    kinds = {languages.kind(character) for character in bare}
    if None in kinds:
        return None
    scripts = kinds & SCRIPTS.keys()
    if scripts or kinds <= {SYMBOLS}:
        return next((name for name in languages.names if name in scripts), SYMBOLS)
    if len(bare) == 1:
        return kinds.pop()
    return next((name for name in unlisted if _spells(name, bare)), None)


def _spells(language: str, word: str) -> bool:
    return letters(language).issuperset(character for character in word if character.isalpha())


def _by_use(tokenizer: Tokenizer, language: str) -> set[int]:
    """The tokens that the words of a language are made of; none where there is no list of them."""
    if language in UNLISTED:
        return set()
    from wordfreq import iter_wordlist

    # Of the pieces alone: what is done to a text before them puts a space in front of everything.
    split = tokenizer.model.tokenize
    found: set[int] = set()
    for word in iter_wordlist(_LISTS.get(language, language), LIST):
        if _spells(language, word):
            for written in _ways(word):
                found.update(token.id for token in split(written))
    return found - {UNK}


def _ways(word: str) -> Iterator[str]:
    """A word as it may stand in a text."""
    for quote in ("'", "’") if "'" in word else ("'",):
        for cased in dict.fromkeys((word, word.capitalize())):
            spelt = cased.replace("'", quote)
            yield spelt
            yield SPACE + spelt
