"""Where a token stands in the text that was kept."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.inference import Score
from bot.text.score_alignment import align_scores

_TOKENS = st.lists(st.text("雨風が降る。!", min_size=1, max_size=4), min_size=1, max_size=20)


def scored(*tokens: str) -> list[Score]:
    """A score for each token, where it stands when they are written one behind the other."""
    places = accumulate(map(len, tokens[:-1]), initial=0)
    return [Score(token, -0.5, (), place) for token, place in zip(tokens, places, strict=True)]


def found(kept: str, *tokens: str) -> list[tuple[int | str, int]]:
    """The tokens that `kept` shows, with their places."""
    return [(score.token, score.offset) for score in align_scores(scored(*tokens), "".join(tokens), kept)]


def test_what_was_cut_off_is_left_out() -> None:
    """From the end, as where a sentence did not come to its own."""
    assert found("雨が降る。", "雨が", "降る。", "風") == [("雨が", 0), ("降る。", 2)]


def test_what_was_dropped_moves_the_rest() -> None:
    """In front and between."""
    assert found("雨。風。", "#雪#", "雨。", "<br>", "風。") == [("雨。", 0), ("風。", 2)]


def test_another_width_is_the_same() -> None:
    """Also where three dots become two characters; what was set as something else is left out."""
    assert found("雨！……風", "雨", "!", "...", "風") == [("雨", 0), ("!", 1), ("...", 2), ("風", 4)]
    assert found("雨……！", "雨..", ".", "!") == [("雨..", 0), ("!", 3)]
    assert found("雨―風", "雨", "-", "風") == [("雨", 0), ("風", 2)]


def test_what_was_added_belongs_to_nobody() -> None:
    """A line break in front of what goes on elsewhere, a bracket that closes."""
    assert found("\n「雨。」", "「雨", "。") == [("「雨", 1), ("。", 3)]


def test_a_token_without_a_character() -> None:
    """It stands with the next that has one."""
    scores = [Score("</s>", -0.1, (), 0), Score("雨", -0.2, (), 0)]
    assert [(score.token, score.offset) for score in align_scores(scores, "雨。", "\n雨。")] == [
        ("</s>", 1),
        ("雨", 1),
    ]


def test_nothing() -> None:
    """No tokens, and tokens of which nothing was kept."""
    assert align_scores([], "雨。", "雨。") == ()
    assert found("風", "雨", "。") == []


@given(_TOKENS, st.sets(st.integers(0, 19)))
def test_places_are_true(tokens: list[str], dropped: set[int]) -> None:
    """In order, and where a token stands there is its first character that was kept."""
    kept = "".join(token for number, token in enumerate(tokens) if number not in dropped)
    scores = align_scores(scored(*tokens), "".join(tokens), kept)
    offsets = [score.offset for score in scores]
    assert offsets == sorted(offsets)
    assert all(kept[score.offset] in str(score.token) for score in scores)


@given(_TOKENS)
def test_a_text_that_was_kept_whole(tokens: list[str]) -> None:
    """Then nothing moves."""
    assert list(align_scores(scored(*tokens), "".join(tokens), "".join(tokens))) == scored(*tokens)
