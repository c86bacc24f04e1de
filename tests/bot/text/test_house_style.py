"""House style of what the model wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text.japanese import house_style

MIXED = st.text(alphabet="あ彼。！？!?.…・~-—―()（） \naBc3", max_size=40)


@pytest.mark.parametrize(
    ("before", "text", "styled"),
    [
        ("彼は言った", "!?", "！？"),
        ("彼は", "......と", "……と"),
        ("", "そうか...。", "そうか……。"),
        ("そうか", "…と", "……と"),
        ("", "えっ! と", "えっ！　と"),
        ("", "彼は(たぶん)笑った--と~", "彼は（たぶん）笑った――と〜"),
        ("", "彼（a name of some length)", "彼（a name of some length）"),
        ("彼（a name (b) ", "c)", "c）"),
        ("", "Really?! Yes... (sure) -- ok~", "Really?! Yes... (sure) -- ok~"),
        ("日本語の段落。\n", "Hello! Bye...", "Hello! Bye..."),
        ("", "ー・ヴィ・ラ", "ー・ヴィ・ラ"),
        ("", "３．１４ 3.14", "３．１４ 3.14"),
    ],
)
def test_house_style(before: str, text: str, styled: str) -> None:
    """ASCII folded out of Japanese punctuation comes back; English surroundings stay as they are."""
    assert styled == house_style(text, before)


@given(MIXED, MIXED)
def test_house_style_is_idempotent(before: str, text: str) -> None:
    """Styling twice changes nothing more."""
    once = house_style(text, before)
    assert once == house_style(once, before)


@given(st.text(alphabet="abc XYZ.,!?()~-\n", max_size=40))
def test_english_is_left_alone(text: str) -> None:
    """A text without Japanese is not touched."""
    assert text == house_style(text)


@given(MIXED)
def test_words_are_never_touched(text: str) -> None:
    """Kana, kanji, letters, digits and paragraph breaks come out in their number and order."""
    words = "あ彼aBc3\n。"
    assert [c for c in text if c in words] == [c for c in house_style(text) if c in words]
