"""A story's text and XGLM's tokens: the whole context encoded once, the way the model was trained."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

from tokenizers import Encoding, Tokenizer

from bot.domain.inference import ContextPiece, ContextSpan, TokenCount
from bot.worker.sampling.banned_phrases import Phrasebook
from bot.worker.text.context_window import InsertedContext, fit_pieces, split_before
from bot.worker.text.decoding import Joint, StreamDecoder
from bot.worker.text.echo import Echo, as_written, spelled_out
from bot.worker.text.languages import Languages
from bot.worker.text.paragraphs import Paragraph, is_silent, lay_out, sentence_starts
from bot.worker.text.vocabulary import (
    EOS,
    SPACE,
    UNK,
    banned_ids,
    plain_tokenizer,
    spellings,
    unhidden,
)

CUT_STEPS = 4
"""A story that is too long loses a quarter of the positions at once, and then nothing for a long while:
positions are absolute, so each new start of the window makes everything computed for it worthless."""

REMEMBERED_PARAGRAPHS = 4096
REMEMBERED_CHARACTERS = 1000
"""Longer paragraphs are read anew: they are rare, and thousands of them would fill the memory."""

UNKNOWN_SIGN = "〓"
"""What a printer sets where a type is missing."""

SHOWN_CHARACTERS = 40
"""How much of a text is shown around a hole."""

NOTHING_INSERTED = InsertedContext()

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Encoded:
    """A context as the model reads it.

    `dropped_characters`: how many were cut from the left. `unknown`: characters of the rest that the model
    cannot see, each once. `unreadable`: there is nothing in it that the model can see. `seen`: what it sees,
    piece by piece, and their tokens; `left_out`: pieces that found no room.
    """

    ids: tuple[int, ...]
    dropped_characters: int
    unknown: tuple[str, ...]
    unreadable: bool
    seen: tuple[ContextSpan, ...] = ()
    left_out: tuple[ContextPiece, ...] = ()


@dataclass(frozen=True, slots=True)
class _Read:
    """A paragraph with its tokens."""

    paragraph: Paragraph
    encoding: Encoding

    def __len__(self) -> int:
        return 1 + len(self.encoding)

    def tokens_at(self, characters: Iterable[int]) -> Iterator[int]:
        """The tokens of this paragraph, its `</s>` included, that begin before each of some characters."""
        starts = [start for start, _ in self.encoding.offsets]
        return (1 + bisect_left(starts, character) for character in characters)

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
        languages: what the model may write; None: everything that it has.
    """

    def __init__(
        self, tokenizer: Tokenizer, context: int, vocab_size: int = 0, languages: Languages | None = None
    ) -> None:
        self._tokenizer = plain_tokenizer(tokenizer)
        # A story's paragraphs come again with every turn.
        self._remembered = lru_cache(REMEMBERED_PARAGRAPHS)(self._encoding)
        self._spellings = spellings(self._tokenizer)
        space = self._tokenizer.token_to_id(SPACE)
        self._silent = {EOS, UNK, space if space is not None else UNK}
        self._languages = languages
        self.context = context
        self.banned = banned_ids(self._tokenizer, vocab_size)

    def encode(self, text: str, max_tokens: int, inserted: InsertedContext = NOTHING_INSERTED) -> Encoded:
        """Encode a whole context in at most `max_tokens`: a story, cut from the left where it is longer.

        `</s>` stands in front and for every run of line breaks; each paragraph is encoded by itself, as
        fairseq encoded lines. A cut falls on a paragraph's start, else on a sentence's, else between tokens.
        What stands `around` the story is read as paragraphs of its own.

        Raises:
            ValueError: `max_tokens` leaves no room for a single token of text.
        """
        limit = min(max_tokens, self.context)
        if limit < 2:
            raise ValueError(f"a context needs two tokens or more, not {limit}")
        # Of the positions, not of the limit: an other length that is asked for must not move the cut.
        step = max(1, min(self.context, 2 * limit) // CUT_STEPS)
        fit = fit_pieces(inserted, limit, -(-step // 2), lambda piece: _length(self._read(piece)[0]))
        reads, open_end = self._read(text)
        room = limit - fit.tokens - open_end
        kept = reads if _length(reads) <= room else self._fit(reads, room, step)
        whole = kept is reads
        dropped = 0 if whole else kept[0].paragraph.start if kept else len(text)
        parts = self._parts(kept, fit.kept)
        encoded = _encoded(
            [read for part in parts for read in part.reads],
            open_end=open_end,
            dropped=dropped,
            silent=self._silent,
        )
        return replace(encoded, seen=_seen(parts, open_end=open_end), left_out=fit.left_out)

    def _parts(self, story: Sequence[_Read], inserted: InsertedContext) -> list[_Part]:
        """All that is read, in its order."""
        border = split_before(story, inserted) if inserted.depth_inserted else 0
        front = [_Part(piece, self._read(piece.text)[0]) for piece in inserted.prefix]
        inset = [_Part(piece, self._read(piece.text)[0]) for piece in inserted.depth_inserted]
        story_parts = [
            _Part(ContextPiece("story", _joined(reads)), reads) for reads in (story[:border], story[border:])
        ]
        return [part for part in (*front, story_parts[0], *inset, story_parts[1]) if part.reads]

    def count(self, text: str) -> TokenCount:
        """How many tokens the whole of a text takes, and what the model cannot see in it."""
        reads, open_end = self._read(text)
        whole = _encoded(reads, open_end=open_end, dropped=0, silent=self._silent)
        return TokenCount(len(whole.ids), whole.unknown)

    def unwritable(self, text: str, unknown: Collection[str] = ()) -> tuple[str, ...]:
        """The characters of a text, each once, that belong to no language the model may write.

        Without those in `unknown`, which it cannot even see.
        """
        if self._languages is None or self._languages.everything:
            return ()
        writes = self._languages.writes
        return tuple(c for c in dict.fromkeys(text) if not (writes(c) or c in unknown or is_silent(c)))

    @property
    def vocabulary(self) -> int:
        """How many tokens there are, ids from 0."""
        return len(self._spellings)

    def echo(self, text: str) -> Echo:
        """The whole of a text with the place of each token. A `</s>` stands where a paragraph ends."""
        reads, open_end = self._read(text)
        ids, places, end = [], [], 0
        for read in reads:
            start = read.paragraph.start
            ids += [EOS, *read.encoding.ids]
            places += [end, *(start + place for place, _ in read.encoding.offsets)]
            end = start + len(read.paragraph.text)
        if open_end or not ids:
            ids.append(EOS)
            places.append(end)
        return as_written(tuple(ids), text, places)

    def spelled_out(self, ids: tuple[int, ...]) -> Echo:
        """Token ids as a text."""
        return spelled_out(ids, self._spellings)

    def decoder(self, prompt: str) -> StreamDecoder:
        """A decoder for one continuation of `prompt`, given as written: it knows what stands before."""
        return StreamDecoder(self._spellings, Joint.behind(prompt))

    def tokens_with(self, banned: Sequence[str]) -> tuple[int, ...]:
        """The tokens that hold one of these phrases by themselves."""
        return self._phrasebook.tokens(banned) if banned else ()

    @cached_property
    def _phrasebook(self) -> Phrasebook:
        return Phrasebook(self._spellings)

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
        short = len(paragraph.text) <= REMEMBERED_CHARACTERS
        return _Read(paragraph, (self._remembered if short else self._encoding)(paragraph.text))

    def _encoding(self, text: str) -> Encoding:
        # Of the two the one that lets other threads run meanwhile.
        [encoding] = self._tokenizer.encode_batch([text], add_special_tokens=False)
        return encoding

    def _fit(self, reads: Sequence[_Read], limit: int, step: int) -> Sequence[_Read]:
        while step > max(1, limit // 2):  # a fraction of the step: its cuts are at the same places, and more
            step //= 2
        length = _length(reads)
        drop = -(-(length - limit) // step) * step
        more = 1
        while drop < length:
            place = _cut(reads, drop, max(1, step // 2))
            head = self._tokenized(reads[place.paragraph].paragraph.after(place.character))
            rest = [head, *reads[place.paragraph + 1 :]]
            if _length(rest) <= limit:
                return rest
            # A paragraph read from its middle may take a token more than its part of the whole did.
            drop += more * (_length(rest) - limit)
            more *= 2
        return []


def read_as(text: str, unknown: Sequence[str]) -> str:
    """The place around the first of `unknown` in a text, with 〓 for all of them; empty without any."""
    holes = frozenset(unknown)
    line, place = next(
        ((line, place) for line in text.splitlines() for place, c in enumerate(line) if c in holes),
        ("", 0),
    )
    start = max(0, place - SHOWN_CHARACTERS // 2)
    shown = line[start : start + SHOWN_CHARACTERS]
    return "".join(UNKNOWN_SIGN if character in holes else character for character in shown)


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece with its paragraphs."""

    piece: ContextPiece
    reads: Sequence[_Read]


def _length(reads: Sequence[_Read]) -> int:
    return sum(map(len, reads))


def _joined(reads: Sequence[_Read]) -> str:
    return "\n".join(read.paragraph.text for read in reads)


def _seen(parts: Sequence[_Part], *, open_end: bool) -> tuple[ContextSpan, ...]:
    lengths = [_length(part.reads) for part in parts]
    if lengths:
        lengths[-1] += open_end
    return tuple(ContextSpan(part.piece, length) for part, length in zip(parts, lengths, strict=True))


class _Place(NamedTuple):
    """A place to cut: `position` tokens stand before it."""

    position: int
    paragraph: int
    character: int


def _cut(reads: Sequence[_Read], drop: int, more: int) -> _Place:
    """Where to cut so that `drop` tokens go, and less than `more` besides for a good place."""
    for places in (_paragraphs(reads), _sentences(reads, drop)):
        for place in places:
            if drop <= place.position < drop + more:
                return place
    return next(place for place in _tokens(reads, drop) if place.position >= drop)


def _paragraphs(reads: Sequence[_Read]) -> Iterator[_Place]:
    position = 0
    for index, read in enumerate(reads):
        yield _Place(position, index, 0)
        position += len(read)


def _sentences(reads: Sequence[_Read], after: int) -> Iterator[_Place]:
    """Sentences behind the first of a paragraph, of those paragraphs that do not end before a position."""
    for start in _paragraphs(reads):
        read = reads[start.paragraph]
        if start.position + len(read) >= after:
            characters = sentence_starts(read.paragraph.text)
            for character, tokens in zip(characters, read.tokens_at(characters), strict=True):
                yield _Place(start.position + tokens, start.paragraph, character)


def _tokens(reads: Sequence[_Read], after: int) -> Iterator[_Place]:
    for start in _paragraphs(reads):
        read = reads[start.paragraph]
        if start.position + len(read) >= after:
            for token, (character, _) in enumerate(read.encoding.offsets):
                yield _Place(start.position + 1 + token, start.paragraph, character)


def _encoded(reads: Sequence[_Read], *, open_end: bool, dropped: int, silent: set[int]) -> Encoded:
    ids = [token for read in reads for token in (EOS, *read.encoding.ids)]
    if open_end or not ids:
        ids.append(EOS)
    unknown = dict.fromkeys(char for read in reads for char in read.unknown() if not is_silent(char))
    return Encoded(tuple(ids), dropped, tuple(unknown), unreadable=silent.issuperset(ids))
