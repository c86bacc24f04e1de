"""Which tokens may be drawn for chosen languages, and that these do for all that can be typed in them."""

from __future__ import annotations

import functools
import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from bench.checkpoint import filled_tokenizer
from bot.worker.checkpoints.loader import embedded_model
from bot.worker.checkpoints.output_vocabulary import OutputVocabulary, choose_output
from bot.worker.checkpoints.output_vocabulary_cache import SMALL_VOCABULARY, output_vocabulary
from bot.worker.text.languages import Languages
from bot.worker.text.vocabulary import CONTROLS, EOS, UNK, plain_from
from tests.fakes.checkpoints import tiny_tokenizer

SIZE = 40_000
"""The embedded model's pieces, and as many again of other scripts."""

KANA = "".join(map(chr, (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB))))
SIGNS = "ー、。「」『』（）！？…―～・ ,.!?'\"-:;　"
TYPED = f"{KANA}{string.ascii_letters}{string.digits}{SIGNS}漢字雨夜街女男月人々〆"


@functools.cache
def described() -> str:
    """A tokenizer.json of many scripts."""
    published = (embedded_model() / "tokenizer.json").read_text(encoding="utf-8")
    return json.dumps(filled_tokenizer(json.loads(published), SIZE))


@functools.cache
def tokenizer() -> Tokenizer:
    """Its plain tokenizer."""
    return plain_from(json.loads(described()))


@functools.cache
def chosen(*names: str) -> OutputVocabulary:
    """What is chosen of it."""
    return choose_output(tokenizer(), SIZE, Languages(names))


@functools.cache
def restricted(*names: str) -> Tokenizer:
    """A tokenizer that has nothing but the tokens that were chosen, and `<unk>`."""
    kept = {*(chosen(*names).ids or ()), *range(len(CONTROLS))}
    content: dict[str, Any] = json.loads(described())
    vocabulary = content["model"]["vocab"]
    content["model"]["vocab"] = [entry for token, entry in enumerate(vocabulary) if token in kept]
    content["added_tokens"] = []
    return plain_from(content)


@settings(max_examples=300, deadline=None)
@given(st.text(TYPED, max_size=60))
def test_whatever_is_typed_in_the_languages_can_be_written(text: str) -> None:
    """What the whole vocabulary can write of Japanese and English, the chosen tokens can."""
    whole, few = tokenizer(), restricted("ja", "en")
    if UNK not in whole.encode(text).ids:
        written = few.encode(text)
        assert UNK not in written.ids
        assert few.decode(written.ids) == whole.decode(whole.encode(text).ids)


@pytest.mark.parametrize(
    ("names", "text", "possible"),
    [
        (("ja", "en"), "가가가가", False),
        (("ja", "en", "ko"), "가가가가", True),
        (("ja",), "аааа", False),
        (("en",), "雨が降る", False),
        (("en",), "The quick brown fox, it's 3!", True),
        (("fr",), "é", True),
        (("en",), "é", False),
    ],
)
def test_other_languages_cannot(names: tuple[str, ...], text: str, possible: bool) -> None:
    """Not even letter by letter."""
    assert UNK not in tokenizer().encode(text).ids
    assert (UNK not in restricted(*names).encode(text).ids) is possible


def test_latin_letters_are_taken_by_use() -> None:
    """What English words need is kept for English; Japanese has the letters alone."""
    english, japanese = chosen("en"), chosen("ja")
    for piece in ("▁the", "▁The", "ing", "a", "▁a", "Z"):
        assert tokenizer().token_to_id(piece) in (english.ids or ()), piece
    assert tokenizer().token_to_id("▁the") not in (japanese.ids or ())
    assert tokenizer().token_to_id("a") in (japanese.ids or ())
    assert tokenizer().token_to_id("▁Baskerville") not in (english.ids or ())


def test_what_was_chosen_ascends_and_is_counted_by_kind() -> None:
    """So ties fall as they did among all; of the controls only the paragraph break is there."""
    found = chosen("ja", "en")
    assert found.ids is not None
    assert list(found.ids) == sorted(set(found.ids))
    assert found.rows == len(found.ids) == sum(found.kinds.values())
    assert set(found.kinds) == {"controls", "symbols", "letters", "ja", "en"}
    assert {0, 1, 2, 3} & set(found.ids) == {EOS}
    assert found.size == SIZE


def test_all_leaves_nothing_out() -> None:
    """Then there is no list of ids at all."""
    found = chosen("all")
    assert (found.ids, found.rows, found.languages) == (None, SIZE, ("all",))


def test_where_little_would_be_saved_everything_stays() -> None:
    """The embedded model's vocabulary is Japanese and English but for 16 tokens; tiny ones are quick."""
    embedded = Tokenizer.from_file(str(embedded_model() / "tokenizer.json"))
    whole = plain_from(json.loads(embedded.to_str()))
    size = whole.get_vocab_size()
    assert choose_output(whole, size, Languages(["ja", "en"])).ids is None
    assert choose_output(whole, size, Languages(["en"])).rows < 1_000
    tiny = plain_from(json.loads(tiny_tokenizer().to_str()))
    assert choose_output(tiny, tiny.get_vocab_size(), Languages(["en"])).ids is None


def test_bytes_are_kept_where_a_vocabulary_has_them() -> None:
    """They may be part of anything."""
    content = json.loads(described())
    content["model"]["vocab"] += [["<0xE3>", -20.0], ["<0x81>", -20.0]]
    content["model"]["byte_fallback"] = True
    content["added_tokens"] = []
    found = choose_output(plain_from(content), SIZE + 2, Languages(["en"]))
    assert {SIZE, SIZE + 1} <= {*(found.ids or ())} or found.kinds["controls"] == 3


def test_a_choice_is_kept_by_tokenizer_and_languages(tmp_path: Path) -> None:
    """The next start finds it; other languages, or another tokenizer, find none."""
    assert SIZE > SMALL_VOCABULARY
    folder, cache = tmp_path / "model", tmp_path / "cache"
    folder.mkdir()
    (folder / "tokenizer.json").write_text(described(), encoding="utf-8")
    nothing = plain_from(json.loads(tiny_tokenizer().to_str()))

    def found(*names: str, by: Tokenizer) -> OutputVocabulary:
        return output_vocabulary(folder, by, SIZE, Languages(names), cache)

    first = found("ja", "en", by=tokenizer())
    assert first == chosen("ja", "en")
    assert found("ja", "en", by=nothing) == first
    assert found("ja", by=tokenizer()) == chosen("ja")
    assert len(list(cache.iterdir())) == 2
    (folder / "tokenizer.json").write_text(described() + " ", encoding="utf-8")
    assert found("ja", "en", by=nothing) != first


@pytest.mark.parametrize(
    "content", ["", "[]", '{"ids": [3, 2]}', '{"size": 40000, "ids": [9, 9], "languages": [], "kinds": {}}']
)
def test_a_damaged_choice_is_made_anew(content: str, tmp_path: Path) -> None:
    """Whatever stands in the file."""
    folder, cache = tmp_path / "model", tmp_path / "cache"
    folder.mkdir()
    output_vocabulary(folder, tokenizer(), SIZE, Languages(["en"]), cache)
    [file] = cache.iterdir()
    file.write_text(content, encoding="utf-8")
    assert output_vocabulary(folder, tokenizer(), SIZE, Languages(["en"]), cache) == chosen("en")


def test_a_cache_that_cannot_be_written_is_no_harm(tmp_path: Path) -> None:
    """It is chosen at every start then."""
    (tmp_path / "file").touch()
    for cache in (None, tmp_path / "file" / "cache"):
        found = output_vocabulary(tmp_path, tokenizer(), SIZE, Languages(["en"]), cache)
        assert found == chosen("en")
