"""What of a streaming text is kept, and where it ends."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.jobs import LENGTH_CHARACTERS, Length
from bot.text.continuation import Continuation, max_tokens, min_tokens
from bot.text.japanese import house_style
from bot.text.word_filter import WordFilter

PROMPT = "それは九月初旬のある蒸し暑い晩のことであった。"
PIECES = st.lists(
    st.text(alphabet="あ彼。！？!?.…「」（）() \n―a#", max_size=6)
    | st.sampled_from(["彼は言った。", "「行くよ」", "https://", "#小説 "]),
    max_size=40,
)


def _grown(text: str, length: Length | int = Length.MEDIUM, prompt: str = PROMPT) -> Continuation:
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
    growing = _grown("".join(f"第{number}の部屋、" for number in range(40)) + "。")
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
    assert growing.finish("length").endswith("開けてみた。」")
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
    assert max_tokens(length) >= LENGTH_CHARACTERS[length] / 1.3 + 30
    assert 1 < min_tokens(length) < max_tokens(length) / 2


@settings(deadline=None)
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


@settings(deadline=None)
@given(PIECES)
def test_finishing_twice_gives_the_same(pieces: list[str]) -> None:
    """The final text does not depend on how often it is asked for."""
    growing = Continuation(Length.SHORT, PROMPT)
    for piece in pieces:
        growing.push(piece)
    assert growing.finish("length") == growing.finish("length")


@settings(deadline=None)
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


@pytest.mark.parametrize(
    "debris",
    [
        "\nホーム | お問い合わせ | 利用規約\n彼は。",
        "\n続きを読む\n彼は。",
        "\n関連記事：夏の夜。",
        "\n2012/03/04 12:34 カテゴリ：日記\n彼は。",
        "\nCopyright (C) 2012 All Rights Reserved。",
        "\nコメント(0)\n彼は。",
        "그는 밖으로 나갔다. 彼は。",
        "Он вышел на улицу。",
        "他说这个问题让我们没有时间。",
        "He went out and looked at the sea. 彼は。",
        "\n<br>彼は。",
        "mail@example.com まで。",
    ],
)
def test_debris_and_drifts_end_the_story(debris: str) -> None:
    """What no story says ends it in front of the sentence that holds it."""
    assert _grown("夜が明けた。" + debris).finish("stop") == "夜が明けた。"


@pytest.mark.parametrize(
    "text",
    [
        "彼はＡさんのＣＤを Abbey Road で買った。",
        "「Good morning, sir.」と彼は言った。",
        "部屋の番号は#1だった。",
        "昨日のブログのコメントを読む。",
        "三月四日、晴。",
        "（´Д｀）と書いてあった。",
        "国破れて山河在り、城春にして草木深し。",
        "どんどんどんどんと太鼓が鳴った。",
        "ああああああ、と彼は叫んだ。",
        "「ありがとうございます、ありがとうございます。」",
    ],
)
def test_what_a_story_may_say_stays(text: str) -> None:
    """A foreign name or phrase, a number, a cry."""
    text = house(text)
    assert _grown("夜が明けた。" + text).finish("stop") == "夜が明けた。" + text


def house(text: str) -> str:
    """As the text stands in the story."""
    return house_style(text, "夜が明けた。")


def test_junk_before_anything_good_is_left_out() -> None:
    """The story begins behind it."""
    assert _grown("#小説 を書いた。\n彼は笑った。").finish("stop") == "\n彼は笑った。"


def test_what_the_prompt_said_is_not_said_again() -> None:
    """A copy of the prompt's sentence is left out, or ends the text."""
    assert _grown(PROMPT + "彼は笑った。").finish("stop") == "彼は笑った。"
    assert _grown("彼は笑った。" + PROMPT + "彼は。").finish("stop") == "彼は笑った。"


def test_a_stutter_ends_the_text() -> None:
    """Also where its sentence never ends; what came before it stays."""
    growing = _grown("「あの、寒い、" + "寒い、" * 40)
    assert growing.complete
    assert growing.finish("length") == "「あの、寒い……」"
    assert _grown("夜が明けた。" + "や、" * 40).finish("length") == "夜が明けた。"


def test_an_open_quotation_is_closed() -> None:
    """Where a sentence of it stands; otherwise it goes."""
    assert _grown("彼は言った。「行くよ。待って").finish("length") == "彼は言った。「行くよ。」"
    assert _grown("彼は言った。「行くよ、待って").finish("length") == "彼は言った。"
    assert _grown("待て。逃げ", prompt="彼は「").finish("length") == "待て。」"
    assert _grown("行くよ。」と言った。").finish("stop") == "行くよ。と言った。"


@pytest.mark.parametrize("characters", [20, 100, 333, 1000])
def test_a_length_may_be_a_number(characters: int) -> None:
    """Of characters; the next sentence end ends the text."""
    growing = _grown(_numbered(80), characters)
    assert growing.complete
    assert characters <= len(growing.finish()) <= characters + 25
    assert 1 < min_tokens(characters) < max_tokens(characters) / 2


@pytest.mark.parametrize("characters", [0, 19, 1001])
def test_lengths_have_bounds(characters: int) -> None:
    """Less is no sentence, more is no place for the story."""
    with pytest.raises(ValueError, match="20 and 1000"):
        Continuation(characters, PROMPT)


def test_a_filtered_word_ends_the_text() -> None:
    """Its sentence is dropped; where nothing is left it says so."""
    words = WordFilter.of(["ひみつ"], built_in=False)
    growing = Continuation(Length.SHORT, PROMPT, words)
    growing.push("彼は笑った。それはヒミツだ。夜が明けた。")
    assert (growing.complete, growing.filtered) == (True, True)
    assert growing.finish("stop") == "彼は笑った。"
    alone = Continuation(Length.SHORT, "それはひ", words)
    alone.push("みつだ。夜が明けた。")
    assert (alone.finish("stop"), alone.filtered) == ("", True)
    trailing = Continuation(Length.SHORT, PROMPT, words)
    trailing.push("それはひみつ")
    assert (trailing.finish("length"), trailing.filtered) == ("", True)
    assert not _grown("彼は笑った。").filtered


@pytest.mark.parametrize(
    "text", ["He was posted in Paris. He left.", "Share this with me. Do not leave a reply."]
)
def test_what_an_english_story_may_say_stays(text: str) -> None:
    """Words of web pages are words of stories."""
    assert _grown(text, prompt="It rained all night.").finish("stop") == text


def test_journalists_may_appear() -> None:
    """記事 and コメント inside a sentence are no furniture."""
    text = "彼は次の記事を読み、コメントを書いた。"
    assert _grown(text).finish("stop") == text
