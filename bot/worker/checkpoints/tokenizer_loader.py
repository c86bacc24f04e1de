"""A checkpoint's tokenizer: from tokenizer.json, or made from sentencepiece.bpe.model, and always checked.

Given the SentencePiece model alone, transformers 5 silently makes a tokenizer of eleven tokens.
"""

from __future__ import annotations

import json
from pathlib import Path

from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer
from transformers import XGLMTokenizer

from bot.domain.errors import TokenizerError
from bot.worker.text.vocabulary import CONTROLS, MADEUP_WORDS, UNK, hidden, plain_from

TOKENIZER_FILE = "tokenizer.json"
SENTENCEPIECE_FILE = "sentencepiece.bpe.model"

FEWEST_PIECES = 64
"""A real vocabulary is larger; the dummies have only the controls and the madeupwords."""

MOST_PADDING = 1_024
"""Rows a vocabulary may be padded with, to a size that suits the hardware."""

SAMPLES = (
    "それは九月初旬のある蒸し暑い晩のことであった。私は、Ｄ坂の大通りの中程にある、",
    "「ほんとう？！」と彼女は言った……。――そうか、と１２３号室の男は答えた。ガギグゲゴ パピプペポ",
    "The old house stood at the end of the street; nobody had lived there for 45 years.",
    "今天天气很好，我们去公园散步。",
    "오늘은 날씨가 좋아요. 공원에 갑니다.",
    "Привет, мир! Это небольшой рассказ о зиме.",
    "Été à la plage, señor: ça va? Größe über alles.",
    "مرحبا بكم في هذه القصة",
    "ภาษาไทย và tiếng Việt",
)
"""Sentences on which tokenizer.json and SentencePiece must agree, in the scripts of the published models."""


def load_tokenizer(folder: Path, vocab_size: int) -> Tokenizer:
    """The tokenizer of a checkpoint folder, plain: it reads typed controls as text.

    Raises:
        TokenizerError: there is none, it is a dummy, it does not fit `vocab_size` rows, or it disagrees with
            the SentencePiece model beside it.
    """
    published, model = folder / TOKENIZER_FILE, folder / SENTENCEPIECE_FILE
    processor = _processor(model) if model.is_file() else None
    if published.is_file():
        tokenizer = _from_json(published)
    elif processor is not None:
        tokenizer = _from_sentencepiece(model.read_bytes(), processor)
    else:
        raise TokenizerError(f"{folder} has neither {TOKENIZER_FILE} nor {SENTENCEPIECE_FILE}")
    _check_vocabulary(tokenizer, vocab_size)
    if processor is not None:
        _check_against(tokenizer, processor)
    return tokenizer


def _from_json(file: Path) -> Tokenizer:
    try:
        return plain_from(json.loads(file.read_text(encoding="utf-8")))
    except Exception as error:
        # tokenizers raises bare Exception.
        raise TokenizerError(f"{file} is no XGLM tokenizer: {error!r}") from error


def _processor(file: Path) -> SentencePieceProcessor:
    try:
        return SentencePieceProcessor(model_proto=file.read_bytes())
    except RuntimeError as error:
        raise TokenizerError(f"{file} is no SentencePiece model: {error}") from error


def _from_sentencepiece(model: bytes, processor: SentencePieceProcessor) -> Tokenizer:
    # Imported here: it needs protobuf, and nearly every checkpoint has a tokenizer.json.
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]
    proto.ParseFromString(model)
    normalizer = proto.normalizer_spec
    pieces = [(processor.id_to_piece(i), processor.get_score(i)) for i in _pieces(processor)]
    controls = [(control, 0.0) for control in CONTROLS]
    empty = XGLMTokenizer(
        _spm_precompiled_charsmap=normalizer.precompiled_charsmap or None,
        add_prefix_space=normalizer.add_dummy_prefix,
    )
    described = json.loads(empty.backend_tokenizer.to_str())
    described["added_tokens"] = []
    described["model"]["vocab"] = controls + pieces + [(word, 0.0) for word in MADEUP_WORDS]
    return plain_from(described)


def _pieces(processor: SentencePieceProcessor) -> list[int]:
    ids = range(processor.get_piece_size())
    return [i for i in ids if not processor.is_control(i) and not processor.is_unknown(i)]


def _check_vocabulary(tokenizer: Tokenizer, vocab_size: int) -> None:
    size = tokenizer.get_vocab_size()
    if size < len(CONTROLS) + len(MADEUP_WORDS) + FEWEST_PIECES:
        raise TokenizerError(f"the tokenizer is a dummy of {size} tokens, made without its vocabulary")
    if size > vocab_size:
        raise TokenizerError(f"the tokenizer has {size} tokens, the model only {vocab_size}")
    if vocab_size - size > MOST_PADDING:
        raise TokenizerError(f"the tokenizer has {size} tokens, the model {vocab_size}: another one's")
    controls = [tokenizer.id_to_token(i) for i in range(len(CONTROLS))]
    if controls != [hidden(control) for control in CONTROLS]:
        raise TokenizerError(f"the tokenizer begins with {controls}, XGLM's with {CONTROLS}")


def _check_against(tokenizer: Tokenizer, processor: SentencePieceProcessor) -> None:
    """Compare with SentencePiece: every piece's id, and the ids of `SAMPLES`."""
    ids = {piece: len(CONTROLS) + place for place, piece in enumerate(_pieces(processor))}
    for piece, ours in ids.items():
        token, name = tokenizer.id_to_token(ours), processor.id_to_piece(piece)
        if token != name:
            raise TokenizerError(f"token {ours} is {token!r}, SentencePiece has {name!r}")
    for sample in SAMPLES:
        theirs = [ids.get(piece, UNK) for piece in processor.encode(sample)]
        if tokenizer.encode(sample).ids != theirs:
            raise TokenizerError(f"the tokenizer and SentencePiece read {sample!r} differently")
