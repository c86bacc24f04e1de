"""The sentences people see."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from bot.domain import errors
from config.i18n import LOCALES, Translations, terminal_locale
from tests import ROOT

SOURCES = [path for room in ("bot", "adapters", "config") for path in sorted((ROOT / room).rglob("*.py"))]
KEY = re.compile(r"[a-z]+(?:\.[a-z0-9_]+)*\.(?!json$|py$|toml$)[a-z0-9_]+")


@pytest.fixture(scope="module")
def phrases() -> Translations:
    """The sentences as they are shipped."""
    return Translations.load()


def test_a_sentence_comes_in_the_readers_language_with_its_values(phrases: Translations) -> None:
    """Japanese for Japanese readers, English for English ones, whatever their region."""
    assert "80字" in phrases("error.text_too_long", "ja", limit=80, length=90)
    assert "80字" in phrases("error.text_too_long", "ja-JP", limit=80, length=90)
    assert "take 80" in phrases("error.text_too_long", "en_GB", limit=80, length=90)


def test_another_language_gets_english_and_an_unknown_key_itself(phrases: Translations) -> None:
    """Nobody is left without an answer."""
    assert phrases("error.empty_prompt", "fr") == phrases("error.empty_prompt", "en")
    assert phrases("no.such_key", "ja") == "no.such_key"


def test_a_sentence_missing_in_japanese_comes_in_english() -> None:
    """A half-finished translation still speaks."""
    assert Translations({"ja": {}, "en": {"a.b": "hello {name}"}})("a.b", "ja", name="Mei") == "hello Mei"


def test_a_missing_value_leaves_its_placeholder() -> None:
    """A slip in a caller must not lose the reply."""
    assert Translations({"en": {"a.b": "{one} and {two}"}})("a.b", "en", one=1) == "1 and {two}"


def test_a_value_with_braces_is_not_read_as_a_placeholder() -> None:
    """People's own text goes in as it is."""
    assert Translations({"en": {"a.b": "“{text}”"}})("a.b", "en", text="{0.__class__}") == "“{0.__class__}”"


def test_both_languages_have_the_same_keys_and_placeholders(phrases: Translations) -> None:
    """What one language says, the other says, with the same values."""
    assert sorted(phrases.keys("ja")) == sorted(phrases.keys("en"))
    differing = [
        key
        for key in phrases.keys("ja")
        if _placeholders(phrases.sentence(key, "ja")) != _placeholders(phrases.sentence(key, "en"))
    ]
    assert differing == []


@pytest.mark.parametrize("language", ["ja", "en"])
def test_no_key_stands_twice(language: str) -> None:
    """Of two entries one would be lost without a word."""
    found = re.findall(r'^msgid "(.+)"$', (LOCALES / f"{language}.po").read_text("utf-8"), re.MULTILINE)
    assert [key for key, times in Counter(found).items() if times > 1] == []


def test_every_error_that_is_spoken_has_its_sentence(phrases: Translations) -> None:
    """Each error with a key can be told in both languages."""
    keys = {kind.key for kind in _kinds(errors.SpokenError) if "key" in vars(kind)}
    assert keys <= phrases.keys("ja")
    assert keys <= phrases.keys("en")


def test_every_key_used_in_the_source_has_its_sentence(phrases: Translations) -> None:
    """Each literal key that the source hands to `say`, or keeps for it, stands in both languages."""
    areas = {key.split(".")[0] for key in phrases.keys("en")}
    used = {key: path for path in SOURCES for key in _keys_in(path, areas)}
    missing = {
        key: str(path.relative_to(ROOT))
        for key, path in used.items()
        if not _is_there(key, phrases.keys("ja"))
    }
    assert missing == {}


@pytest.mark.parametrize(
    ("environ", "wanted", "locale"),
    [
        ({"LANG": "ja_JP.UTF-8"}, "auto", "ja"),
        ({"LANG": "C.UTF-8"}, "auto", "en"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "en_US.UTF-8"}, "auto", "en"),
        ({}, "auto", "en"),
        ({"LANG": "C.UTF-8"}, "ja", "ja"),
    ],
)
def test_the_terminal_speaks_the_language_of_its_environment(
    environ: dict[str, str], wanted: str, locale: str
) -> None:
    """LC_ALL before LC_MESSAGES before LANG, unless a setting says otherwise."""
    assert terminal_locale(environ, wanted) == locale


def _placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def _kinds(kind: type[errors.SpokenError]) -> Iterator[type[errors.SpokenError]]:
    yield kind
    for inner in kind.__subclasses__():
        yield from _kinds(inner)


def _keys_in(path: Path, areas: set[str]) -> Iterator[str]:
    """The literal first arguments of `say`, and every string kept for it: one that reads like a key."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and _is_say(node.func) and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value
        elif isinstance(node, ast.Constant) and _reads_like_a_key(node.value, areas):
            yield str(node.value)


def _is_there(key: str, keys: frozenset[str]) -> bool:
    """Whether there is a sentence; of a key put together at run time, whether one begins like it."""
    return key in keys or (key.endswith("_") and any(known.startswith(key) for known in keys))


def _reads_like_a_key(value: object, areas: set[str]) -> bool:
    return isinstance(value, str) and bool(KEY.fullmatch(value)) and value.split(".")[0] in areas


def _is_say(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in {"say", "_say"}
