"""Where sentences end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text.brackets import open_brackets
from bot.text.japanese import (
    is_japanese,
    sentence_ends,
    with_ellipsis,
    without_dangling_bracket,
)

TEXT = st.text(alphabet="あ彼。！？!?.…「」『』（）() \n―aB3,、・~-", max_size=60)


def last_sentence_end(text: str) -> int:
    """The index after the last finished sentence; ends inside a quotation count when there are no others."""
    ends = sentence_ends(text)
    whole = [end.index for end in ends if end.depth == 0]
    return whole[-1] if whole else ends[-1].index if ends else 0


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("それは晩のことであった。私は", "それは晩のことであった。"),
        ("「行くよ。待って。」と彼は言った。そして", "「行くよ。待って。」と彼は言った。"),
        ("彼は笑った。「行くよ。待って", "彼は笑った。"),
        ("本当か！？　そう", "本当か！？"),
        ("えっ!?と", "えっ!?"),
        ("「行くよ」\n彼は", "「行くよ」"),
        ("彼は言った。\n「行くよ」", "彼は言った。\n「行くよ」"),
        ("彼は「行くよ」と言い", ""),
        ("そうか……\n彼は", "そうか……"),
        ("彼は……と言い", ""),
        ("待って！……」と", "待って！……」"),
        ('He said, "Go." Then', 'He said, "Go."'),
        ("It was 3.14. Mr. Smith of No. 9 agreed! J. R. left", "It was 3.14. Mr. Smith of No. 9 agreed!"),
        ("1. 出発", ""),
        ("", ""),
    ],
)
def test_last_sentence_end(text: str, kept: str) -> None:
    """Full stops with what closes after them end a sentence; dots in numbers, titles and initials do not."""
    assert kept == text[: last_sentence_end(text)]


def test_ends_inside_a_quotation_are_known_as_such() -> None:
    """An end carries how many brackets are open there."""
    assert [(e.index, e.depth) for e in sentence_ends("「行くよ。待って。」と")] == [(5, 1), (10, 0)]


def test_a_quotation_may_have_begun_before() -> None:
    """The brackets that the text before left open are closed in this one."""
    waiting = open_brackets("彼は「まだ")
    assert waiting == "」"
    assert [(e.index, e.depth) for e in sentence_ends("。」と。", waiting)] == [(2, 0), (4, 0)]


@pytest.mark.parametrize("text", ["彼は……", "「行くよ」", "about 3.", "well..."])
def test_an_end_that_may_be_undone_waits(text: str) -> None:
    """While more may follow, what the next character can undo is no end yet; at the end of all it is one."""
    assert sentence_ends(text, final=False) == []
    assert [len(text)] == [e.index for e in sentence_ends(text)]


def test_brackets_are_matched_within_a_paragraph() -> None:
    """A quotation left open does not swallow the paragraphs that follow."""
    assert open_brackets("（前）\n「彼は『") == "」』"
    assert open_brackets("「彼は\n次") == ""
    assert without_dangling_bracket("彼は「『 ") == "彼は"


def test_kana_and_kanji_are_japanese() -> None:
    """Latin letters and punctuation alone are not."""
    assert is_japanese("a々")
    assert is_japanese("ー")
    assert not is_japanese("Hello, world! 3 。")


@given(TEXT)
def test_ends_are_in_order_and_inside(text: str) -> None:
    """Ends rise strictly, lie inside the text and never stand before a full stop that belongs to them."""
    indices = [end.index for end in sentence_ends(text)]
    assert sorted(set(indices)) == indices
    assert all(0 < index <= len(text) for index in indices)
    assert all(text[index : index + 1] not in {"。", "！", "？"} for index in indices)


@given(TEXT)
def test_cutting_at_the_end_is_idempotent(text: str) -> None:
    """A text that was cut at its last sentence end stays as it is."""
    cut = text[: last_sentence_end(text)]
    assert len(cut) == last_sentence_end(cut)


@given(TEXT, TEXT)
def test_ends_in_a_stream_stay_ends(text: str, more: str) -> None:
    """What counts as an end while more may follow is still the end of a sentence when more has followed.

    Only the closing brackets and full stops that come next may move it on.
    """
    later = {end.index for end in sentence_ends(text + more)}
    for end in sentence_ends(text, final=False):
        moved = end.index
        while (text + more)[moved : moved + 1] and (text + more)[moved] in "。！？!?.…―」』）)":
            moved += 1
        assert later & set(range(end.index, moved + 1))


@pytest.mark.parametrize(
    ("text", "ended"),
    [
        ("風の音、波の音、", "風の音、波の音……"),
        ("私は外へ「", "私は外へ……"),
        ("and then he,", "and then he..."),
        ("そして……", "そして……"),
        ("「待て」", "「待て」"),
        ("、", ""),
        ("", ""),
    ],
)
def test_what_never_ended_trails_off(text: str, ended: str) -> None:
    """At a pause, once: what trails off already stays."""
    assert with_ellipsis(text) == ended
    assert with_ellipsis(ended) == ended
