"""How a story's text becomes the model's tokens."""

from __future__ import annotations

import functools
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentencepiece import SentencePieceProcessor

from bot.worker.text.encoding import StoryText
from bot.worker.text.vocabulary import EOS, UNK
from tests.fakes.checkpoints import (
    CONTROLS,
    MADEUP_WORDS,
    SENTENCES,
    sentencepiece_model,
    tiny_tokenizer,
    vocabulary,
)

NORMALISATIONS = pytest.mark.parametrize("published", [False, True], ids=["embedded", "published"])
_CHARACTERS = [*"".join(SENTENCES), *"晩惚呪腑ＤＡ①…〜～!?ёÉé\t\u3000\u00a0ö각🙂"]
_HALVES = ["ｶﾞ", "ﾊﾟ", "か\u3099", "ｱ", "｡"]
SCRIPTS = st.lists(st.sampled_from(_CHARACTERS + _HALVES), max_size=30).map("".join)
_SEAMS = [*CONTROLS, *MADEUP_WORDS, "\n", "\r\n", "\n\n\n", " ", "。", "\u3000"]
PASSAGES = st.lists(st.one_of(SCRIPTS, st.sampled_from(_SEAMS))).map("".join)


@functools.cache
def story_text(*, published: bool = False, context: int = 256) -> StoryText:
    """A StoryText on a tiny tokenizer."""
    return StoryText(tiny_tokenizer(published_normalisation=published), context)


def pieces(encoded_ids: tuple[int, ...], *, published: bool = False) -> list[str]:
    """The pieces behind ids."""
    tokenizer = tiny_tokenizer(published_normalisation=published)
    return [str(tokenizer.id_to_token(i)) for i in encoded_ids]


def sentencepiece_ids(paragraph: str, *, published: bool) -> list[int]:
    """What SentencePiece itself makes of one line, in fairseq's order."""
    model = sentencepiece_model(published_normalisation=published)
    processor = SentencePieceProcessor(model_proto=model)
    ids = {piece: i for i, (piece, _) in enumerate(vocabulary(model))}
    return [
        UNK if processor.is_unknown(i) else ids[processor.id_to_piece(i)] for i in processor.encode(paragraph)
    ]


@NORMALISATIONS
def test_a_run_of_line_breaks_is_one_end_token(published: bool) -> None:
    """Blank lines, also with spaces on them, and every kind of line break come to a single `</s>`."""
    text = story_text(published=published)
    once = text.encode("雨が\n猫", 100).ids
    assert once.count(EOS) == 2
    for run in ("\n\n", "\r\n", "\r\n \r\n\r\n", "\n\u3000\n", "\u2028", "\x0b\n"):
        assert once == text.encode(f"雨が{run}猫", 100).ids


def test_end_tokens_stand_in_front_and_for_a_final_line_break() -> None:
    """The context begins with `</s>`; a prompt that ends with a line break makes the next paragraph begin."""
    text = story_text()
    assert pieces(text.encode("\n\n雨が", 100).ids) == ["</s>", "雨", "が"]
    assert pieces(text.encode("雨が\n\n", 100).ids) == ["</s>", "雨", "が", "</s>"]


def test_the_published_tokenizer_marks_each_paragraph_and_no_other_joint() -> None:
    """Fairseq encoded line by line: ▁ at each paragraph's start, nowhere else between Japanese characters."""
    ids = story_text(published=True).encode("雨が。\n猫が。", 100).ids
    assert pieces(ids, published=True) == ["</s>", "▁", "雨", "が", "。", "</s>", "▁", "猫", "が", "。"]


def test_the_embedded_tokenizer_marks_no_paragraph() -> None:
    """A tokenizer trained without a prefix gets none, and a full-width indent stays."""
    ids = story_text().encode("雨が\n\u3000扉", 100).ids
    assert pieces(ids) == ["</s>", "雨", "が", "</s>", "\u3000", "扉"]


@NORMALISATIONS
@pytest.mark.parametrize("spaces", [" ", "   ", "\u3000", " \u3000", "\t"])
def test_spaces_at_the_end_are_not_fed(published: bool, spaces: str) -> None:
    """Half or full width, they would eat the first Japanese character of the continuation."""
    text = story_text(published=published)
    assert text.encode("雨が", 100).ids == text.encode(f"雨が{spaces}", 100).ids


@NORMALISATIONS
@pytest.mark.parametrize("typed", [*CONTROLS, *MADEUP_WORDS])
def test_a_typed_control_stays_text(published: bool, typed: str) -> None:
    """A writer's literal `</s>` is read character by character, as SentencePiece reads it."""
    text = story_text(published=published)
    for passage in (typed, f"雨が{typed}猫", f"{typed} {typed}"):
        ids = text.encode(passage, 100).ids
        assert [EOS, *sentencepiece_ids(passage, published=published)] == list(ids)
        assert set(ids) & set(text.banned) <= {UNK}
        assert EOS not in ids[1:]


def test_unknown_characters_are_told_once_and_in_order() -> None:
    """What the model sees as a hole is named in the order of the text, each character once."""
    encoded = story_text().encode("蒸し暑い晩のこと、呪いの晩。\n惚れた腑。", 100)
    assert encoded.unknown == ("晩", "呪", "惚", "腑")
    assert UNK in encoded.ids


def test_unknown_is_judged_after_normalisation() -> None:
    """① becomes a known 1; a ligature whose letters are unknown is named as the writer wrote it."""
    text = story_text(published=True)
    assert text.encode("１９２３年の①".replace("年", "夜"), 100).unknown == ()
    assert text.encode("雨㍻猫", 100).unknown == ("㍻",)
    assert story_text().encode("①", 100).unknown == ("①",)


def test_invisible_characters_are_neither_fed_nor_told() -> None:
    """Variation selectors and marks of no width do not become holes."""
    text = story_text()
    plain = text.encode("猫だ", 100)
    marked = text.encode("猫\U000e0100だ\u200b", 100)
    assert (plain.ids, plain.unknown) == (marked.ids, marked.unknown)
    assert plain.ids == text.encode("\ufeff猫だ\x07", 100).ids
    assert text.encode("猫\n\u200b\n雨", 100).ids == text.encode("猫\n雨", 100).ids


@NORMALISATIONS
@pytest.mark.parametrize("empty", ["", " \n\u3000\n", "晩", "呪腑\n晩", "\u200b"])
def test_a_text_without_anything_to_see_is_known(published: bool, empty: str) -> None:
    """Empty, blank or wholly unknown: `unreadable` says so, though a ▁ stands in front."""
    assert story_text(published=published).encode(empty, 100).unreadable


@NORMALISATIONS
def test_a_text_with_one_known_character_is_readable(published: bool) -> None:
    """One visible character is enough to go on from."""
    assert not story_text(published=published).encode("晩の", 100).unreadable


def test_a_lone_surrogate_is_an_unknown_character() -> None:
    """Half a character, as broken clients send it, does not stop the worker."""
    assert UNK in story_text().encode("雨\ud83d猫", 100).ids


def test_kana_in_halves_are_read_whole() -> None:
    """か + combining ゛ and half-width ｶﾞ are one kana, which tokenizers' own normaliser misses."""
    for published in (False, True):
        text = story_text(published=published)
        assert text.encode("だがド", 100).ids == text.encode("た\u3099か\u3099ﾄﾞ", 100).ids


@NORMALISATIONS
@settings(deadline=None, max_examples=80)
@given(line=SCRIPTS)
def test_every_line_is_read_as_sentencepiece_reads_it(published: bool, line: str) -> None:
    """The ids are SentencePiece's own, whatever the script and the width."""
    line = re.sub(" {2,}", " ", line.replace("\t", " ")).strip(" ").rstrip("\u3000\u00a0 ")
    # Six dots are five and one, or one and five: equally likely, and each library takes another one.
    line = re.sub("…{2,}", "…", line)
    if not published:
        line = re.sub("[ｶﾊｱ｡ﾞﾟ\u3099]", "", line)
    if line:
        expected = [EOS, *sentencepiece_ids(line, published=published)]
        assert expected == list(story_text(published=published).encode(line, 256).ids)


@NORMALISATIONS
@settings(deadline=None, max_examples=80)
@given(passage=PASSAGES)
def test_no_text_makes_a_control_token(published: bool, passage: str) -> None:
    """Only single `</s>` and `<unk>` come out of a text, and never two `</s>` in a row."""
    text = story_text(published=published, context=10_000)
    ids = text.encode(passage, 10_000).ids
    assert ids[0] == EOS
    assert not set(ids) & (set(text.banned) - {UNK})
    assert (EOS, EOS) not in set(pairwise(ids))
    assert len(ids) == text.count(passage).tokens


def test_the_counted_text_is_never_cut() -> None:
    """`count` tells what the whole text takes, also when it is longer than the context."""
    text = story_text(context=16)
    counted = text.count("雨が。" * 50 + "晩")
    assert counted.tokens == 152
    assert counted.unknown == ("晩",)


def test_what_must_never_be_sampled_is_listed() -> None:
    """`<s>`, `<pad>`, `<unk>`, the madeupwords and rows without a token; `</s>` may be sampled."""
    tokenizer = tiny_tokenizer()
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    banned = StoryText(tokenizer, 256, vocab_size=size + 3).banned
    assert (0, 1, 3, *range(size - 7, size + 3)) == banned


@NORMALISATIONS
@pytest.mark.parametrize("space", "\xa0\u2000\u2003\u2009\u202f\u205f")
def test_a_space_of_another_kind_is_a_space(published: bool, space: str) -> None:
    """A no-break space inside a text is no hole; in front of a paragraph it is none at all."""
    text = story_text(published=published)
    encoded = text.encode(f"雨{space}が", 100)
    assert (encoded.ids, encoded.unknown) == (text.encode("雨 が", 100).ids, ())
    assert text.encode(f"{space}雨", 100).ids == text.encode("雨", 100).ids


@pytest.mark.parametrize("silent", "\u200c\u200d\u202a\u2066\u180e\U000e0067\x80")
def test_what_has_no_width_is_nothing(silent: str) -> None:
    """Joiners, directions, tags: where the model has no piece for them they are neither read nor named."""
    encoded = story_text().encode(f"雨{silent}が", 100)
    assert (encoded.ids, encoded.unknown) == (story_text().encode("雨が", 100).ids, ())


@pytest.mark.parametrize("unknown", "\ue000\U0010fffd\u0605\u0378")
def test_what_is_not_printable_is_named_all_the_same(unknown: str) -> None:
    """A hole is never silent, whatever makes it."""
    encoded = story_text().encode(f"雨{unknown}が", 100)
    assert UNK in encoded.ids
    assert encoded.unknown == (unknown,)


@given(st.text(max_size=20))
def test_no_hole_is_silent(text: str) -> None:
    """Where there is an `<unk>` there is a character that is named."""
    encoded = story_text().encode(f"雨{text}が", 1_000)
    assert (UNK in encoded.ids) == bool(encoded.unknown)
