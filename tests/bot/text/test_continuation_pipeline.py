"""The whole way of a text, whatever the model writes and however it comes in."""

from __future__ import annotations

import unicodedata

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.text.continuation import Continuation
from bot.text.word_filter import WordFilter

FILTER = WordFilter.of(["ひみつ"], built_in=False)
PROMPTS = st.sampled_from(
    [
        "それは九月初旬のある蒸し暑い晩のことであった。",
        "彼は「",
        "「もう帰ろう、と『彼",
        "（その日（",
        "雨の降る夜、駅の待合室には私のほかに誰もいなかった。\n「誰か",
        'It rained. He said, "I know',
        "",
        "「",
    ]
)
PIECE = (
    st.text(alphabet='あ彼。！？!?.…、「」『』（）()《》[]“”" \n\u3000―-~#|｜A7', max_size=6)
    | st.text(max_size=4)
    | st.sampled_from(
        [
            "彼は言った。",
            "「行くよ」",
            "「行くよ。待って。」",
            "と彼は答えた。",
            "彼は戸をそっと開けて暗い部屋の中を見た。",
            "雨の降る夜、駅の待合室には私のほかに誰もいなかった。",
            "https://",
            "#小説 ",
            "\nホーム | お問い合わせ | 利用規約\n",
            "続きを読む\n",
            "그는 말했다. ",
            "Он сказал. ",
            "他说这个问题。",
            "He went down the road and sang. ",
            "どんどんどんどん",
            "ひみつ",
            "ひ み\u200bつ。",
            "……",
            "――",
            "\n\n",
        ]
    )
)
TEXTS = st.lists(PIECE, max_size=30).map("".join)
LENGTHS = st.sampled_from([20, 80, 200, 1000])
REASONS = st.sampled_from(["stop", "length", None])
PAIRS = dict(zip("「『（〈《【〔［｛“([{", "」』）〉》】〕］｝”)]}", strict=True))


def streamed(
    text: str, cuts: list[int], length: int, prompt: str, reason: str | None
) -> tuple[list[str], str]:
    """What is shown after each piece, and the final text."""
    growing = Continuation(length, prompt, FILTER)
    shown, start = [], 0
    for size in [*cuts, len(text)]:
        growing.push(text[start : start + size])
        shown.append(growing.shown)
        start += size
    return shown, growing.finish(reason)


def letters(text: str) -> str:
    """Letters alone, folded."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def is_balanced(text: str, before: str) -> bool:
    """Whether each paragraph closes what it opened, with what the writer left open in the first one."""
    paragraphs = (before[before.rfind("\n") + 1 :] + "\0" + text).split("\n")
    for paragraph in paragraphs:
        stack: list[str] = []
        ours = "\0" not in paragraph
        for character in paragraph:
            if character == "\0":
                ours = True
            elif character in PAIRS:
                stack.append(PAIRS[character])
            elif character in PAIRS.values():
                if not ours and character not in stack:
                    continue
                if not stack or (ours and stack[-1] != character):
                    return False
                while stack.pop() != character:
                    pass
        if stack:
            return False
    return True


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 9), max_size=60), LENGTHS, PROMPTS, REASONS)
def test_what_was_shown_is_kept(
    text: str, cuts: list[int], length: int, prompt: str, reason: str | None
) -> None:
    """Each shown text begins with the one before it, and the final one with all of them."""
    shown, final = streamed(text, cuts, length, prompt, reason)
    for earlier, later in zip(shown, [*shown[1:], final], strict=True):
        assert later.startswith(earlier)


@settings(max_examples=400, deadline=None)
@given(TEXTS, LENGTHS, PROMPTS, REASONS)
def test_brackets_are_closed_and_the_last_sentence_is_finished(
    text: str, length: int, prompt: str, reason: str | None
) -> None:
    """Whatever was left open, by the writer too, and wherever the text broke off."""
    _, final = streamed(text, [], length, prompt, reason)
    if final:
        assert is_balanced(final, prompt)
        assert unicodedata.category(final[-1]) in {"Po", "Pe", "Pf", "Pd"}
        assert final[-1] not in "、，,：；:;・#＃&*"


@settings(max_examples=400, deadline=None)
@given(TEXTS, LENGTHS, PROMPTS, REASONS)
def test_no_debris_stays(text: str, length: int, prompt: str, reason: str | None) -> None:
    """No address, hashtag, menu, filtered word or drift into another script."""
    _, final = streamed(text, [], length, prompt, reason)
    assert not any(
        junk in final for junk in ("https:", "#小", "お問い合わせ", "続きを読む", "그는", "Он сказал")
    )
    assert "went down the road" not in final or "rained" in prompt
    assert "ひみつ" not in final.replace("\u200b", "").replace(" ", "")


@settings(max_examples=400, deadline=None)
@given(TEXTS, LENGTHS, PROMPTS, REASONS)
def test_a_long_sentence_stands_once(text: str, length: int, prompt: str, reason: str | None) -> None:
    """In the text and the prompt's end together."""
    _, final = streamed(text, [], length, prompt, reason)
    for sentence in (
        "彼は戸をそっと開けて暗い部屋の中を見た",
        "雨の降る夜駅の待合室には私のほかに誰もいなかった",
    ):
        assert letters(prompt + final).count(sentence) <= 1


@settings(max_examples=400, deadline=None)
@given(TEXTS, LENGTHS, PROMPTS, REASONS, st.lists(st.integers(1, 5), max_size=80))
@example(text=") ？7", length=20, prompt="彼は「", reason="stop", cuts=[])
def test_a_finished_text_comes_through_as_it_is(
    text: str, length: int, prompt: str, reason: str | None, cuts: list[int]
) -> None:
    """Streamed once more it gives itself; an end shown at once may lose the marks that came after it."""
    _, final = streamed(text, [], length, prompt, reason)
    _, again = streamed(final, [], length, prompt, "stop")
    _, in_pieces = streamed(final, cuts, length, prompt, "stop")
    assert final == again
    assert letters(final) == letters(in_pieces)


@settings(max_examples=300, deadline=None)
@given(TEXTS, LENGTHS, PROMPTS)
def test_the_text_hardly_grows(text: str, length: int, prompt: str) -> None:
    """Dots are set in pairs, and brackets are closed: no more than that is added."""
    _, final = streamed(text, [], length, prompt, "stop")
    assert len(final) <= 2 * len(text) + len(prompt) + 2
