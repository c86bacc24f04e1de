"""How characters that the model cannot see are named."""

from __future__ import annotations

from bot.text.code_points import named, names


def test_a_character_without_a_shape_is_named_by_its_code_point() -> None:
    """Spaces, marks, what is private or unassigned; all others stand for themselves."""
    assert names("晩😀\xa0\u0301\ue000\u200d") == ("晩", "😀", "U+00A0", "U+0301", "U+E000", "U+200D")


def test_names_are_set_apart_where_they_would_run_together() -> None:
    """Not where each is one character."""
    assert named("晩呪") == "晩呪"
    assert named("晩\ue000") == "晩 U+E000"
    assert named("") == ""
