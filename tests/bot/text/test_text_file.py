"""What text files say, in every encoding that Japanese texts come in."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import FileTooLarge, FileTooLong, NotText, UnknownEncoding
from bot.text.text_file import MAX_CHARACTERS, max_bytes, require_small, text_of

PROSE = "　彼は「行くのか」と言った。\n雨の夜、カフェで十七時まで――待つ。"
OLDER = ["utf-8", "shift_jis", "cp932", "euc_jp", "iso2022_jp"]


def _sentence(alphabet: str) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=0, max_size=30)


PROSES = st.tuples(
    _sentence("雨夜彼行言葉風車珈琲薔薇憂鬱猫海亜腕表構能噂十ABcd 1,.ー"),
    st.sampled_from("はがをにのカア。「"),
    _sentence("雨夜はがをにカフェン。、「」！？…ー\nabc渦"),
).map("".join)


@pytest.mark.parametrize("encoding", [*OLDER, "utf-8-sig", "utf-16", "utf-32"])
def test_prose_is_read_in_every_encoding_that_tells(encoding: str) -> None:
    """With a byte order mark or without one, to the last character."""
    assert text_of(PROSE.encode(encoding)) == PROSE


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
    ],
)
def test_a_byte_order_mark_tells_the_order(mark: bytes, encoding: str) -> None:
    """Both orders of UTF-16 and UTF-32; the mark itself is not part of the text."""
    assert text_of(mark + PROSE.encode(encoding)) == PROSE


@given(PROSES)
def test_shift_jis_and_euc_jp_are_told_apart(text: str) -> None:
    """Whatever the mixture of kanji and Latin letters: one kana or mark of punctuation is enough."""
    assert text_of(text.encode("cp932")) == text
    assert text_of(text.encode("euc_jp")) == text


def test_half_width_kana_beside_others_do_not_mislead() -> None:
    """In Shift_JIS they are the bytes of EUC-JP's kanji."""
    text = "ﾎﾟｯﾄからｺｰﾋｰを注ぐ。"
    assert text_of(text.encode("cp932")) == text
    assert text_of(text.encode("euc_jp")) == text


def test_what_vendors_added_is_read() -> None:
    """Circled numbers and the like, which strict tables of both encodings lack."""
    text = "第①章　㈱続き、髙橋は言った。"
    assert text_of(text.encode("cp932")) == text
    text = "第①章の㈱続き。"
    assert text_of(text.encode("euc_jis_2004")) == text
    assert text_of(text.encode("cp932"), encoding="Shift_JIS") == text
    assert text_of(text.encode("euc_jis_2004"), encoding="EUC-JP") == text


def test_a_long_head_of_plain_ascii_changes_nothing() -> None:
    """What stands behind it tells."""
    text = "-- Copyright notice --\n" * 500 + PROSE
    assert text_of(text.encode("cp932")) == text
    assert text_of(text.encode("euc_jp")) == text


def test_lines_end_alike() -> None:
    """Windows' and old Macintosh's line ends, and the end-of-file mark of old editors."""
    assert text_of("一。\r\n二。\r三。\n\x1a".encode("cp932")) == "一。\n二。\n三。\n"


def test_kanji_alone_are_read() -> None:
    """A title or a name without any kana."""
    assert text_of("薔薇戦争".encode("cp932")) == "薔薇戦争"
    assert text_of("薔薇戦争".encode("euc_jp")) == "薔薇戦争"
    assert text_of(b"") == ""


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)),
        b"PK\x03\x04\x14\x00\x08\x08",
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\x00",
        PROSE.encode("utf-16-le"),
        PROSE.encode("utf-8")[:-1],
        PROSE.encode("utf-8")[1:],
        PROSE.encode("utf-8").replace(b"\x82", b"", 1),
        "Le café était fermé, déjà cassé.".encode("latin-1"),
        b"text\x00with a NUL",
        b"\x1b[31mred\x1b[0m",
    ],
)
def test_what_is_no_text_is_not_guessed_at(data: bytes) -> None:
    """Images, archives, damaged UTF-8, other countries' encodings, and UTF-16 that does not say so."""
    with pytest.raises(NotText):
        text_of(data)


@pytest.mark.parametrize(
    "encoding", ["utf-16-le", "UTF-16LE", "utf_16_be", "utf-32-be", "latin-1", "gb18030"]
)
def test_an_encoding_that_is_named_is_taken(encoding: str) -> None:
    """By any name that Python knows."""
    text = "cassé" if encoding == "latin-1" else PROSE
    assert text_of(text.encode(encoding), encoding=encoding) == text


@pytest.mark.parametrize("encoding", ["sjis", "Shift-JIS", "Windows-31J", "x-sjis", "MS932", "cp932"])
def test_usual_names_of_shift_jis_mean_the_one_that_people_have(encoding: str) -> None:
    """It is Windows' own under each of them."""
    assert text_of("①～".encode("cp932"), encoding=encoding) == "①～"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [(PROSE.encode("cp932"), "utf-8"), (PROSE.encode(), "ascii"), (b"\x81", "shift_jis"), (b"a\0", "utf-8")],
)
def test_a_file_in_another_encoding_than_was_named_is_refused(data: bytes, encoding: str) -> None:
    """Nothing is replaced by question marks."""
    with pytest.raises(NotText):
        text_of(data, encoding=encoding)


@pytest.mark.parametrize(
    "name", ["klingon", "hex", "rot13", "idna", "unicode_escape", "undefined", "\0", " "]
)
def test_an_encoding_that_is_not_there_is_named(name: str) -> None:
    """Python's other codecs are no encodings of files."""
    with pytest.raises(UnknownEncoding) as raised:
        text_of(b"text", encoding=name)
    assert raised.value.values["name"] == name
    assert "shift_jis" in str(raised.value.values["known"])


def test_the_limit_counts_characters() -> None:
    """As many as are allowed are read, in whichever encoding; one more is refused with both figures."""
    for encoding in ("utf-8", "cp932", "euc_jp", "utf-16"):
        assert len(text_of(("あ" * 10).encode(encoding), 10)) == 10
        with pytest.raises(FileTooLong) as raised:
            text_of(("あ" * 11).encode(encoding), 10)
        assert raised.value.values == {"limit": 10, "length": 11}
    assert len(text_of(("𠮷" * MAX_CHARACTERS).encode("utf-32"))) == MAX_CHARACTERS


def test_the_size_is_looked_at_before_anything_is_decoded() -> None:
    """From what a platform says of a file, too, before it is fetched."""
    require_small(max_bytes(10), 10)
    with pytest.raises(FileTooLarge) as raised:
        require_small(2_000_000, 10)
    assert raised.value.values == {"kilobytes": 1954, "limit": 10}
    with pytest.raises(FileTooLarge):
        text_of(b"\x00" * (max_bytes(10) + 1), 10)
