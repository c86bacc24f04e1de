"""Works of fiction read from files, and their division into training and held-out text."""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from bot.domain.errors import CorpusError

HELD_OUT_ONE_IN = 50
"""One work in fifty is never trained on; the choice hangs on its id alone, so it outlives reorderings."""


@dataclass(frozen=True, slots=True)
class Work:
    """One story or book. In `text` a line is a paragraph; an empty line is a section break."""

    id: str
    text: str

    @property
    def paragraphs(self) -> list[str]:
        """The non-empty lines: section breaks collapse, as runs of newlines do everywhere in Tsuzuki."""
        return [line for line in self.text.split("\n") if line.strip()]

    @property
    def held_out(self) -> bool:
        """Whether this work is kept out of training for measuring."""
        digest = hashlib.sha256(self.id.encode()).digest()
        return int.from_bytes(digest) % HELD_OUT_ONE_IN == 0


@dataclass(frozen=True, slots=True)
class CorpusSource:
    """A corpus file and the share of its training text that one epoch uses (0 to 1)."""

    path: Path
    share: float = 1.0

    @classmethod
    def parse(cls, argument: str) -> CorpusSource:
        """Read `FILE` or `FILE=SHARE`.

        Raises:
            CorpusError: the share is not a number above 0 and at most 1.
        """
        name, separator, share = argument.partition("=")
        if not separator:
            return cls(Path(argument))
        try:
            value = float(share)
        except ValueError:
            raise CorpusError(f"{argument}: a share is a number, as in corpus.jsonl=0.5") from None
        if not 0 < value <= 1:
            raise CorpusError(f"{argument}: a share lies above 0 and at most at 1")
        return cls(Path(name), value)


def read_works(path: Path) -> list[Work]:
    """Read `.jsonl` (objects with `id` and `text`) or `.txt` (one work), either also as `.xz`.

    Raises:
        CorpusError: the file is missing, of another kind, or a line is not such an object.
    """
    suffixes = [s for s in path.suffixes[-2:] if s != ".xz"]
    try:
        with _open(path) as lines:
            match suffixes[-1:]:
                case [".jsonl"]:
                    return [_work(path, number, line) for number, line in enumerate(lines, 1)]
                case [".txt"]:
                    return [Work(path.name, "".join(lines))]
    except (OSError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: {error}") from error
    raise CorpusError(f"{path}: a corpus is .jsonl or .txt, also with .xz")


@dataclass(frozen=True, slots=True)
class Corpus:
    """One source's works, divided."""

    training: tuple[Work, ...]
    held_out: tuple[Work, ...]
    share: float

    @classmethod
    def read(cls, source: CorpusSource) -> Corpus:
        """Read and divide a source. Raises CorpusError."""
        works = read_works(source.path)
        return cls(
            tuple(w for w in works if not w.held_out), tuple(w for w in works if w.held_out), source.share
        )

    def sample(self) -> Iterator[str]:
        """The training paragraphs, up to the share of their characters that one epoch uses."""
        left = self.share * sum(len(work.text) for work in self.training)
        for work in self.training:
            for paragraph in work.paragraphs:
                left -= len(paragraph)
                if left < 0:
                    return
                yield paragraph


def _open(path: Path) -> TextIO:
    if path.suffix == ".xz":
        return lzma.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _work(path: Path, number: int, line: str) -> Work:
    try:
        row = json.loads(line)
        return Work(str(row["id"]), str(row["text"]))
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{path}, line {number}: expected an object with id and text") from error
