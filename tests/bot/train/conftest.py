"""One small tokenizer for all training tests: SentencePiece takes seconds with 2,900 required characters."""

from __future__ import annotations

from pathlib import Path

import pytest
import sentencepiece

from bot.train.alphabet import required_characters
from bot.train.corpus import Corpus, CorpusSource
from bot.train.tokenizer import train_sentencepiece
from tests.bot.train.works import write_corpus

PIECES = len(required_characters()) + 5
"""With the controls and `▁`, the least there can be: so little text allows hardly more."""


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """A made-up corpus, divided."""
    return Corpus.read(CorpusSource(write_corpus(tmp_path_factory.mktemp("corpus") / "works.jsonl")))


@pytest.fixture(scope="session")
def sentencepiece_model(corpus: Corpus) -> bytes:
    """A SentencePiece model trained on it."""
    return train_sentencepiece(corpus.sample(), PIECES, 2)


@pytest.fixture
def processor(sentencepiece_model: bytes) -> sentencepiece.SentencePieceProcessor:
    """The same as a processor."""
    return sentencepiece.SentencePieceProcessor(model_proto=sentencepiece_model)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a run keeps its state."""
    return tmp_path / "run"
