"""The tokenizer we train."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import sentencepiece
from transformers import AutoTokenizer

from bot.domain.errors import TokenizerError
from bot.train.alphabet import joyo_kanji, required_characters
from bot.train.corpus import Corpus
from bot.train.tokenizer import EOS, UNK, encode_work, save_tokenizer, train_sentencepiece, verify
from tests.bot.train.conftest import PIECES


def test_knows_every_required_character(processor: sentencepiece.SentencePieceProcessor) -> None:
    """Full-width forms, fiction's punctuation and all 常用漢字 are there, whatever the corpus holds."""
    unknown = [c for c in required_characters() if c != " " and UNK in processor.encode(c)]

    assert len(set(joyo_kanji())) == 2_136
    assert unknown == []


def test_keeps_characters_as_they_are(processor: sentencepiece.SentencePieceProcessor) -> None:
    """Nothing is normalised: what goes in comes out."""
    text = "Ｄ坂の……――！？　㍻ではない「晩」"

    assert processor.decode(processor.encode(text)) == text.replace("㍻", " ⁇ ")


def test_saved_tokenizer_reads_ids_as_sentencepiece(
    corpus: Corpus, sentencepiece_model: bytes, tmp_path: Path
) -> None:
    """The written tokenizer.json gives the same ids when it is loaded again."""
    save_tokenizer(sentencepiece_model, tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    unseen = [p for work in corpus.held_out for p in work.paragraphs]

    verify(loaded, sentencepiece_model, [*unseen, "Ｄ坂　の 「晩」…… a b c 123"])

    size = sentencepiece.SentencePieceProcessor(model_proto=sentencepiece_model).get_piece_size()

    assert len(loaded) == size + 7
    assert loaded.convert_tokens_to_ids(["<s>", "<pad>", "</s>", "<unk>", "<madeupword6>"]) == [
        0,
        1,
        2,
        3,
        size + 6,
    ]


def test_disagreement_is_found(corpus: Corpus, sentencepiece_model: bytes, tmp_path: Path) -> None:
    """A tokenizer of another model is refused, with the text that shows it."""
    other = save_tokenizer(train_sentencepiece(["晩のこと。"] * 9, PIECES - 1, 2), tmp_path)

    with pytest.raises(TokenizerError, match="differ on"):
        verify(other, sentencepiece_model, list(corpus.sample()))


def test_works_meet_at_a_double_end(processor: sentencepiece.SentencePieceProcessor) -> None:
    """Paragraphs are parted by one `</s>`, works by two, as in the data of the published models."""
    ids = [i for paragraphs in (["猫。", "犬。"], ["鳥。"]) for i in encode_work(processor, paragraphs)]

    assert (ids[0], ids[-1], ids.count(EOS)) == (EOS, EOS, 5)
    assert sum(a == b == EOS for a, b in itertools.pairwise(ids)) == 1
