"""From tokens to text, one at a time: only what can no longer change, in constant time per token."""

from __future__ import annotations

import codecs
import copy
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from bot.worker.text.paragraphs import lay_out
from bot.worker.text.vocabulary import EOS, Spelling


@dataclass(frozen=True, slots=True)
class Joint:
    """Where the model takes over from the writer.

    `fresh`: at the start of a paragraph. `spaced`: behind a space of the writer's that was not fed.
    `takes_space`: behind text whose words are set apart by spaces.
    """

    fresh: bool
    spaced: bool
    takes_space: bool

    @classmethod
    def behind(cls, prompt: str) -> Joint:
        """The joint at the end of a prompt, as it was written."""
        layout = lay_out(prompt)
        fresh = not layout.paragraphs or layout.open_end
        spaced = prompt.endswith((" ", "\t", "\u3000"))
        return cls(fresh, spaced, not fresh and _ends_spaced_script(layout.paragraphs[-1].text))


class StreamDecoder:
    """Decodes one continuation.

    A paragraph break and a space are held back until something visible follows: a second `</s>` would turn
    the break into the end of the document, and a space before a break is none. `ended` is True once the
    document has ended; whatever comes after is ignored.
    """

    def __init__(self, spellings: Sequence[Spelling], joint: Joint) -> None:
        self._spellings = spellings
        self._joint: Joint | None = joint
        self._bytes = codecs.getincrementaldecoder("utf-8")("ignore")
        self._line_empty = joint.fresh
        self._break = False
        self._space = False
        self.ended = False

    def push(self, token_id: int) -> str:
        """What this token makes certain; often its own text, sometimes nothing."""
        if self.ended:
            return ""
        if token_id == EOS:
            self._end_paragraph()
            return ""
        spelling = self._spellings[token_id] if token_id < len(self._spellings) else ""
        if isinstance(spelling, bytes):
            return self._write(self._bytes.decode(spelling))
        self._bytes.reset()
        return self._write(spelling)

    def flush(self) -> str:
        """What was held back and stays, when no token follows: a paragraph break, but no space."""
        held = "\n" if self._break and not self.ended else ""
        self._break = self._space = False
        return held

    def copy(self) -> StreamDecoder:
        """The same, to go on from here twice."""
        twin = copy.copy(self)
        twin._bytes = copy.copy(self._bytes)  # noqa: SLF001 - its own kind
        return twin

    def _end_paragraph(self) -> None:
        self._bytes.reset()
        self.ended = self._line_empty
        self._break = not self.ended
        self._line_empty = True
        self._space = False

    def _write(self, text: str) -> str:
        if self._joint is not None and self._joint.spaced and not self._break:
            text = text.lstrip(" \u3000")
        visible = text.strip(" ")
        if not visible:
            self._space = self._space or bool(text)
            return ""
        gap = "\n" if self._break else " " if self._wants_space(text) else ""
        self._joint = None
        self._line_empty = self._break = False
        self._space = text.endswith(" ")
        return gap + visible

    def _wants_space(self, text: str) -> bool:
        if self._line_empty or not (self._space or text.startswith(" ")):
            return False
        if self._joint is None:
            return True
        return self._joint.takes_space and not self._joint.spaced and is_spaced_script(text.lstrip(" ")[0])


def _ends_spaced_script(text: str) -> bool:
    """Whether the last character that tells is of a script with spaces; digits and … tell nothing."""
    telling = (char for char in reversed(text) if char.isalpha() or _is_wide(char))
    return is_spaced_script(next(telling, "a"))


def is_spaced_script(char: str) -> bool:
    """Whether the words of a character's script are set apart by spaces."""
    return not _is_wide(char) or unicodedata.name(char, "").startswith("HANGUL")


def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in {"W", "F", "H"}
