"""Marks that nobody sees."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from adapters.slack.delivery.render import has_key_mark, key_mark


@given(key=st.text(max_size=60), other=st.text(max_size=60), text=st.text(max_size=20))
def test_a_mark_is_found_and_no_other_is(key: str, other: str, text: str) -> None:
    """Wherever it stands in a text."""
    assert has_key_mark(text + key_mark(key) + text, key)
    assert has_key_mark(text + key_mark(key), other) == (key == other)
    assert len(key_mark(key)) == 24


def test_a_mark_has_no_width() -> None:
    """It is made of characters that are only formatting."""
    assert {unicodedata.category(character) for character in key_mark("job:0")} == {"Cf"}
