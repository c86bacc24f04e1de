"""What counts as a word of the list, and what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.text.word_filter import WordFilter

BUILT_IN = WordFilter.of()
OWN = WordFilter.of(["ひみつ計画", "Project X", "spoil*"], built_in=False)


@pytest.mark.parametrize(
    "text",
    [
        "セックス。",
        "せっくす",
        "ｾｯｸｽ",
        "セ ッ\u3000ク\u200bス",
        "He said FUCK.",
        "f u c k",
        "Ｆｕｃｋｉｎｇ",
        "fu\u200dck",
    ],
)
def test_a_word_is_found_however_it_is_written(text: str) -> None:
    """In either kana, any width and case, with spaces or with what has no width inside."""
    assert BUILT_IN.found(text)


@pytest.mark.parametrize(
    "text",
    [
        "パチンコで負けた。",
        "サセックス公爵がエセックスへ行った。",
        "朝鮮人参を煎じる。",
        "じゃあなるほど、満月だ。",
        "ほんまにすまんこっちゃ。",
        "天性器用な人である。",
        "The class was a shuttlecock on the Titanic.",
        "彼を殺す。血が流れ、死んだ。",
        "was she it?",
    ],
)
def test_innocent_words_are_left_alone(text: str) -> None:
    """Longer words that hold a listed one, and what every story may say."""
    assert BUILT_IN.found(text) == ()


def test_a_room_adds_its_own() -> None:
    """Told as they are listed, each once; `*` stands for the rest of a word."""
    text = "ヒミツ計画、ひみつ計画。PROJECT X! Spoiled."
    assert sorted(OWN.found(text)) == sorted(["ひみつ計画", "Project X", "spoil*"])
    assert OWN.found("projects, unspoilt") == ()
    assert OWN.found("セックス") == ()
    assert "ひみつ" in WordFilter.of(["ひみつ"]).found("セックスのひみつ")


def test_a_word_may_have_begun_before() -> None:
    """The writer's half and the model's make one; what stood there already is not found again."""
    assert OWN.found("つ計画だ。", "これはひみ") == ("ひみつ計画",)
    assert OWN.found("だ。", "これはひみつ計画") == ()


def test_words_of_spaces_are_no_words() -> None:
    """They would be everywhere."""
    assert WordFilter.of(["", "  ", "\n", "* \n", "*", "\u200b"], built_in=False).words == ()
    assert WordFilter.of([], built_in=False).found("何でも") == ()


def test_the_lists_are_modest() -> None:
    """About two hundred words, and none of them innocent by our own list."""
    assert 100 < len(BUILT_IN.words) < 250
    for word in BUILT_IN.words:
        assert BUILT_IN.found(f"「{word.removesuffix('*')}」"), word


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_what_is_found_is_listed(text: str, before: str) -> None:
    """Whatever the text is."""
    assert set(BUILT_IN.found(text, before)) <= set(BUILT_IN.words)


@given(st.text(alphabet="あいうひみつ計画 。", max_size=30), st.text(alphabet="あいう。", max_size=10))
def test_a_word_is_found_wherever_it_stands(before: str, after: str) -> None:
    """In Japanese there are no borders."""
    assert "ひみつ計画" in OWN.found(f"{before}ひみつ計画{after}")
