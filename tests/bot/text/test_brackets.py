"""Brackets in order, and prose that is well formed already."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text.brackets import balanced, closed, open_brackets
from bot.text.japanese import house_style, sentence_ends

ANY = st.text(alphabet='あ彼。、「」『』（）()［］[]《》“”" \u3000\nA', max_size=40)

WORDS = st.sampled_from(
    ["彼", "雨の夜", "駅", "私は", "遠い町で", "戸を開け", "｜親《おや》の", "時計《とけい》が", "Aさん"]
)
CLAUSE = st.lists(WORDS, min_size=1, max_size=4).map("".join)
ENDING = st.sampled_from(["。", "……。", "――。", "……", "！", "？", "！？"])


def _sentence(words: str, clauses: list[str], ending: str) -> str:
    return "、".join([words, *clauses]) + ending


SENTENCE = st.builds(_sentence, CLAUSE, st.lists(CLAUSE, max_size=3), ENDING)
SPEECH = st.recursive(
    SENTENCE,
    lambda inner: st.one_of(
        st.builds("（{}）{}".format, inner, SENTENCE), st.builds("『{}』と{}".format, inner, SENTENCE)
    ),
    max_leaves=4,
)
PARAGRAPH = SENTENCE | st.builds("「{}」".format, SPEECH) | st.builds("「{}」と{}".format, SPEECH, SENTENCE)


def _prose(paragraphs: list[str]) -> str:
    text = "\n".join(paragraphs)
    # After ！ and ？ a full-width space, but before a bracket that closes.
    for mark in "！？":
        for follows in "彼雨駅私遠戸｜時A「（『":
            text = text.replace(mark + follows, mark + "\u3000" + follows)
    return text


PROSE = st.lists(PARAGRAPH, min_size=1, max_size=5).map(_prose)


@pytest.mark.parametrize(
    ("waiting", "text", "ordered"),
    [
        ("", "行くよ。」と言った。", "行くよ。と言った。"),
        ("", "「彼は『行くよ」と言った。", "「彼は『行くよ』」と言った。"),
        ("", "「行くよ。\n彼は待った。", "「行くよ。」\n彼は待った。"),
        ("", "彼は「\n待った。", "彼は\n待った。"),
        ("」", "待て。\n彼は", "待て。」\n彼は"),
        ("", "（彼は)と", "（彼は)と"),
        ("", 'She said, "Go.\nThen', 'She said, "Go."\nThen'),
        ("", "It’s 「open", "It’s 「open"),
    ],
)
def test_brackets_are_put_in_order(waiting: str, text: str, ordered: str) -> None:
    """What closes nothing goes; what a paragraph leaves open is closed at its end; the last one may go on."""
    assert balanced(text, waiting) == ordered


def test_the_end_closes_all() -> None:
    """Innermost first; a bracket that nothing follows goes."""
    assert closed("「彼は『行くよ。", "」』") == "「彼は『行くよ。』」"
    assert closed("「彼は言った。『", "」』") == "「彼は言った。」"


@given(ANY, ANY)
def test_order_is_idempotent_and_hardly_grows(before: str, text: str) -> None:
    """Twice is as good as once, and each bracket that is put in stands for one that was opened."""
    waiting = open_brackets(before)
    once = balanced(text, waiting)
    assert balanced(once, waiting) == once
    assert len(once) <= 2 * len(text) + len(waiting)
    whole = closed(once, open_brackets(before + once))
    assert len(whole) <= 2 * len(text) + len(waiting)


@given(ANY, st.integers(0, 40))
def test_order_may_be_made_piece_by_piece(text: str, cut: int) -> None:
    """What was put in order stays as it is when more comes."""
    assert balanced(balanced(text[:cut]) + text[cut:]) == balanced(text)


@given(PROSE)
def test_well_formed_prose_is_never_changed(prose: str) -> None:
    """Sentences, nested quotations, ruby, …… and ――, ！？ with their space."""
    assert balanced(prose) == prose
    assert closed(prose, open_brackets(prose)) == prose
    assert house_style(prose) == prose
    assert sentence_ends(prose)[-1].index == len(prose)


@given(ANY)
def test_house_style_hardly_grows(text: str) -> None:
    """Dots are set in pairs; nothing else becomes longer."""
    assert len(house_style(text)) <= 2 * len(text)
