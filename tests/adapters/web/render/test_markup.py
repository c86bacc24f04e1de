"""How a passage is cut into what a page shows otherwise."""

from __future__ import annotations

import pytest

from adapters.web.render.markup import TextPiece, marked
from bot.text.out_of_character import out_of_character_lines


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("｜朝《あした》に", [TextPiece("朝", "ruby", "あした"), TextPiece("に")]),
        ("《《きっと》》だ", [TextPiece("きっと", "emphasis"), TextPiece("だ")]),
        ("夜≪よる≫", [TextPiece("夜", "ruby", "よる")]),
        ("［＃改頁］終", [TextPiece("", "note", "改頁"), TextPiece("終")]),
        ("前。\n// 相談\n後。", [TextPiece("前。\n"), TextPiece("// 相談\n", "aside"), TextPiece("後。")]),
    ],
)
def test_what_is_more_than_text_is_a_piece_of_its_own(text: str, pieces: list[TextPiece]) -> None:
    """Ruby of every notation, emphasis, notes, and lines beside the story, in the text's order."""
    assert list(marked(text, out_of_character_lines(text, parentheses=False))) == pieces


def test_plain_text_has_no_pieces() -> None:
    """A line is beside the story only where the story says so."""
    assert marked("（まさか）", ()) == ()
    assert marked("（まさか）", (0,)) == (TextPiece("（まさか）", "aside"),)


def test_edges_are_left_out_as_the_page_leaves_them_out() -> None:
    """Blank lines around a passage only say where a paragraph begins."""
    assert marked("\n\n《《雨》》\n（え）", (3,)) == (
        TextPiece("雨", "emphasis"),
        TextPiece("\n"),
        TextPiece("（え）", "aside"),
    )
