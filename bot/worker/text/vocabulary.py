"""XGLM's ids: which are controls, how each is spelt, and a tokenizer that takes typed controls for text."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from tokenizers import Regex, Tokenizer, normalizers

from bot.worker.text.paragraphs import INVISIBLE, SOUNDLESS, SPACES

CONTROLS = ("<s>", "<pad>", "</s>", "<unk>")
"""fairseq's first four ids, the same in every XGLM checkpoint."""

BOS, PAD, EOS, UNK = range(len(CONTROLS))
MADEUP_WORDS = tuple(f"<madeupword{i}>" for i in range(7))
"""fairseq filled its vocabulary up with these; they were never trained."""

SPACE = "▁"

_BYTE = re.compile("<0x[0-9A-F]{2}>")

_HIDDEN = "\n"
"""Put before a control's name, so that no text can spell it: paragraphs have no line breaks."""

_TAGS = range(0xE0000, 0xE0080)

Spelling = str | bytes
"""What a token adds to the text: characters, or one byte of a character."""


def plain_tokenizer(tokenizer: Tokenizer) -> Tokenizer:
    """A tokenizer with the same ids that never reads a control token out of a text, and adds none.

    Switching off the splitting at special tokens is not enough: `</s>` is also a piece of the unigram
    model, with the best score there is. SentencePiece never matches its controls in text; here they get
    names that no text can spell. A tokenizer that is plain already is returned itself.
    """
    if tokenizer.id_to_token(EOS) == hidden(CONTROLS[EOS]):
        return tokenizer
    return plain_from(json.loads(tokenizer.to_str()))


def plain_from(described: dict[str, Any]) -> Tokenizer:
    """The plain tokenizer of a tokenizer.json's content, which is changed.

    A vocabulary of 256,000 pieces takes 0.4 GiB as a Tokenizer: this makes one, not two.

    Raises:
        KeyError, TypeError, ValueError: it is not the content of an XGLM's tokenizer.json.
    """
    vocabulary = described["model"]["vocab"]
    added = sorted((token["id"], token["content"]) for token in described["added_tokens"])
    vocabulary += [[content, 0.0] for i, content in added if i >= len(vocabulary)]
    controls = {*CONTROLS, *MADEUP_WORDS}
    described["model"]["vocab"] = [[hidden(p) if p in controls else p, score] for p, score in vocabulary]
    described["added_tokens"] = []
    described["post_processor"] = described["truncation"] = described["padding"] = None
    plain = Tokenizer.from_str(json.dumps(described, ensure_ascii=False))
    steps: list[Any] = [normalizers.Replace(Regex(INVISIBLE), ""), normalizers.Replace("\t", " ")]
    steps.append(normalizers.Replace(Regex(SPACES), " "))
    steps += [normalizers.Replace(split, whole) for split, whole in _split_kana().items()]
    if plain.normalizer is not None:
        steps.append(plain.normalizer)
    plain.normalizer = normalizers.Sequence(steps)
    if holes := _soundless_holes(plain):
        plain.normalizer = normalizers.Sequence([normalizers.Replace(Regex(f"[{holes}]"), ""), *steps])
    return plain


def _soundless_holes(plain: Tokenizer) -> str:
    """The characters without a sound that the model has no piece for; to others (Hindi's joiners) it may."""
    every = re.findall(SOUNDLESS, "".join(map(chr, (*range(0x10000), *range(0x1BC00, 0x1D200), *_TAGS))))
    return "".join(char for char in every if UNK in plain.encode(char, add_special_tokens=False).ids)


def hidden(control: str) -> str:
    """A control's name in a plain tokenizer."""
    return _HIDDEN + control


def unhidden(piece: str) -> str:
    """A piece of a plain tokenizer; a control by the name that it has in others."""
    return piece.removeprefix(_HIDDEN)


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


def banned_ids(plain: Tokenizer, vocab_size: int) -> tuple[int, ...]:
    """What must never be sampled: all controls but `</s>`, the madeupwords, rows that no token stands for."""
    madeup = [plain.token_to_id(hidden(word)) for word in MADEUP_WORDS]
    padding = range(plain.get_vocab_size(), vocab_size)
    return tuple(sorted({BOS, PAD, UNK, *(i for i in madeup if i is not None), *padding}))


def spellings(plain: Tokenizer) -> Sequence[Spelling]:
    """What each id adds to a text, ▁ written as a space; controls add nothing."""
    # Looked up in the bytes: parsing all pieces for one flag would take 0.1 GiB.
    bytewise = b'"byte_fallback":true' in plain.model.__getstate__()
    return [_spelling(plain.id_to_token(i) or "", bytewise=bytewise) for i in range(plain.get_vocab_size())]


def _spelling(piece: str, *, bytewise: bool) -> Spelling:
    if piece.startswith(_HIDDEN):
        return ""
    if bytewise and _BYTE.fullmatch(piece):
        return bytes.fromhex(piece[3:5])
    return piece.replace(SPACE, " ")
