"""A SentencePiece tokenizer for XGLM, in the published layout and in fairseq's id order.

Identity normalisation (nmt_nfkc would turn ……？！ into ASCII), no dummy prefix and no newline piece: a
paragraph break is `</s>`, as in the data of the published models.
"""

from __future__ import annotations

import io
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import sentencepiece
from transformers import XGLMTokenizer

from bot.domain.errors import TokenizerError
from bot.train.alphabet import alphabet, required_characters

SAMPLE_SEED = 0
SENTENCES = 180_000
"""Paragraphs the pieces are learnt from: more take long and change little."""

LONGEST_PARAGRAPH_BYTES = 8_192
REQUIRED_LINE = 100
CONTROLS = ("<s>", "<pad>", "</s>", "<unk>")
BOS, PAD, EOS, UNK = range(4)
MADEUP_WORDS = 7
SENTENCEPIECE_FILE = "sentencepiece.bpe.model"
TOKENIZER_FILES = (SENTENCEPIECE_FILE, "tokenizer.json", "tokenizer_config.json")
CHECKED_PARAGRAPHS = 2_000

_SPACES = re.compile(" {2,}")


def clean(paragraph: str) -> str:
    """Fold runs of spaces: the published tokenizer.json does so too, and ids must agree."""
    return _SPACES.sub(" ", paragraph.strip(" "))


def train_sentencepiece(paragraphs: Iterable[str], pieces: int, threads: int) -> bytes:
    """Train a unigram model of `pieces` pieces, control ids included; returns the model file.

    The alphabet is ours: the required characters and the commonest of the text. SentencePiece's own
    `required_chars` keeps only what occurs often enough. Paragraphs with a character outside are left out.

    Raises:
        TokenizerError: the text is too small for so many pieces; the message says how many it allows.
    """
    text = [clean(p) for p in paragraphs]
    if len(text) > SENTENCES:
        text = random.Random(SAMPLE_SEED).sample(text, SENTENCES)  # noqa: S311
    known = alphabet(text)
    try:
        return _train([*_required_lines(), *(p for p in text if known.issuperset(p))], pieces, threads)
    except RuntimeError as error:
        raise TokenizerError(f"SentencePiece: {error}") from error


def _required_lines() -> list[str]:
    characters = required_characters()
    return [characters[i : i + REQUIRED_LINE] for i in range(0, len(characters), REQUIRED_LINE)]


def _train(paragraphs: Sequence[str], pieces: int, threads: int) -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(paragraphs),
        model_writer=model,
        model_type="unigram",
        vocab_size=pieces,
        character_coverage=1.0,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        split_digits=True,
        max_sentence_length=LONGEST_PARAGRAPH_BYTES,
        num_threads=threads,
        minloglevel=2,
        bos_id=BOS,
        pad_id=PAD,
        eos_id=EOS,
        unk_id=UNK,
        bos_piece=CONTROLS[BOS],
        pad_piece=CONTROLS[PAD],
        eos_piece=CONTROLS[EOS],
        unk_piece=CONTROLS[UNK],
    )
    return model.getvalue()


def save_tokenizer(model: bytes, directory: Path) -> XGLMTokenizer:
    """Write sentencepiece.bpe.model, tokenizer.json and tokenizer_config.json; returns the tokenizer."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    vocabulary = [(piece, 0.0) for piece in CONTROLS]
    vocabulary += [
        (processor.id_to_piece(i), processor.get_score(i))
        for i in range(len(CONTROLS), processor.get_piece_size())
    ]
    tokenizer = XGLMTokenizer(vocab=vocabulary, _spm_precompiled_charsmap=None, add_prefix_space=False)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / SENTENCEPIECE_FILE).write_bytes(model)
    tokenizer.save_pretrained(directory)
    return tokenizer


def verify(tokenizer: XGLMTokenizer, model: bytes, paragraphs: Sequence[str]) -> None:
    """Check tokenizer.json against SentencePiece, id for id.

    Raises:
        TokenizerError: they differ on a paragraph; the message quotes it.
    """
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    for paragraph in map(clean, paragraphs[:CHECKED_PARAGRAPHS]):
        ours = tokenizer.encode(paragraph, add_special_tokens=False)
        theirs = processor.encode(paragraph)
        if ours != theirs:
            raise TokenizerError(f"tokenizer.json and SentencePiece differ on {paragraph[:80]!r}")


def encode_work(processor: sentencepiece.SentencePieceProcessor, paragraphs: Sequence[str]) -> Iterator[int]:
    """Ids of one work: `</s>` before each paragraph and one more at the end, so works meet at `</s></s>`."""
    for ids in processor.encode([clean(p) for p in paragraphs]):
        yield EOS
        yield from ids
    yield EOS
