"""The pieces that a passage is shaded in."""

from __future__ import annotations

import pytest

from adapters.web.render.probability import shaded
from bot.domain.inference import Score


def score(token: str, offset: int) -> Score:
    """A token that was as likely as not, at its place."""
    return Score(token, -0.6931, ((token, -0.6931),), offset)


@pytest.mark.parametrize(
    ("text", "scores", "pieces"),
    [
        ("雨が降る。", [score("雨が", 0), score("降る。", 2)], ["雨が", "降る。"]),
        ("「雨！」", [score("雨", 1), score("!", 2), score("」", 3)], ["「", "雨", "！", "」"]),
        ("雨……風", [score("雨", 0), score("...", 1), score("風", 3)], ["雨", "……", "風"]),
        ("雨が降る。", [score("雨", 0), score("", 1), score("が", 1)], ["雨", "が降る。"]),
        ("\n\n雨が。\n", [score("\n", 0), score("雨", 2), score("が。", 3)], ["雨", "が。"]),
        ("雨が。", [score("雨", 0), score("風", 9), score("が", 1)], ["雨が。"]),
    ],
)
def test_the_pieces_make_up_the_text(text: str, scores: list[Score], pieces: list[str]) -> None:
    """Each reaches to the next token's place, however long the token is itself; nothing comes twice."""
    assert pieces == [piece["text"] for piece in shaded(text, scores)]
    assert "".join(pieces) == text.strip("\n")


def test_what_no_token_claims_has_no_probability() -> None:
    """It stands there unshaded."""
    first, second = shaded("「雨", [score("雨", 1)])
    assert (first["percent"], first["top"]) == (None, [])
    assert (second["percent"], second["top"]) == (50.0, [{"text": "雨", "percent": 50.0}])
