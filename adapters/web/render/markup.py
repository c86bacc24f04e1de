"""A passage in pieces, where a page shows more than plain text: ruby, emphasis, notes, asides."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bot.text.ruby import Kind, spans

PLAIN, ASIDE = "", "aside"


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A piece of a text. `kind`: empty for plain text, `aside`, or a `bot.text.ruby.Kind`.

    `reading`: the ruby beside it, or what a note says.
    """

    text: str
    kind: str = PLAIN
    reading: str = ""


def marked(text: str, beside: Collection[int]) -> tuple[TextPiece, ...]:
    """`text` without blank lines at its edges in pieces, first to last; empty where all of it is plain.

    `beside`: which of its lines, counted from 0, are said beside the story.
    """
    shown = text.strip("\n")
    blank = len(text) - len(text.lstrip("\n"))
    pieces = tuple(_pieces(shown, frozenset(number - blank for number in beside)))
    return () if all(piece.kind == PLAIN for piece in pieces) else pieces


def _pieces(text: str, beside: frozenset[int]) -> Iterator[TextPiece]:
    lines = text.split("\n")
    for number, line in enumerate(lines):
        end = "\n" if number + 1 < len(lines) else ""
        if number in beside:
            yield TextPiece(line + end, ASIDE)
        else:
            yield from _line(line + end)


def _line(line: str) -> Iterator[TextPiece]:
    at = 0
    for span in spans(line):
        if span.start > at:
            yield TextPiece(line[at : span.start])
        if span.kind is not Kind.ESCAPE:
            yield TextPiece(span.base, span.kind.value, span.reading)
        at = span.end
    if line[at:]:
        yield TextPiece(line[at:])
