"""Texts that make careless functions slow: one sign again and again, signs in turn, and nested ones."""

from __future__ import annotations

import random
from collections.abc import Iterator

_RUNS = (
    *("漢", "𠮟", "あ", "ア", "ｶ", "㌔", "a", "A", "0", "😀", "\u0301", "\u3099", "\u200b", "\xa0"),
    *("「", "」", "（", "）", "(", ")", "[", "]", "<", ">", "《", "》", "≪", "〔", "｜", "|", "［＃", "］"),
    *(" ", "\u3000", "\t", "\n", "\r", ".", "。", "…", "!", "？", "、", "-", "―", "・", ":", "/", "\\"),
    *("*", "_", "#", "@", "&", "»", "~", "=", '"', "'"),
)
_TURNS = (
    *(
        "漢《",
        "《漢",
        "漢《漢》",
        "｜漢",
        "｜漢（",
        "｜（",
        "《《",
        "[《",
        "≪漢≫",
        "ア《",
        "<ruby>",
        "<rt>",
        "<ruby>漢",
    ),
    *(
        "「」",
        "（）",
        "()",
        "[](",
        "「漢",
        "「。",
        "。」",
        "（あ",
        '"a',
        "漢字あ",
        "漢\n",
        "あ、",
        "が",
        "あ\u0301",
    ),
    *("a ", "a. ", "a.b", "a-", "a'", "a\n", "1.", "0/", "1 件", "年1月", "2020/1/1 ", "2020年1月1日更新。"),
    *(
        " \n",
        "\n \n",
        "\u3000\n",
        "。\n",
        "//あ\n",
        "> ",
        " > ",
        "- ",
        "\u200ba",
        "ホーム ",
        "コメント ",
        "/あ",
    ),
    *("<@", "<@1> ", "<@U1>", "<a|", "&amp;", ";&", "&#1", "@a", "a@a.", "|a", "｜a", "：a:", "http:", "!?"),
)
_NESTS = ("「」", "（）", "《》", "()", "<>", "[]")
_MIXED = (
    "漢字《かんじ》「あ、（い）」\n\u3000a b. 😀か\u3099《《傍》》｜朝（あさ）<ruby>夜<rt>よる</rt></ruby>"
)


def texts(length: int) -> Iterator[tuple[str, str]]:
    """What each is made of, and the text of so many characters."""
    for unit in (*_RUNS, *_TURNS, _MIXED):
        yield unit, _repeated(unit, length)
    for opening, closing in _NESTS:
        yield f"{opening}…{closing}", opening * (length // 2) + closing * (length // 2)
        yield f"{opening}…。", opening * (length // 2) + "漢。" * (length // 4)
    draw = random.Random(length).choices  # noqa: S311 - no secret
    yield "many kanji", "".join(draw([chr(0x4E00 + n) for n in range(5000)], k=length))
    yield "kana", "".join(draw([chr(0x3041 + n) for n in range(80)], k=length))
    yield "many words", " ".join(draw(["ab", "cde", "fghi", "j"], k=length // 2))[:length]


def _repeated(unit: str, length: int) -> str:
    return (unit * (length // len(unit) + 1))[:length]
