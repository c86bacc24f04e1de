"""Which characters a language is written in."""

from __future__ import annotations

import pytest
from wordfreq import available_languages

from bot.domain.errors import ConfigurationError
from bot.worker.checkpoints.output_vocabulary import LIST, UNLISTED
from bot.worker.text.languages import ALPHABETS, LETTERS, SYMBOLS, Languages, languages_with


@pytest.mark.parametrize(
    ("characters", "kind"),
    [
        ("あヴ々漢髙﨑𠮟ゔ㌔", "ja"),
        ("aZＡ", "en"),
        ("、。「」ー…―〜！？1１①♪☆♡※→😊 \u3000\n", SYMBOLS),
        ("αΩДд", LETTERS),
        ("한éßñж们说ن।،ไ\ue000", None),
    ],
)
def test_characters_of_japanese_and_english(characters: str, kind: str | None) -> None:
    """Kana, the kanji of JIS, what stands beside them in fiction; letters without marks."""
    languages = Languages(["ja", "en"])
    assert {character: languages.kind(character) for character in characters} == dict.fromkeys(
        characters, kind
    )


@pytest.mark.parametrize(
    ("language", "typed"), [("zh", "我们说话，"), ("fr", "Où ça, Œuvre"), ("ko", "한국어. OK")]
)
def test_other_languages_have_their_own(language: str, typed: str) -> None:
    """What one would type in them is theirs, plain letters included; kana is not."""
    languages = Languages([language])
    assert all(languages.writes(character) for character in typed)
    assert not languages.writes("あ")


def test_a_script_goes_before_single_letters() -> None:
    """Where Greek is chosen beside Japanese, α is a letter of a language and not a symbol."""
    assert Languages(["ja", "el"]).kind("α") == "el"


@pytest.mark.parametrize(
    ("names", "said"), [(["ja", "klingon"], "klingon.*there are all, ja"), ([], "names no language")]
)
def test_unknown_languages_are_refused(names: list[str], said: str) -> None:
    """The message names those that there are."""
    with pytest.raises(ConfigurationError, match=said):
        Languages(names)


def test_names_may_be_written_freely() -> None:
    """With spaces and capitals, and twice; all is everything."""
    assert Languages([" JA", "en", "ja"]).names == ("ja", "en")
    assert Languages(["ja", "all"]).everything
    assert Languages(["all"]).writes("한")


def test_the_language_that_helps_is_named() -> None:
    """One for each character; where none is known, everything would help."""
    assert languages_with("한é글") == ("ko", "fr")
    assert languages_with("한\ue000") == ("all",)
    assert languages_with("") == ()


def test_every_language_in_latin_letters_has_a_list_or_is_known_to_have_none() -> None:
    """Otherwise choosing its words would fail at the start of a worker."""
    listed = {*available_languages(LIST), "hr"}
    assert ALPHABETS.keys() - listed == UNLISTED
