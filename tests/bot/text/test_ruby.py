"""Ruby, emphasis and notes as the sites write them: the model reads the base, the text stays as written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text.ruby import Kind, Span, spans, without_ruby


def found(text: str) -> list[tuple[str, str, Kind]]:
    """The markup of a text, without its places."""
    return [(span.base, span.reading, span.kind) for span in spans(text)]


@pytest.mark.parametrize(
    ("written", "base", "reading", "kind"),
    [
        ("｜親《おや》", "親", "おや", Kind.RUBY),
        ("漢字《かんじ》", "漢字", "かんじ", Kind.RUBY),
        ("ＡＢＣ《エービーシー》", "ＡＢＣ", "エービーシー", Kind.RUBY),
        ("HP《体力》", "HP", "体力", Kind.RUBY),
        ("アカデミー《がくいん》", "アカデミー", "がくいん", Kind.RUBY),
        ("ロンドン《London》", "ロンドン", "London", Kind.RUBY),
        ("｜朝（あさ）", "朝", "あさ", Kind.RUBY),
        ("|朝(あさ)", "朝", "あさ", Kind.RUBY),
        ("夜≪よる≫", "夜", "よる", Kind.RUBY),
        ("｜夜の町≪よるのまち≫", "夜の町", "よるのまち", Kind.RUBY),
        ("<ruby>朝<rt>あさ</rt></ruby>", "朝", "あさ", Kind.RUBY),
        ("<RUBY lang=ja><rb>朝</rb><rp>(</rp><rt>あさ</rt><rp>)</rp></RUBY>", "朝", "あさ", Kind.RUBY),
        ("<ruby>朝<rp>（</rp><rt>あさ</rt><rp>）</rp>日<rt>ひ</rt></ruby>", "朝日", "あさひ", Kind.RUBY),
        ("《《傍点》》", "傍点", "", Kind.EMPHASIS),
        ("朝［＃「朝」に傍点］", "朝", "", Kind.EMPHASIS),
        ("［＃傍点］朝だ［＃傍点終わり］", "朝だ", "", Kind.EMPHASIS),
        ("［＃改ページ］", "", "改ページ", Kind.NOTE),
        ("［＃３字下げ］", "", "３字下げ", Kind.NOTE),
        ("※［＃「てへん＋劣」、第3水準1-84-77］", "挘", "「てへん＋劣」、第3水準1-84-77", Kind.NOTE),
        ("※［＃「口＋世」、U+546D、12-3］", "呭", "「口＋世」、U+546D、12-3", Kind.NOTE),
        ("※［＃「あ」］", "※", "「あ」", Kind.NOTE),
    ],
)
def test_every_way_of_writing_is_read(written: str, base: str, reading: str, kind: Kind) -> None:
    """Aozora Bunko's, Narou's, Kakuyomu's and HTML's, in the midst of a text."""
    text = f"、{written}。"
    assert found(text) == [(base, reading, kind)]
    assert spans(text)[0] == Span(1, len(text) - 1, base, reading, kind)
    assert without_ruby(text) == f"、{base}。"


@pytest.mark.parametrize(
    "text",
    [
        "彼は《聖剣》を抜いた。",
        "スキル《鑑定》を使う。",
        "魔法≪火球≫だ。",
        "Lv《100》になった。",
        "山田（やまだ）と言う。",
        "a|b (c)|d",
        "《《》》",
        "<ruby>朝",
        "朝《あさ",
        "［＃",
        "一《\n》",
    ],
)
def test_brackets_that_are_no_ruby_stay(text: str) -> None:
    """Names in brackets, explanations, tables, and what was never closed."""
    assert spans(text) == []
    assert without_ruby(text) == text


def test_a_bar_may_say_that_none_begins() -> None:
    """It goes; the brackets stay."""
    assert without_ruby("｜《声》がした。漢字｜（かんじ）") == "《声》がした。漢字（かんじ）"


def test_ruby_belongs_to_its_own_run() -> None:
    """Not to what stands before it, nor to what another reading has."""
    assert found("夜の町《まち》と漢《かん》字《じ》") == [
        ("町", "まち", Kind.RUBY),
        ("漢", "かん", Kind.RUBY),
        ("字", "じ", Kind.RUBY),
    ]


@given(st.text("｜|《》≪≫（）()漢字かなカABa<>ruby/t［＃］「」に傍点終わり※1-8\n"))
def test_spans_are_parts_of_the_text(text: str) -> None:
    """One behind the other; between them nothing changes, and no line is lost."""
    end = 0
    for span in spans(text):
        assert end <= span.start < span.end <= len(text)
        assert span.base in text[span.start : span.end] or span.kind is Kind.NOTE
        end = span.end
    assert without_ruby(text).count("\n") == text.count("\n")
