"""What of a streaming text is kept, and where it ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.continuation import Continuation, max_tokens, min_tokens
from bot.messages import LENGTH_CHARACTERS, Length

PROMPT = "それは九月初旬のある蒸し暑い晩のことであった。"
PIECES = st.lists(
    st.text(alphabet="あ彼。！？!?.…「」（）() \n―a#", max_size=6)
    | st.sampled_from(["彼は言った。", "「行くよ」", "https://", "#小説 "]),
    max_size=40,
)


def _grown(text: str, length: Length = Length.MEDIUM, prompt: str = PROMPT) -> Continuation:
    growing = Continuation(length, prompt)
    for character in text:
        growing.push(character)
    return growing


def _numbered(count: int) -> str:
    return "".join(f"彼は{index}番目の部屋の戸をそっと開けてみた。" for index in range(count))


def test_only_whole_sentences_are_shown() -> None:
    """A sentence under way is not shown, because it may never end."""
    growing = _grown("私は縁側に出た。風は")
    assert growing.shown == "私は縁側に出た。"
    assert not growing.complete


def test_a_quotation_is_shown_when_it_is_closed() -> None:
    """An end inside an open quotation waits for the rest of it."""
    growing = _grown("「行くよ。待って")
    assert growing.shown == ""
    growing.push("いて。」")
    assert growing.shown == "「行くよ。待っていて。」"


def test_a_quotation_of_the_prompt_is_known() -> None:
    """The person opened the bracket; the model closes it."""
    growing = _grown("待て。逃げるな", prompt="彼は「")
    assert growing.shown == ""
    growing.push("。」と叫んだ。")
    assert growing.shown == "待て。逃げるな。」と叫んだ。"


@pytest.mark.parametrize("length", list(Length))
def test_the_length_ends_at_the_next_sentence_end(length: Length) -> None:
    """Once the characters are reached, the sentence under way is the last."""
    growing = _grown(_numbered(60), length)
    assert growing.complete
    text = growing.finish("length")
    sentence = len("彼は10番目の部屋の戸をそっと開けてみた。")
    assert LENGTH_CHARACTERS[length] <= len(text) <= LENGTH_CHARACTERS[length] + sentence
    assert text.endswith("。")


def test_a_medium_continuation_has_two_sentences() -> None:
    """One sentence that is long enough alone does not end it."""
    growing = _grown("長い" * 120 + "。")
    assert not growing.complete
    growing.push("短い話。")
    assert growing.complete


def test_the_unfinished_sentence_is_dropped() -> None:
    """What had not ended when the tokens ran out is not kept."""
    assert _grown("私は縁側に出た。風は涼しか").finish("length") == "私は縁側に出た。"


def test_the_last_words_of_a_document_count() -> None:
    """A voice that trails off, or dialogue, ends the story when the model ended the document there."""
    assert _grown("彼は待った。\nそして……").finish("stop") == "彼は待った。\nそして……"
    assert _grown("彼は待った。\nそして……").finish("length") == "彼は待った。"


def test_nothing_readable_is_lost() -> None:
    """Where no sentence ever ended everything is kept, and trails off."""
    assert _grown("風の音、波の音、「").finish("length") == "風の音、波の音……"
    assert Continuation(Length.SHORT, "It was dark").finish() == ""


def test_a_quotation_that_never_closes_keeps_its_sentences() -> None:
    """Text is not thrown away because the model forgot a closing bracket."""
    growing = _grown("彼は語った。「" + _numbered(12))
    assert growing.finish("length").endswith("開けてみた。")
    assert len(growing.finish("length")) > LENGTH_CHARACTERS[Length.MEDIUM] / 2


@pytest.mark.parametrize(
    "junk",
    ["\nhttps://example.com/a?b=c", "続きは www.example.com へ。", "\n#小説 #恋愛 #R18", " #小説 #恋愛。"],
)
def test_addresses_and_hashtags_end_the_story(junk: str) -> None:
    """The story ends before them and the stream may be closed."""
    growing = _grown("彼は笑った。夜が明けた。" + junk + "\nまた明日。")
    assert growing.complete
    assert growing.finish("stop") == "彼は笑った。夜が明けた。"


def test_a_text_of_junk_alone_is_empty() -> None:
    """There was nothing readable to keep."""
    assert _grown("#小説 #恋愛 #R18").finish("length") == ""


def test_a_long_sentence_is_said_once() -> None:
    """Said again in a row, it ends the text before the repeat."""
    growing = _grown("彼は戸をそっと開けてみた。" * 5)
    assert growing.complete
    assert growing.finish("stop") == "彼は戸をそっと開けてみた。"


def test_a_short_cry_may_be_said_twice() -> None:
    """待て。待て。 is emphasis; a third time is a loop."""
    growing = _grown("彼は叫んだ。待て。待て。待て。待て。")
    assert growing.finish("stop") == "彼は叫んだ。待て。待て。"


def test_a_loop_of_two_sentences_is_seen() -> None:
    """ABAB ends like AA does."""
    growing = _grown("彼は行った。私は待っていた。" * 4)
    assert growing.complete
    assert growing.finish("stop") == "彼は行った。私は待っていた。彼は行った。"


def test_the_model_writes_in_house_style() -> None:
    """What the tokenizer folded to ASCII comes back, with the prompt as its neighbourhood."""
    assert (
        _grown("!? そうか...と彼は思った。", prompt="何だと").finish("stop") == "！？　そうか……と彼は思った。"
    )


def test_blank_lines_become_one_break() -> None:
    """A paragraph break is one newline."""
    assert _grown("彼は待った。\n\n\n朝が来た。").finish("stop") == "彼は待った。\n朝が来た。"


def test_english_goes_on_in_english() -> None:
    """Full stops of English count, and nothing becomes full-width."""
    text = 'She waited. "Really?" he asked. Then'
    assert _grown(text, prompt="It rained.").finish("length") == 'She waited. "Really?" he asked.'


@pytest.mark.parametrize("length", list(Length))
def test_tokens_asked_for(length: Length) -> None:
    """There are tokens enough for the characters and a sentence more; the least asked for is far below."""
    assert max_tokens(length) >= LENGTH_CHARACTERS[length] + 40
    assert 1 < min_tokens(length) < max_tokens(length) / 2


@given(PIECES)
def test_shown_text_only_grows(pieces: list[str]) -> None:
    """Everything shown is kept: each text extends the one before, the final one included."""
    growing = Continuation(Length.SHORT, PROMPT)
    shown = ""
    for piece in pieces:
        growing.push(piece)
        assert growing.shown.startswith(shown)
        shown = growing.shown
    assert growing.finish("stop").startswith(shown.rstrip())


@given(PIECES)
def test_finishing_twice_gives_the_same(pieces: list[str]) -> None:
    """The final text does not depend on how often it is asked for."""
    growing = Continuation(Length.SHORT, PROMPT)
    for piece in pieces:
        growing.push(piece)
    assert growing.finish("length") == growing.finish("length")


@given(st.text(alphabet="あ彼。！？…「」\na", max_size=80), st.lists(st.integers(1, 5), max_size=80))
def test_how_the_text_is_cut_into_pieces_does_not_matter(text: str, sizes: list[int]) -> None:
    """Streaming in other pieces gives the same final text, but for what came after there was enough."""
    whole, pieces = Continuation(Length.LONG, PROMPT), Continuation(Length.LONG, PROMPT)
    whole.push(text)
    start = 0
    for size in [*sizes, len(text)]:
        pieces.push(text[start : start + size])
        start += size
    if not whole.complete and not pieces.complete:
        # Marks after an end, or a bracket that closes nothing, belong to it only where they came with it.
        assert whole.finish("stop").strip("。！？…」") == pieces.finish("stop").strip("。！？…」")
