"""How tokens become text while they come."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import Unigram

from bot.worker.text.decoding import StreamDecoder
from bot.worker.text.encoding import StoryText
from bot.worker.text.vocabulary import EOS
from tests.fakes.checkpoints import CONTROLS, MADEUP_WORDS

PIECES = [*"s雨が。猫」.한\u3000", "▁", "▁The", "▁cat", "▁is", "▁「", "▁です", "▁말"]
SPACED = ["The old", "Who?", "と、Tom", "말", "彼はBobと、Tom!"]
"""Prompts behind which a word begins with a space."""

UNSPACED = [
    "",
    "雨が",
    "The old ",
    "雨が\u3000",
    "雨が\n",
    "The old\n",
    "雨が\n\u3000",
    "「Who?」",
    "雨が…",
]


def tokenizer(pieces: Sequence[str] = PIECES, *, byte_fallback: bool = False) -> Tokenizer:
    """A tokenizer of given pieces, controls in front and madeupwords behind."""
    vocabulary = [(piece, 0.0) for piece in [*CONTROLS, *pieces, *MADEUP_WORDS]]
    return Tokenizer(Unigram(vocabulary, unk_id=3, byte_fallback=byte_fallback))


def ids_of(pieces: Iterable[str]) -> list[int]:
    """The ids of pieces; `/` stands for `</s>`."""
    return [EOS if piece == "/" else len(CONTROLS) + PIECES.index(piece) for piece in pieces]


@functools.cache
def text() -> StoryText:
    """A StoryText on `PIECES`."""
    return StoryText(tokenizer(), 256)


def decoder(prompt: str) -> StreamDecoder:
    """A decoder behind a prompt."""
    return text().decoder(prompt)


def decoded(prompt: str, *pieces: str) -> str:
    """All that comes of pieces behind a prompt."""
    stream = decoder(prompt)
    return "".join(map(stream.push, ids_of(pieces))) + stream.flush()


def reference(prompt: str, ids: Sequence[int]) -> str:
    """The same by looking at everything at once, as plainly as it can be said."""
    fresh = not prompt.strip() or "\n" in prompt[len(prompt.rstrip()) :]
    lines = [""]
    for token in ids:
        if token != EOS:
            lines[-1] += PIECES[token - len(CONTROLS)].replace("▁", " ")
            if len(lines) == 1 and prompt.endswith((" ", "\u3000")):
                lines[0] = lines[0].lstrip(" \u3000")
        elif lines[-1].strip(" ") or (len(lines) == 1 and not fresh):
            lines.append("")
        else:
            lines.pop()
            break
    tidy = [re.sub(" +", " ", line).strip(" ") for line in lines]
    space = tidy and prompt in SPACED and lines[0].startswith(" ") and tidy[0][:1] in [*"Tcis.한말"]
    return (" " if space else "") + "\n".join(tidy)


def test_a_space_mark_is_a_space_between_words() -> None:
    """Latin words are set apart as the pieces say."""
    assert decoded("雨が\n", "▁The", "▁cat", "s", ".") == "The cats."


def test_the_first_mark_behind_latin_text_is_a_space() -> None:
    """The continuation of an English line begins with its space, and a word's ending with none."""
    assert decoded("The old", "▁cat") == " cat"
    assert decoded("The cat", "s") == "s"


def test_the_first_mark_behind_a_written_space_is_none() -> None:
    """The writer's trailing space is not fed, so the model's own would be the second."""
    assert decoded("The old ", "▁cat", "s") == "cats"
    assert decoded("雨が\u3000", "\u3000", "猫") == "猫"


def test_the_first_mark_behind_japanese_is_none() -> None:
    """The ▁ that a model puts at the joint is not a space of the story."""
    assert decoded("雨が", "▁です") == "です"
    assert decoded("「Who?」", "▁The") == "The"
    assert decoded("雨が…", "▁", "猫") == "猫"


def test_a_paragraph_never_begins_with_a_space() -> None:
    """Published models write ▁ at each paragraph's start; an indent is the writer's full-width space."""
    assert decoded("", "▁「", "猫", "」", "/", "▁The", "/", "\u3000", "雨") == "「猫」\nThe\n\u3000雨"


def test_a_single_end_token_is_a_paragraph_break() -> None:
    """Paragraphs are not glued together, and the story goes on behind the break."""
    stream = decoder("雨が")
    texts = [stream.push(token) for token in ids_of(["。", "/", "猫"])]
    assert texts == ["。", "", "\n猫"]
    assert not stream.ended


def test_two_end_tokens_end_the_document() -> None:
    """A blank line began another document: the story ends in front of it, and nothing follows."""
    stream = decoder("雨が")
    texts = [stream.push(token) for token in ids_of(["。", "/", "/", "猫"])]
    assert "".join(texts) == "。"
    assert stream.ended
    assert stream.flush() == ""


@pytest.mark.parametrize("prompt", ["", "雨が。\n", "雨が。\n\u3000"])
def test_an_end_token_behind_a_line_break_ends_the_document(prompt: str) -> None:
    """The prompt's own `</s>` is the first of the two."""
    stream = decoder(prompt)
    assert stream.push(EOS) == ""
    assert stream.ended


def test_a_held_break_is_given_at_the_end() -> None:
    """When tokens run out behind a paragraph's end, the break is part of the text."""
    assert decoded("雨が", "。", "/") == "。\n"


def test_a_trailing_space_is_never_emitted() -> None:
    """A space may turn out to be the end of a line, so it waits for the next word."""
    stream = decoder("")
    assert [stream.push(token) for token in ids_of(["▁The", "▁"])] == ["The", ""]
    assert stream.push(ids_of(["▁cat"])[0]) == " cat"


@pytest.mark.parametrize("control", [0, 1, 3, len(CONTROLS) + len(PIECES), 10_000])
def test_controls_have_no_text(control: int) -> None:
    """Should `<unk>`, a madeupword or an id past the end ever come, no mark of it is written."""
    stream = decoder("雨が")
    assert stream.push(control) + stream.push(ids_of(["猫"])[0]) == "猫"


def test_a_character_of_several_tokens_comes_whole() -> None:
    """With byte pieces a character is emitted when its last byte is there; half a character never."""
    pieces = ["<0xE6>", "<0x99>", "<0xA9>", "猫"]
    stream = StoryText(tokenizer(pieces, byte_fallback=True), 256).decoder("雨が")
    assert [stream.push(token) for token in (4, 5, 6, 7)] == ["", "", "晩", "猫"]
    assert [stream.push(token) for token in (4, 5, 7)] == ["", "", "猫"]


def test_a_long_text_costs_the_same_per_token() -> None:
    """Nothing is decoded twice: the decoder keeps no tokens and no text."""
    stream = decoder("雨が")
    before = {name: len(value) for name, value in vars(stream).items() if isinstance(value, list | str)}
    for _ in range(1_000):
        stream.push(ids_of(["猫"])[0])
    after = {name: len(value) for name, value in vars(stream).items() if isinstance(value, list | str)}
    assert before == after


@settings(deadline=None, max_examples=200)
@given(
    prompt=st.sampled_from(SPACED + UNSPACED), pieces=st.lists(st.sampled_from([*PIECES, "/"]), max_size=20)
)
def test_the_stream_is_the_reference_decode(prompt: str, pieces: list[str]) -> None:
    """What was pushed is at each moment a beginning of the whole text, and in the end all of it."""
    stream, ids, emitted = decoder(prompt), ids_of(pieces), ""
    for place, token in enumerate(ids, start=1):
        emitted += stream.push(token)
        assert emitted == reference(prompt, ids[:place]).rstrip(" ").removesuffix("\n")
    assert emitted + stream.flush() == reference(prompt, ids)


def test_every_token_can_be_named() -> None:
    """A piece with its space, a control by its name, a byte by its code; rows without a token, too."""
    bytewise = StoryText(tokenizer([*PIECES, *(f"<0x{i:02X}>" for i in range(256))], byte_fallback=True), 256)
    first_byte = len(CONTROLS) + len(PIECES)

    named = [text().spell(token) for token in (3, EOS, *ids_of(["▁The", "雨"]))]

    assert named == ["<unk>", "</s>", " The", "雨"]
    assert bytewise.spell(first_byte + 0xE3) == "bytes:\\xe3"
    assert len({text().spell(token) for token in range(3, 60)}) == 57
