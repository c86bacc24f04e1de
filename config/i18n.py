"""The sentences people see, in Japanese and English, and which of the two a terminal speaks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Any

LOCALES = Path(__file__).with_name("locales")
FALLBACK = "en"
LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
"""In the order in which POSIX reads them."""


class Translations:
    """Looks sentences up by key: in the asked language, else in English, else the key itself.

    A sentence that lacks a value keeps its placeholder: a slip in a translation must not lose a reply.
    """

    def __init__(self, sentences: Mapping[str, Mapping[str, str]]) -> None:
        self._sentences = sentences

    @classmethod
    def load(cls, folder: Path = LOCALES) -> Translations:
        """Read every `LANGUAGE.po` of a folder."""
        return cls({path.stem: _read(path) for path in sorted(folder.glob("*.po"))})

    @property
    def locales(self) -> tuple[str, ...]:
        """The languages there are."""
        return tuple(self._sentences)

    def keys(self, locale: str) -> frozenset[str]:
        """The keys that have a sentence in a language."""
        return frozenset(self._sentences.get(locale, {}))

    def sentence(self, key: str, locale: str) -> str:
        """The sentence with its placeholders. `locale` may carry a region: `ja-JP`, `en_US`."""
        language = locale.replace("_", "-").split("-")[0].lower()
        for wanted in (language, FALLBACK):
            found = self._sentences.get(wanted, {}).get(key)
            if found:
                return found
        return key

    def __call__(self, key: str, locale: str, **values: object) -> str:
        """The sentence, filled in."""
        return _KeepsUnfilled().vformat(self.sentence(key, locale), (), values)


class _KeepsUnfilled(Formatter):
    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:
        del args
        if field_name not in kwargs:
            return f"{{{field_name}}}", field_name
        return kwargs[field_name], field_name


def _read(path: Path) -> dict[str, str]:
    from babel.messages.pofile import read_po  # `--help` says nothing of it and need not wait for it

    with path.open("rb") as file:
        catalog = read_po(file)
    return {str(message.id): str(message.string) for message in catalog if message.id and message.string}


def terminal_locale(environ: Mapping[str, str], wanted: str = "auto") -> str:
    """`ja` or `en`: what is wanted, else what the environment names, else English."""
    if wanted != "auto":
        return wanted
    named = next((environ[name] for name in LOCALE_VARIABLES if environ.get(name)), "")
    return "ja" if named.lower().startswith("ja") else "en"
