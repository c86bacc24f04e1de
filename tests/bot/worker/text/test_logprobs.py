"""Scores of tokens go with the text that shows them, at the place where it stands."""

from __future__ import annotations

from bot.domain.inference import Score
from bot.worker.text.logprobs import SampledToken, ScoreKeeper


def drawn(token: int) -> SampledToken:
    """A token with its score."""
    return SampledToken(token, -float(token), ((token, -float(token)),))


def score(token: int, offset: int) -> Score:
    """The same at its place."""
    return Score(token, -float(token), ((token, -float(token)),), offset)


def test_tokens_go_with_their_text() -> None:
    """Each piece has the scores of the tokens that it shows, with places in the whole text."""
    keeper = ScoreKeeper()

    keeper.add(drawn(7), "雨が")
    first = keeper.take("雨が")
    keeper.add(drawn(8), " rain")
    second = keeper.take(" rain")

    assert ((score(7, 0),), (score(8, 2),)) == (first, second)


def test_a_break_belongs_to_its_token() -> None:
    """A paragraph break is shown with what follows it; its token is before it, the next behind it."""
    keeper = ScoreKeeper()
    keeper.add(drawn(7), "雨")
    keeper.take("雨")

    keeper.add(drawn(2), "")
    nothing = keeper.take("")
    keeper.add(drawn(8), "\n猫")

    assert nothing == ()
    assert keeper.take("\n猫") == (score(2, 1), score(8, 2))


def test_held_text_holds_its_tokens() -> None:
    """What may begin a stop string is not told of before it is shown."""
    keeper = ScoreKeeper()
    keeper.add(drawn(7), "雨終")
    early = keeper.take("雨")
    keeper.add(drawn(8), "わ")
    held = keeper.take("")
    keeper.add(drawn(9), "り")

    assert (early, held) == ((score(7, 0),), ())
    assert keeper.take("終わり") == (score(8, 2), score(9, 3))


def test_a_stop_string_takes_its_tokens_with_it() -> None:
    """Tokens of which nothing is shown are not told; the one that a stop string cuts in two is."""
    keeper = ScoreKeeper()
    for token, text in ((7, "雨終"), (8, "わり"), (2, "")):
        keeper.add(drawn(token), text)

    assert keeper.take("雨") == (score(7, 0),)


def test_the_last_piece_has_the_rest() -> None:
    """Tokens that show nothing, as the two that end a document, come at the end."""
    keeper = ScoreKeeper()
    for token, text in ((7, "雨"), (2, ""), (2, "")):
        keeper.add(drawn(token), text)

    assert keeper.take("雨", last=True) == (score(7, 0), score(2, 1), score(2, 1))


def test_nothing_is_kept_without_scores() -> None:
    """Who did not ask gets none."""
    keeper = ScoreKeeper()
    keeper.add(SampledToken(7), "雨")

    assert keeper.take("雨", last=True) == ()
