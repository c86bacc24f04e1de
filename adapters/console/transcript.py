"""The story on an output that is no terminal: whole and in order, people's passages and the model's."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from typing import TextIO


class Transcript:
    """Writes a story passage by passage, as it grows.

    What was taken back is cut off again where the output is a file that is nothing else's. From a pipe
    nothing can be taken: there the story goes on in a line of its own from where it became another.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._written: list[str] = []
        self._story = ""
        self._start = _end_of_file(out)

    @property
    def ends_in_a_line(self) -> bool:
        """Whether the last line that was written may go on."""
        return bool(self._written) and not self._written[-1].endswith("\n")

    def rewrite(self, story: str, pieces: Sequence[str]) -> None:
        """Let the output hold a story, by its id, in pieces: a passage each, with what stands before it.

        Raises:
            OSError: it cannot be written.
        """
        if story != self._story:
            self._begin(story)
        kept = _common(self._written, pieces)
        before, rest = "".join(self._written[kept:]), "".join(pieces[kept:])
        if rest.startswith(before):
            self._out.write(rest[len(before) :])
        elif self._start is not None:
            self._cut(self._start, "".join(pieces[:kept]))
            self._out.write(rest)
        elif rest:
            self._out.write(rest if before.endswith("\n") or rest.startswith("\n") else "\n" + rest)
        else:
            return  # what stands there too much may be written again
        self._out.flush()
        self._written = list(pieces)

    def end(self) -> None:
        """End the last line. Raises OSError."""
        if self.ends_in_a_line:
            self._out.write("\n")
        self._out.flush()
        self._written = []

    def _begin(self, story: str) -> None:
        """Another story stands behind the one before, after an empty line."""
        if self._written:
            self.end()
            self._out.write("\n")
            self._out.flush()
        self._story, self._written = story, []
        if self._start is not None:
            self._start = _end_of_file(self._out)

    def _cut(self, start: int, kept: str) -> None:
        self._out.flush()
        end = start + len(kept.encode(self._out.encoding, self._out.errors or "strict"))
        os.ftruncate(self._out.fileno(), end)
        os.lseek(self._out.fileno(), end, os.SEEK_SET)


def _common(written: Sequence[str], pieces: Sequence[str]) -> int:
    same = 0
    for old, new in zip(written, pieces, strict=False):
        if old != new:
            break
        same += 1
    return same


def _end_of_file(out: TextIO) -> int | None:
    """Where the next character stands in the file; None where nothing can be taken back."""
    try:
        opened = os.fstat(out.fileno())
        beside = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # no file at all
        return None
    if not stat.S_ISREG(opened.st_mode) or os.path.samestat(opened, beside):
        return None
    return opened.st_size
