"""What stands around a story in the model's window: memory in front of it, lore and note near its end."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bot.domain.inference import ContextPiece
from bot.worker.text.paragraphs import lay_out, sentence_starts

SHARE = 2
"""All pieces together have at most one part in so many of the window."""

_FIRST_KEPT = {"memory": 0, "note": 1, "lore": 2}
"""Which pieces find room before others; the first of a kind before the next."""

Length = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class InsertedContext:
    """Pieces in the order in which they are read: `prefix`, the story, and `depth_inserted` near its end.

    `insertion_depth`: paragraphs of the story behind `depth_inserted`.
    """

    prefix: tuple[ContextPiece, ...] = ()
    depth_inserted: tuple[ContextPiece, ...] = ()
    insertion_depth: int = 3


@dataclass(frozen=True, slots=True)
class FittedPieces:
    """The pieces that find room, the tokens kept free for them, and what finds none."""

    kept: InsertedContext
    tokens: int
    left_out: tuple[ContextPiece, ...]


def fit_pieces(inserted: InsertedContext, limit: int, grain: int, length: Length) -> FittedPieces:
    """The pieces that have room in a window of `limit` tokens; `length` counts those of a text.

    A piece is kept whole or left out, but for the memory: of one that is too long the beginning is kept, and
    its rest is left out. Room is kept free in grains of so many tokens, so that one more word in a note does
    not move the story's cut.
    """
    share = room = limit // SHARE
    every = [*inserted.prefix, *inserted.depth_inserted]
    kept: dict[int, ContextPiece] = {}
    left_out: dict[int, ContextPiece] = {}
    for place in sorted(range(len(every)), key=lambda place: _FIRST_KEPT.get(every[place].kind, 2)):
        piece = every[place]
        end = _room_for(piece, room, length)
        if end > 0:
            kept[place] = piece if end == len(piece.text) else replace(piece, text=piece.text[:end].rstrip())
            room -= length(kept[place].text)
        if rest := piece.text[end:].strip():
            left_out[place] = replace(piece, text=piece.text if end == 0 else rest)
    front = tuple(kept[place] for place in range(len(inserted.prefix)) if place in kept)
    inset = tuple(kept[place] for place in range(len(inserted.prefix), len(every)) if place in kept)
    taken = min(share, -(-(share - room) // grain) * grain)
    return FittedPieces(
        replace(inserted, prefix=front, depth_inserted=inset),
        taken,
        tuple(left_out[place] for place in sorted(left_out)),
    )


def _room_for(piece: ContextPiece, room: int, length: Length) -> int:
    """How many characters of a piece are kept: all, or none; of a memory what fits.

    It ends with a line or a sentence; with a character where not even one of these fits.
    """
    text = piece.text
    if length(text) <= room:
        return len(text)
    if piece.kind != "memory":
        return 0
    for ends in (_ends(text), range(1, len(text))):
        fitting = bisect_right(ends, room, key=lambda end: length(text[:end]))
        # A longer beginning may take fewer tokens than a shorter one.
        while fitting > 0 and length(text[: ends[fitting - 1]]) > room:
            fitting -= 1
        if fitting > 0 and length(text[: ends[fitting - 1]]) > 0:
            return ends[fitting - 1]
    return 0


def _ends(text: str) -> list[int]:
    """Where lines and sentences end."""
    lines = lay_out(text).paragraphs
    starts = [line.start + place for line in lines for place in (0, *sentence_starts(line.text))]
    return [start for start in starts if start > 0]


def split_before(paragraphs: Sequence[object], inserted: InsertedContext) -> int:
    """Before which of the story's paragraphs the inset stands; never behind the last."""
    return max(0, len(paragraphs) - max(1, inserted.insertion_depth))
