"""XGLM's ids: which are controls, how each is spelt, and a tokenizer that takes typed controls for text."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from tokenizers import Regex, Tokenizer, normalizers

from bot.worker.paragraphs import INVISIBLE

CONTROLS = ("<s>", "<pad>", "</s>", "<unk>")
"""fairseq's first four ids, the same in every XGLM checkpoint."""

BOS, PAD, EOS, UNK = range(len(CONTROLS))
MADEUP_WORDS = tuple(f"<madeupword{i}>" for i in range(7))
"""fairseq filled its vocabulary up with these; they were never trained."""

SPACE = "▁"

_BYTE = re.compile("<0x[0-9A-F]{2}>")

Spelling = str | bytes
"""What a token adds to the text: characters, or one byte of a character."""


def plain_tokenizer(tokenizer: Tokenizer) -> Tokenizer:
    """A copy with the same ids that never reads a control token out of a text, and adds none.

    Switching off the splitting at special tokens is not enough: `</s>` is also a piece of the unigram
    model, with the best score there is. SentencePiece never matches its controls in text; here they get
    spellings with a line break in them, which no paragraph contains.
    """
    described: dict[str, Any] = json.loads(tokenizer.to_str())
    hidden = {*CONTROLS, *MADEUP_WORDS}
    described["added_tokens"] = []
    described["post_processor"] = None
    described["truncation"] = described["padding"] = None
    described["model"]["vocab"] = [
        [f"\n{piece}" if piece in hidden else piece, score] for piece, score in described["model"]["vocab"]
    ]
    plain = Tokenizer.from_str(json.dumps(described, ensure_ascii=False))
    steps: list[Any] = [normalizers.Replace(Regex(INVISIBLE), ""), normalizers.Replace("\t", " ")]
    steps += [normalizers.Replace(split, whole) for split, whole in _split_kana().items()]
    if plain.normalizer is not None:
        steps.append(plain.normalizer)
    plain.normalizer = normalizers.Sequence(steps)
    return plain


def _split_kana() -> dict[str, str]:
    """Kana typed in two halves (ｶﾞ, か + combining ゛) or half a width: longest first.

    SentencePiece's nmt_nfkc joins and widens them. tokenizers' copy of it misses the pairs, and a model
    without normalisation would read holes.
    """
    marks = {"\u3099": "\uff9e", "\u309a": "\uff9f"}
    kana = [chr(code) for code in (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB), *range(0xFF66, 0xFF9E))]
    pairs = [letter + mark for letter in kana for joined in marks.items() for mark in joined]
    wholes = {pair: unicodedata.normalize("NFKC", pair) for pair in pairs}
    joined = {pair: whole for pair, whole in wholes.items() if len(whole) == 1}
    halves = [chr(code) for code in range(0xFF61, 0xFF9E)]
    return joined | {half: unicodedata.normalize("NFKC", half) for half in halves}


def banned_ids(tokenizer: Tokenizer, vocab_size: int) -> tuple[int, ...]:
    """What must never be sampled: all controls but `</s>`, the madeupwords, rows that no token stands for."""
    madeup = [tokenizer.token_to_id(word) for word in MADEUP_WORDS]
    padding = range(tokenizer.get_vocab_size(with_added_tokens=True), vocab_size)
    return tuple(sorted({BOS, PAD, UNK, *(i for i in madeup if i is not None), *padding}))


def spellings(tokenizer: Tokenizer) -> Sequence[Spelling]:
    """What each id adds to a text, ▁ written as a space; controls add nothing."""
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    bytewise = bool(json.loads(tokenizer.model.__getstate__())["byte_fallback"])
    return [_spelling(tokenizer.id_to_token(i) or "", bytewise=bytewise) for i in range(size)]


def _spelling(piece: str, *, bytewise: bool) -> Spelling:
    if piece in CONTROLS or piece in MADEUP_WORDS:
        return ""
    if bytewise and _BYTE.fullmatch(piece):
        return bytes.fromhex(piece[3:5])
    return piece.replace(SPACE, " ")
