"""A story's text as the model was shown text: paragraphs without blank lines, and where sentences begin."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
INVISIBLE = "[\xad\u200b\u200e\u200f\u2060\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef\x01-\x08\x0e-\x1b\x7f]"
"""Variation selectors, marks of no width, control characters: to the model they would only be holes."""

SPACES = "[\x1f\xa0\u1680\u2000-\u200a\u202f\u205f]"
"""Spaces of other widths, and those at which no line breaks: a space is what they mean."""
_BLANKS = " \t\x1f\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f"
SOUNDLESS = (
    "[\x80-\x84\x86-\x9f\u034f\u061c\u180e\u200c\u200d\u202a-\u202e\u2061-\u2064\u2066-\u206f\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f]"
)
"""Joiners, directions, tags and other formats: nothing, but to a model that has pieces for them."""

_SILENT = re.compile(f"{INVISIBLE}|{SOUNDLESS}")
_LINE = re.compile(f"[^{_BREAKS}]+")
_BREAK = re.compile(f"[{_BREAKS}]")
_SENTENCE_END = re.compile(
    r"[。．！？]+[」』）】〉》”’]*"
    # A run is looked at from its first character only: from each of them a long one would take long.
    r"|(?:(?<![!?…♪])[!?…♪]++|(?<!\.)\.{3,}+)[」』）】〉》”’]+|(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s)"
)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One line with something on it. `start` is its place in the whole text."""

    start: int
    text: str

    def after(self, offset: int) -> Paragraph:
        """What remains when its first `offset` characters are cut away."""
        rest = self.text[offset:].lstrip(" ")
        return Paragraph(self.start + len(self.text) - len(rest), rest)


@dataclass(frozen=True, slots=True)
class Layout:
    """A text's paragraphs; `open_end`: a line break follows the last one, so that the next one begins."""

    paragraphs: tuple[Paragraph, ...]
    open_end: bool


def lay_out(text: str) -> Layout:
    """Split at runs of line breaks, leave out blank lines and the spaces around a paragraph.

    An indent of a full-width space stays: it is part of Japanese typography. Trailing spaces go, also
    full-width ones: fed to the model, one would eat the first character of what it writes.
    """
    lines = [Paragraph(match.start(), match.group()) for match in _LINE.finditer(text)]
    filled = tuple(_trimmed(line) for line in lines if re.sub(INVISIBLE, "", line.text).strip())
    if not filled:
        return Layout((), open_end=False)
    end = filled[-1].start + len(filled[-1].text)
    return Layout(filled, open_end=_BREAK.search(text, end) is not None)


def is_silent(character: str) -> bool:
    """Whether a character that the model has no piece for is read as what it means: a space, or nothing."""
    return character.isspace() or _SILENT.match(character) is not None


def sentence_starts(text: str) -> list[int]:
    """Where sentences after the first begin, as character offsets."""
    end = len(text.rstrip())
    return [match.end() for match in _SENTENCE_END.finditer(text) if match.end() < end]


def _trimmed(line: Paragraph) -> Paragraph:
    text = line.text.rstrip()
    bare = text.lstrip(_BLANKS)
    return Paragraph(line.start + len(text) - len(bare), bare)
