"""Token streams on disk and the windows that training and measuring cut from them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sentencepiece

from bot.domain.errors import CorpusError
from bot.train.corpus import Work
from bot.train.tokenizer import EOS, UNK, encode_work

GROUP = 256
"""Chunks whose windows are shuffled together."""

Ids = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Stream:
    """The training tokens of one source and the share of them one epoch uses."""

    ids: Ids
    share: float


def encode(works: Iterable[Work], processor: sentencepiece.SentencePieceProcessor) -> Ids:
    """All works as one uint16 stream; every work starts with `</s>` and ends with one."""
    return np.fromiter((i for work in works for i in encode_work(processor, work.paragraphs)), np.uint16)


class Batches:
    """Batches of one epoch after another, in windows with `</s>` in front.

    An epoch cuts every stream into chunks at an offset of its own and shuffles them. A group of chunks is
    dealt out to the lengths of a mix, cut into windows and shuffled; each batch holds windows of one length.
    So a run may change its lengths on the way and still reads every token once an epoch. The order hangs on
    (seed, epoch) alone, so a run can resume.
    """

    def __init__(self, streams: Sequence[Stream], chunk: int, seed: int) -> None:
        self._streams = streams
        self._chunk = chunk
        self._seed = seed

    def from_token(
        self, position: int, lengths: Sequence[int], batch_tokens: int
    ) -> Iterator[npt.NDArray[np.int64]]:
        """Endless [rows, length + 1] arrays, going on after `position` tokens of the run.

        Each has as many whole windows as `batch_tokens` hold, and counts for so many tokens.

        Raises:
            CorpusError: a whole epoch does not fill a batch.
        """
        seen = 0
        for windows in self._batches(lengths, batch_tokens):
            seen += batch_tokens
            if seen > position:
                yield np.stack([_with_start(window) for window in windows])

    def _batches(self, lengths: Sequence[int], batch_tokens: int) -> Iterator[list[Ids]]:
        for epoch in itertools.count():
            random = np.random.default_rng([self._seed, epoch])
            chunks, enough = self._chunks(random), False
            for start in range(0, len(chunks), GROUP):
                batches = _deal(chunks[start : start + GROUP], lengths, batch_tokens, random)
                if len(lengths) > 1:
                    batches = [batches[i] for i in random.permutation(len(batches))]
                yield from batches
                enough = enough or bool(batches)
            if not enough:
                raise CorpusError(f"too little text: it fills no batch of {batch_tokens} tokens")

    def _chunks(self, random: np.random.Generator) -> list[Ids]:
        chunks: list[Ids] = []
        for stream in self._streams:
            cut = _cut(stream.ids[int(random.integers(self._chunk)) :], self._chunk)
            chosen = random.permutation(len(cut))[: max(1, round(stream.share * len(cut)))]
            chunks += [cut[i] for i in chosen]
        return [chunks[i] for i in random.permutation(len(chunks))]


def _deal(
    chunks: Sequence[Ids], lengths: Sequence[int], batch_tokens: int, random: np.random.Generator
) -> list[list[Ids]]:
    """Batches of one length each; the chunks go to the lengths in turn."""
    batches: list[list[Ids]] = []
    for turn, length in enumerate(lengths):
        windows = [window for chunk in chunks[turn :: len(lengths)] for window in _cut(chunk, length)]
        shuffled = [windows[i] for i in random.permutation(len(windows))]
        rows = batch_tokens // length
        batches += [shuffled[i : i + rows] for i in range(0, len(shuffled) - rows + 1, rows)]
    return batches


def _cut(ids: Ids, length: int) -> list[Ids]:
    return [ids[start : start + length] for start in range(0, len(ids) - length + 1, length)]


def _with_start(window: Ids) -> npt.NDArray[np.int64]:
    return np.concatenate([[EOS], window.astype(np.int64)])


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Windows of works never trained on, and what turns their loss into nats per character.

    `windows`: [count, length + 1], each with `</s>` in front; `characters`: how many all of them spell.
    """

    windows: npt.NDArray[np.int64]
    characters: int


def held_out_windows(
    works: Sequence[Work], processor: sentencepiece.SentencePieceProcessor, length: int, count: int
) -> HeldOut:
    """`count` windows of `length` tokens, spread evenly over the works' text.

    A window is `</s>` and the next tokens of the stream. Its characters are those its tokens spell: paragraph
    breaks cost the model nats but count as no character, which is the stricter reading of "per character".

    Raises:
        CorpusError: there is less text than one window.
    """
    ids = encode(works, processor)
    if len(ids) <= length:
        raise CorpusError(f"too little text to hold out: {len(ids)} tokens, {length + 1} are needed")
    starts = np.linspace(0, len(ids) - length, count).astype(int)
    windows = np.stack([_with_start(ids[s : s + length]) for s in starts])
    targets = windows[:, 1:]
    lengths = np.array([_characters(processor, i) for i in range(processor.get_piece_size())])
    return HeldOut(windows, int(lengths[targets].sum()))


def _characters(processor: sentencepiece.SentencePieceProcessor, piece: int) -> int:
    return len(processor.id_to_piece(piece)) if piece > UNK else int(piece == UNK)
