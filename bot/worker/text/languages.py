"""Which characters belong to which language, as far as that decides what a model may write. No torch.

Languages in Latin letters have an alphabet, others their scripts (Unicode's `Script_Extensions`). The Latin
letters without marks belong to every language: a Japanese story has its Ｄ坂 and its SF.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import regex

from bot.domain.errors import ConfigurationError

ALL = "all"
"""Everything that the model has, in the place of languages."""

SYMBOLS = "symbols"
"""The kind of what belongs to no language: digits, punctuation, ♪ and ☆."""

LETTERS = "letters"
"""The kind of letters that are written one by one: a to z in every language, α and Д in Japanese."""

JAPANESE = "ja"

SCRIPTS = {
    JAPANESE: ("Hira", "Kana", "Han"),
    "ko": ("Hang",),
    "zh": ("Han", "Bopo"),
    "ru": ("Cyrl",),
    "el": ("Grek",),
    "ar": ("Arab",),
    "th": ("Thai",),
    "hi": ("Deva",),
    "bn": ("Beng",),
    "ta": ("Taml",),
    "te": ("Telu",),
    "my": ("Mymr",),
    "he": ("Hebr",),
    "ka": ("Geor",),
    "hy": ("Armn",),
    "km": ("Khmr",),
    "lo": ("Laoo",),
    "am": ("Ethi",),
    "bg": ("Cyrl",),
    "fa": ("Arab",),
    "mk": ("Cyrl",),
    "sr": ("Cyrl",),
    "uk": ("Cyrl",),
    "ur": ("Arab",),
}
"""Of languages that share a script, the one that is advised stands first."""

ALPHABETS = {
    "en": "",
    "fr": "àâæçéèêëîïôœùûüÿ",
    "de": "äöüß",
    "es": "áéíñóúü",
    "it": "àèéìíîòóùú",
    "pt": "àáâãçéêíóôõúü",
    "vi": ("àáâãèéêìíòóôõùúýăđĩũơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ"),
    "tr": "âçğıîöşûüİ",
    "id": "é",
    "pl": "óąćęłńśźż",
    "cs": "áéíóúýčďěňřšťůž",
    "ca": "àçèéíïòóúü",
    "da": "åæéø",
    "et": "äõöüšž",
    "eu": "çñü",
    "fi": "äåöšž",
    "fil": "ñ",
    "hr": "ćčđšž",
    "ht": "èòé",
    "hu": "áéíóöúüőű",
    "is": "áæéíðóöúýþ",
    "lt": "ąčęėįšųūž",
    "lv": "āčēģīķļņšūž",
    "ms": "é",
    "nb": "åæéòôø",
    "nl": "áäèéêëïíóöúü",
    "qu": "ñ",
    "ro": "âîășțşţ",
    "sk": "áäéíóôúýčďĺľňŕšťž",
    "sl": "čšž",
    "sv": "äåéö",
    "sw": "",
}
"""Letters beside a to z. Turkish has its dotless ı and dotted İ."""

_JIS = ("euc_jis_2004", "cp932")
"""What Japanese is typed in: JIS X 0213, and the characters of vendors (髙, 﨑). 们 and 说 are in neither."""

_KAOMOJI = "Дд"


class Languages:
    """Chosen languages, and whether a character is one of theirs."""

    def __init__(self, names: Iterable[str]) -> None:
        """Choose languages by their codes (ISO 639), or `all`.

        Raises:
            ConfigurationError: none is named, or one that nothing is known of; the message lists the others.
        """
        self.names = tuple(dict.fromkeys(name.strip().lower() for name in names if name.strip()))
        if unknown := [name for name in self.names if name not in {ALL, *SCRIPTS, *ALPHABETS}]:
            known = ", ".join([ALL, *SCRIPTS, *ALPHABETS])
            raise ConfigurationError(
                f"TSUZUKI_ENGINE__LANGUAGES names {', '.join(unknown)}, of which nothing is known here; "
                f"there are {known}"
            )
        if not self.names:
            raise ConfigurationError("TSUZUKI_ENGINE__LANGUAGES names no language; all is every one")
        self._kinds: dict[str, str | None] = {}

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return ALL in self.names

    @property
    def latin(self) -> tuple[str, ...]:
        """Those in Latin letters."""
        return tuple(name for name in self.names if name in ALPHABETS)

    def kind(self, character: str) -> str | None:
        """The language that a character belongs to, `SYMBOLS` or `LETTERS`; None: it is none of theirs.

        What is composed of several (㌔, ﬁ) is looked at as these, as published tokenizers read it.
        """
        if character not in self._kinds:
            kinds = [self._kind(part) for part in unicodedata.normalize("NFKC", character)]
            self._kinds[character] = None if None in kinds else next(iter(kinds), SYMBOLS)
        return self._kinds[character]

    def writes(self, character: str) -> bool:
        """Whether it can be written in one of the languages."""
        return self.everything or self.kind(character) is not None

    def _kind(self, character: str) -> str | None:
        if _pattern(r"[\p{scx=Common}\p{scx=Inherited}\p{Cc}--\p{Co}--\p{Cn}]").fullmatch(character):
            return SYMBOLS
        found = next((name for name in self.names if belongs(character, name)), None)
        # 、 and 「 are of several scripts, and of no language.
        if found is not None and _pattern(r"[\p{sc=Common}\p{sc=Inherited}]").fullmatch(character):
            return SYMBOLS
        borrows = JAPANESE in self.names and _borrowed(character)
        return found or (LETTERS if borrows or character in string.ascii_letters else None)


def belongs(character: str, language: str) -> bool:
    """Whether a character is a letter of a language or of its scripts."""
    if language in ALPHABETS:
        return character in letters(language)
    if language == JAPANESE and _pattern(r"\p{Han}").fullmatch(character) and not _is_in_jis(character):
        return False
    return _in_scripts(SCRIPTS[language]).fullmatch(character) is not None


@lru_cache
def letters(language: str) -> frozenset[str]:
    """The letters of a language in Latin letters, small and capital."""
    small = string.ascii_lowercase + ALPHABETS[language]
    # ß has no capital of one letter in common use.
    return frozenset(small) | {capital for letter in small if len(capital := letter.upper()) == 1}


def languages_with(characters: Iterable[str]) -> tuple[str, ...]:
    """For each character a language that has it, each once; `all` where none is known."""
    every = [*SCRIPTS, *ALPHABETS]

    def found(character: str) -> str:
        parts = unicodedata.normalize("NFKC", character)
        return next((name for name in every if all(belongs(part, name) for part in parts)), ALL)

    named = dict.fromkeys(map(found, characters))
    return (ALL,) if ALL in named else tuple(named)


def _borrowed(character: str) -> bool:
    """Whether Japanese writes it by itself: Greek letters as symbols, and what faces are made of."""
    greek = _pattern(r"\p{Greek}").fullmatch(character) is not None
    return character in _KAOMOJI or (greek and _is_in_jis(character))


def _is_in_jis(character: str) -> bool:
    return any(_encodes(character, code) for code in _JIS)


def _encodes(character: str, code: str) -> bool:
    try:
        character.encode(code)
    except UnicodeEncodeError:
        return False
    return True


@lru_cache
def _pattern(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern, regex.V1)


@lru_cache
def _in_scripts(scripts: tuple[str, ...]) -> regex.Pattern[str]:
    return regex.compile("|".join(rf"\p{{scx={script}}}" for script in scripts))
