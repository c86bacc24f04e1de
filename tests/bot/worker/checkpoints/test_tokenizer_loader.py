"""A checkpoint's tokenizer: as published, converted from SentencePiece, and never a dummy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer
from tokenizers.models import BPE
from transformers import AutoTokenizer

from bot.domain.errors import TokenizerError
from bot.worker.checkpoints.loader import read_config
from bot.worker.checkpoints.tokenizer_loader import SAMPLES, load_tokenizer
from bot.worker.text.encoding import StoryText
from tests.bot.worker.loading import load_checkpoint
from tests.fakes.checkpoints import SENTENCES, TokenizerFiles, sentencepiece_model, tiny_checkpoint

NORMALISATIONS = pytest.mark.parametrize("published", [False, True], ids=["embedded", "published"])


@NORMALISATIONS
def test_sentencepiece_alone_gives_the_published_tokenizer(published: bool, tmp_path: Path) -> None:
    """Converted and published tokenizer have the same ids and read the same texts alike."""
    both = tiny_checkpoint(tmp_path / "both", published_normalisation=published)
    alone = tiny_checkpoint(
        tmp_path / "alone", tokenizer="sentencepiece_only", published_normalisation=published
    )
    expected, converted = (load_checkpoint(folder, device="cpu").tokenizer for folder in (both, alone))
    assert expected.get_vocab() == converted.get_vocab()
    for text in (*SENTENCES, *SAMPLES):
        assert expected.encode(text).ids == converted.encode(text).ids


@NORMALISATIONS
def test_the_converted_tokenizer_agrees_with_sentencepiece(published: bool, tmp_path: Path) -> None:
    """Piece for piece, in every script of the samples."""
    folder = tiny_checkpoint(tmp_path, tokenizer="sentencepiece_only", published_normalisation=published)
    tokenizer = load_checkpoint(folder, device="cpu").tokenizer
    processor = SentencePieceProcessor(model_proto=sentencepiece_model(published_normalisation=published))
    for text in SENTENCES:
        assert processor.encode(text, out_type=str) == tokenizer.encode(text, add_special_tokens=False).tokens


def test_transformers_would_make_a_dummy(tmp_path: Path) -> None:
    """The trap is still there: where this fails, the conversion may be transformers' own again."""
    folder = tiny_checkpoint(tmp_path, tokenizer="sentencepiece_only", published_normalisation=True)
    assert len(AutoTokenizer.from_pretrained(folder)) == 11


def test_a_dummy_is_refused(tmp_path: Path) -> None:
    """Eleven tokens, saved by transformers in good faith, are no tokenizer."""
    folder = tiny_checkpoint(tmp_path, tokenizer="dummy")
    with pytest.raises(TokenizerError, match="dummy of 11 tokens"):
        load_checkpoint(folder, device="cpu")


@pytest.mark.parametrize(("rows", "accepted"), [(0, True), (56, True), (2_000, False), (-1, False)])
def test_the_vocabulary_must_fit_the_model(rows: int, accepted: bool, tmp_path: Path) -> None:
    """Rows may be padded a little; far too many, or one too few, mean another model's tokenizer."""
    folder = tiny_checkpoint(tmp_path)
    vocab_size = read_config(folder).vocab_size + rows
    if accepted:
        assert load_tokenizer(folder, vocab_size).get_vocab_size() == vocab_size - rows
    else:
        with pytest.raises(TokenizerError, match="tokens, the model"):
            load_tokenizer(folder, vocab_size)


def test_a_tokenizer_of_other_normalisation_is_refused(tmp_path: Path) -> None:
    """tokenizer.json and the SentencePiece model beside it must be one tokenizer."""
    folder = tiny_checkpoint(tmp_path)
    (folder / "sentencepiece.bpe.model").write_bytes(sentencepiece_model(published_normalisation=True))
    with pytest.raises(TokenizerError, match="SentencePiece"):
        load_checkpoint(folder, device="cpu")


def test_a_tokenizer_with_another_prefix_is_refused(tmp_path: Path) -> None:
    """The same pieces read with a ▁ in front are another tokenizer: the samples show it."""
    folder = tiny_checkpoint(tmp_path)
    described = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    described["pre_tokenizer"]["prepend_scheme"] = "always"
    (folder / "tokenizer.json").write_text(json.dumps(described), encoding="utf-8")
    with pytest.raises(TokenizerError, match="differently"):
        load_checkpoint(folder, device="cpu")


def test_controls_out_of_place_are_refused(tmp_path: Path) -> None:
    """Ids 0 to 3 are fairseq's, or every paragraph break would be another token."""
    folder = tiny_checkpoint(tmp_path, tokenizer="json_only")
    described = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = described["model"]["vocab"]
    vocabulary[0], vocabulary[2] = vocabulary[2], vocabulary[0]
    described["added_tokens"] = []
    (folder / "tokenizer.json").write_text(json.dumps(described), encoding="utf-8")
    with pytest.raises(TokenizerError, match="begins with"):
        load_checkpoint(folder, device="cpu")


@pytest.mark.parametrize("file", ["tokenizer.json", "sentencepiece.bpe.model"])
def test_a_broken_file_is_named(file: str, tmp_path: Path) -> None:
    """The error says which file cannot be read."""
    kind: TokenizerFiles = "json_only" if file == "tokenizer.json" else "sentencepiece_only"
    folder = tiny_checkpoint(tmp_path, tokenizer=kind)
    (folder / file).write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(TokenizerError, match=file):
        load_checkpoint(folder, device="cpu")


def test_a_missing_tokenizer_is_said(tmp_path: Path) -> None:
    """Weights without a tokenizer are of no use, and the error names both files that would do."""
    folder = tiny_checkpoint(tmp_path, tokenizer="none")
    with pytest.raises(TokenizerError, match=r"tokenizer\.json nor sentencepiece\.bpe\.model"):
        load_checkpoint(folder, device="cpu")


def test_tokenizer_json_is_taken_as_it_is(tmp_path: Path) -> None:
    """Transformers would rebuild it and add a prefix where there is none."""
    folder = tiny_checkpoint(tmp_path, tokenizer="json_only")
    published = Tokenizer.from_file(str(folder / "tokenizer.json"))
    loaded = load_checkpoint(folder, device="cpu").tokenizer
    assert loaded.get_vocab_size() == published.get_vocab_size(with_added_tokens=True)
    for text in SENTENCES:
        assert loaded.encode(text).ids == published.encode(text, add_special_tokens=False).ids


def test_madeupwords_may_be_added_tokens_only(tmp_path: Path) -> None:
    """Transformers saves them beside the vocabulary; their ids count all the same."""
    folder = tiny_checkpoint(tmp_path, tokenizer="json_only")
    described = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    del described["model"]["vocab"][-7:]
    (folder / "tokenizer.json").write_text(json.dumps(described), encoding="utf-8")
    size = read_config(folder).vocab_size
    tokenizer = load_checkpoint(folder, device="cpu").tokenizer
    assert tokenizer.get_vocab_size() == size
    assert StoryText(tokenizer, 256, size).banned == (0, 1, 3, *range(size - 7, size))


def test_the_older_file_format_is_read(tmp_path: Path) -> None:
    """The published files are of 2022: no byte fallback is mentioned, and the prefix is a flag."""
    folder = tiny_checkpoint(tmp_path, published_normalisation=True)
    described = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    del described["model"]["byte_fallback"]
    metaspace = {"type": "Metaspace", "replacement": "▁", "str_rep": "▁", "add_prefix_space": True}
    described["pre_tokenizer"] = described["decoder"] = metaspace
    (folder / "tokenizer.json").write_text(json.dumps(described), encoding="utf-8")
    assert load_checkpoint(folder, device="cpu").tokenizer.encode("猫").tokens[0] == "▁"


def test_another_kind_of_tokenizer_is_refused(tmp_path: Path) -> None:
    """A tokenizer.json without a unigram vocabulary is none of XGLM's."""
    folder = tiny_checkpoint(tmp_path, tokenizer="none")
    Tokenizer(BPE()).save(str(folder / "tokenizer.json"))
    with pytest.raises(TokenizerError, match="no XGLM tokenizer"):
        load_checkpoint(folder, device="cpu")
