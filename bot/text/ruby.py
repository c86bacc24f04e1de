"""Pure: ruby, emphasis and notes as people write them in plain text, at whatever site they learnt it.

`｜親《ルビ》`, `漢字《かんじ》`, `ＡＢＣ《エービーシー》` and `［＃注］` are Aozora Bunko's, `《《傍点》》`
is Kakuyomu's, `｜朝（あさ）` and `夜≪よる≫` are Narou's, `<ruby>朝<rt>あさ</rt></ruby>` is HTML's.
All of it takes time in proportion to the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a piece of markup is for. ESCAPE: a bar that only says that no ruby begins here."""

    RUBY = "ruby"
    EMPHASIS = "emphasis"
    NOTE = "note"
    ESCAPE = "escape"


@dataclass(frozen=True, slots=True)
class Span:
    """Markup in a text, from `start` to `end`: `base` is what is read, `reading` stands beside it.

    A note's `reading` is what it says; its `base` is empty, or the character that it describes.
    """

    start: int
    end: int
    base: str
    reading: str
    kind: Kind


_KANJI = "\u3005-\u3007\u30f5\u30f6\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3041-\u309f\u30a0-\u30ff\uff66-\uff9f"
_LATIN = "0-9A-Za-z０-９Ａ-Ｚａ-ｚ\u00c0-\u024fΑ-Ωα-ωА-Яа-я"
_OPENING = re.compile("[《≪｜|]|※?［＃|<ruby", re.IGNORECASE)

_EMPHASIS = re.compile(r"《《([^《》\n]{1,100})》》")
_READING = re.compile(r"《([^《》\n]{1,50})》|≪([^≪≫\n]{1,50})≫")
_MARKED = re.compile(
    r"[｜|](?:([^｜|《》\n]{1,30})《([^《》\n]{1,50})》|([^｜|≪≫\n]{1,30})≪([^≪≫\n]{1,50})≫"
    rf"|([^｜|（）()\s]{{1,30}})(?:（([{_KANA}・＝]{{1,50}})）|\(([{_KANA}・＝]{{1,50}})\)))"
)
_ESCAPE = re.compile(r"[｜|](?=[《≪])|｜(?=（)")
_HTML = re.compile(r"<ruby\b[^<>\n]{0,60}>((?:(?!</?ruby\b)[^\n]){1,300}?)</ruby\s{0,9}>", re.IGNORECASE)
_HTML_READING = re.compile(r"<rt\b[^<>]*>(.*?)(?:</rt\s*>|(?=<r[tp]\b)|\Z)", re.IGNORECASE)
_HTML_ASIDE = re.compile(r"<(r[tp])\b[^<>]*>.*?(?:</\1\s*>|(?=<r[tpb]\b)|\Z)|<[^<>]*>", re.IGNORECASE)
_NOTE = re.compile(r"※?［＃([^［］\n]{1,200})］")
_EMPHASISED = re.compile(
    "「([^「」]{1,100})」[にの](?:白ゴマ|丸|白丸|黒三角|白三角|二重丸|蛇の目|ばつ)?傍[点線]"
)
_EMPHASIS_BEGINS = re.compile("(?:白ゴマ|丸|白丸|黒三角|白三角|二重丸|蛇の目|ばつ)?傍[点線]")
_EMPHASIS_RANGE = re.compile(r"([^［］《》≪≫｜|<\n]{1,100})［＃([^［］\n]{1,20})終わり］")
_CODE_POINT = re.compile(r"U\+([0-9A-Fa-f]{4,5})(?![0-9A-Fa-f])")
_PLACE_IN_JIS = re.compile(r"(?<!\d)([12])-(\d{1,2})-(\d{1,2})(?!\d)")

_IS_KANJI = re.compile(f"[{_KANJI}]")
_IS_KATAKANA = re.compile("[\u30a1-\u30f4\u30fc-\u30fe\uff66-\uff9f]")
_IS_LATIN = re.compile(f"[{_LATIN}]")
_ANY = re.compile("")
_SOUNDS = re.compile(f"[{_KANA}{_LATIN}・＝ 　]+")
_SAID_OF_LATIN = re.compile(f"[{_KANA}{_KANJI}・＝ 　]+")
_SAID_OF_KATAKANA = re.compile(f"(?:[\u3041-\u309fー・]+|[{_LATIN} ]+)")
"""Behind katakana 《剣士》 is a name in brackets (クラス《剣士》); hiragana or Latin letters are ruby."""


def spans(text: str) -> list[Span]:
    """The markup in `text`, first to last; none lies within another.

    Ruby without a bar belongs to the run of kanji, Latin letters or katakana before it. Behind hiragana 《》
    are brackets (彼は《聖剣》を抜いた): ruby needs its bar there, as at the sites where people write today.
    """
    found: list[Span] = []
    end = 0
    for opening in _OPENING.finditer(text):
        if opening.start() >= end and (span := _read(text, opening.start(), end)):
            found.append(span)
            end = span.end
    return found


def without_ruby(text: str) -> str:
    """`text` as it is read aloud: the bases only. What is no markup stays as it is."""
    pieces: list[str] = []
    end = 0
    for span in spans(text):
        pieces += (text[end : span.start], span.base)
        end = span.end
    return "".join((*pieces, text[end:])) if pieces else text


def _read(text: str, place: int, after: int) -> Span | None:
    """The markup that opens at `place`; what it belongs to may begin earlier, but not before `after`."""
    return _READERS[text[place]](text, place, after)


def _emphasis_or_ruby(text: str, place: int, after: int) -> Span | None:
    if found := _EMPHASIS.match(text, place):
        return Span(place, found.end(), found[1], "", Kind.EMPHASIS)
    found = _READING.match(text, place)
    if found is None or place == after:
        return None
    reading = found[1] or found[2]
    for base, said in _RUN_AND_READING:
        if base.match(text, place - 1):
            may_be_said = _SOUNDS if base is _IS_KANJI and found[2] else said
            if not may_be_said.fullmatch(reading) and may_be_said is not _ANY:
                return None
            start = place - 1
            while start > after and base.match(text, start - 1):
                start -= 1
            return Span(start, found.end(), text[start:place], reading, Kind.RUBY)
    return None


_RUN_AND_READING = ((_IS_KANJI, _ANY), (_IS_LATIN, _SAID_OF_LATIN), (_IS_KATAKANA, _SAID_OF_KATAKANA))


def _marked(text: str, place: int, _: int) -> Span | None:
    if found := _MARKED.match(text, place):
        base, reading = (group for group in found.groups() if group is not None)
        return Span(place, found.end(), base, reading, Kind.RUBY)
    if _ESCAPE.match(text, place):
        return Span(place, place + 1, "", "", Kind.ESCAPE)
    return None


def _html(text: str, place: int, _: int) -> Span | None:
    found = _HTML.match(text, place)
    if found is None:
        return None
    reading = "".join(_HTML_READING.findall(found[1]))
    return Span(place, found.end(), _HTML_ASIDE.sub("", found[1]), reading, Kind.RUBY)


def _note(text: str, place: int, after: int) -> Span | None:
    found = _NOTE.match(text, place)
    if found is None:
        return None
    said, end = found[1], found.end()
    if text[place] == "※":
        return Span(place, end, _described(said) or "※", said, Kind.NOTE)
    if emphasised := _EMPHASISED.match(said):
        base = emphasised[1]
        if text.endswith(base, after, place):
            return Span(place - len(base), end, base, "", Kind.EMPHASIS)
    if _EMPHASIS_BEGINS.fullmatch(said):
        whole = _EMPHASIS_RANGE.match(text, end)
        if whole and whole[2] == said:
            return Span(place, whole.end(), whole[1], "", Kind.EMPHASIS)
    return Span(place, end, "", said, Kind.NOTE)


def _described(said: str) -> str:
    """The character that a note describes by its code point, or by its plane, row and cell in JIS X 0213."""
    if found := _CODE_POINT.search(said):
        return chr(int(found[1], 16))
    if found := _PLACE_IN_JIS.search(said):
        plane, row, cell = map(int, found.groups())
        if 0 < row <= _CELLS and 0 < cell <= _CELLS:
            code = bytes([*_PLANES[plane], 0xA0 + row, 0xA0 + cell])
            return code.decode("euc_jis_2004", "ignore")
    return ""


_CELLS = 94
_PLANES = {1: b"", 2: b"\x8f"}
_READERS: dict[str, Callable[[str, int, int], Span | None]] = {
    "《": _emphasis_or_ruby,
    "≪": _emphasis_or_ruby,
    "｜": _marked,
    "|": _marked,
    "<": _html,
    "※": _note,
    "［": _note,
}
