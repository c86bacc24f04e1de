"""A story's text and XGLM's tokens: the whole context encoded once, the way the model was trained."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tokenizers import Encoding, Tokenizer

from bot.messages import TokenCount
from bot.worker.decoding import Joint, StreamDecoder
from bot.worker.paragraphs import Paragraph, lay_out, sentence_starts
from bot.worker.vocabulary import (
    EOS,
    SPACE,
    UNK,
    banned_ids,
    plain_tokenizer,
    spellings,
    unhidden,
)

CUT_STEPS = 4
"""A story that is too long loses a quarter of the window at once, and then nothing for a long while:
positions are absolute, so each new start of the window makes everything computed for it worthless."""

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Encoded:
    """A context as the model reads it.

    `dropped_characters`: how many were cut from the left. `unknown`: characters of the rest that the model
    cannot see, each once. `unreadable`: there is nothing in it that the model can see.
    """

    ids: tuple[int, ...]
    dropped_characters: int
    unknown: tuple[str, ...]
    unreadable: bool


@dataclass(frozen=True, slots=True)
class _Read:
    """A paragraph with its tokens."""

    paragraph: Paragraph
    encoding: Encoding

    def __len__(self) -> int:
        return 1 + len(self.encoding.ids)

    def token_at(self, character: int) -> int:
        """The tokens of this paragraph, its `</s>` included, that begin before a character."""
        return 1 + bisect_left([start for start, _ in self.encoding.offsets], character)

    def unknown(self) -> Iterable[str]:
        for token, (start, end) in zip(self.encoding.ids, self.encoding.offsets, strict=True):
            if token == UNK:
                yield from self.paragraph.text[start:end]


class StoryText:
    """Encodes stories and decodes continuations for one checkpoint.

    Args:
        tokenizer: the checkpoint's own.
        context: how many positions the model has; no encoded context is longer.
        vocab_size: rows of the output; those beyond the tokenizer's ids are banned too.
    """

    def __init__(self, tokenizer: Tokenizer, context: int, vocab_size: int = 0) -> None:
        self._tokenizer = plain_tokenizer(tokenizer)
        self._spellings = spellings(self._tokenizer)
        space = self._tokenizer.token_to_id(SPACE)
        self._silent = {EOS, UNK, space if space is not None else UNK}
        self.context = context
        self.banned = banned_ids(self._tokenizer, vocab_size)

    def encode(self, text: str, max_tokens: int) -> Encoded:
        """Encode a whole context in at most `max_tokens`, cut from the left where it is longer.

        `</s>` stands in front and for every run of line breaks; each paragraph is encoded by itself, as
        fairseq encoded lines. A cut falls on a paragraph's start, else on a sentence's, else between tokens.

        Raises:
            ValueError: `max_tokens` leaves no room for a single token of text.
        """
        limit = min(max_tokens, self.context)
        if limit < 2:
            raise ValueError(f"a context needs two tokens or more, not {limit}")
        reads, open_end = self._read(text)
        if _length(reads) + open_end <= limit:
            return _encoded(reads, open_end=open_end, dropped=0, silent=self._silent)
        kept = self._fit(reads, limit - open_end)
        dropped = kept[0].paragraph.start if kept else len(text)
        return _encoded(kept, open_end=open_end, dropped=dropped, silent=self._silent)

    def count(self, text: str) -> TokenCount:
        """How many tokens the whole of a text takes, and what the model cannot see in it."""
        reads, open_end = self._read(text)
        whole = _encoded(reads, open_end=open_end, dropped=0, silent=self._silent)
        return TokenCount(len(whole.ids), whole.unknown)

    def decoder(self, prompt: str) -> StreamDecoder:
        """A decoder for one continuation of `prompt`, given as written: it knows what stands before."""
        return StreamDecoder(self._spellings, Joint.behind(prompt))

    def spell(self, token: int) -> str:
        """A token's piece of text; a control's name; of a part of a character `bytes:` and its code."""
        spelling = self._spellings[token] if token < len(self._spellings) else f"<{token}>"
        if isinstance(spelling, bytes):
            return f"bytes:\\x{spelling.hex()}"
        return spelling or unhidden(self._tokenizer.id_to_token(token) or "")

    def _read(self, text: str) -> tuple[Sequence[_Read], bool]:
        layout = lay_out(_SURROGATE.sub("\ufffd", text))
        reads = [self._tokenized(paragraph) for paragraph in layout.paragraphs]
        return [read for read in reads if read.encoding.ids], layout.open_end

    def _tokenized(self, paragraph: Paragraph) -> _Read:
        return _Read(paragraph, self._tokenizer.encode(paragraph.text, add_special_tokens=False))

    def _fit(self, reads: Sequence[_Read], limit: int) -> Sequence[_Read]:
        step = max(1, limit // CUT_STEPS)
        drop = -(-(_length(reads) - limit) // step) * step
        while drop < _length(reads):
            place = _cut(reads, drop, step)
            head = self._tokenized(reads[place.paragraph].paragraph.after(place.character))
            rest = [head, *reads[place.paragraph + 1 :]]
            if _length(rest) <= limit:
                return rest
            # A paragraph read from its middle may take a token more than its part of the whole did.
            drop += _length(rest) - limit
        return []


def _length(reads: Sequence[_Read]) -> int:
    return sum(map(len, reads))


class _Place(NamedTuple):
    """A place to cut: `position` tokens stand before it."""

    position: int
    paragraph: int
    character: int


def _cut(reads: Sequence[_Read], drop: int, step: int) -> _Place:
    """Where to cut so that `drop` tokens go, and less than `step` more for a good place."""
    for places in (_paragraphs(reads), _sentences(reads)):
        for place in places:
            if drop <= place.position < drop + step:
                return place
    return next(place for place in _tokens(reads) if place.position >= drop)


def _paragraphs(reads: Sequence[_Read]) -> Iterator[_Place]:
    position = 0
    for index, read in enumerate(reads):
        yield _Place(position, index, 0)
        position += len(read)


def _sentences(reads: Sequence[_Read]) -> Iterator[_Place]:
    for start in _paragraphs(reads):
        read = reads[start.paragraph]
        for character in sentence_starts(read.paragraph.text):
            yield _Place(start.position + read.token_at(character), start.paragraph, character)


def _tokens(reads: Sequence[_Read]) -> Iterator[_Place]:
    for start in _paragraphs(reads):
        for token, (character, _) in enumerate(reads[start.paragraph].encoding.offsets):
            yield _Place(start.position + 1 + token, start.paragraph, character)


def _encoded(reads: Sequence[_Read], *, open_end: bool, dropped: int, silent: set[int]) -> Encoded:
    ids = [token for read in reads for token in (EOS, *read.encoding.ids)]
    if open_end or not ids:
        ids.append(EOS)
    unknown = dict.fromkeys(char for read in reads for char in read.unknown() if char.isprintable())
    return Encoded(tuple(ids), dropped, tuple(unknown), unreadable=silent.issuperset(ids))
