"""Pure rules for written Japanese (and English among it): where sentences end, and house style.

House style is for text the model wrote. What a person wrote is never passed through it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.text.brackets import BRACKETS, DEEPEST, QUOTE, step

_CLOSERS = frozenset(BRACKETS.values()) | {QUOTE, "’"}
_ENDERS = frozenset("。！？!?．｡")
_TRAILING = frozenset("…‥―")
"""What may end a paragraph without a full stop: a voice that trails off."""

_SAID = frozenset("」』）)”") | {QUOTE}
"""What ends a paragraph of dialogue, or an aside, without a full stop."""

_ABBREVIATIONS = frozenset(
    ["mr", "mrs", "ms", "dr", "st", "jr", "sr", "prof", "gen", "vs", "etc", "mt", "no"]
)
_DOTS = re.compile(r"\.+")
_BEFORE_WORD = re.compile(r"[\s「『（(“\"]")
_LONGEST_WORD = 20
"""A longer word before a dot is no abbreviation, and no number of a list."""

_JAPANESE = re.compile(r"[\u3005-\u3007\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f]")
_NEIGHBOURHOOD = 12
"""How many characters back (in the same paragraph) a Japanese one makes the place Japanese."""


@dataclass(frozen=True, slots=True)
class SentenceEnd:
    """A sentence ends before `index`; `depth` brackets are still open there."""

    index: int
    depth: int


def is_japanese(text: str) -> bool:
    """Whether there is kana or kanji in `text`."""
    return _JAPANESE.search(text) is not None


def without_dangling_bracket(text: str) -> str:
    """`text` without opening brackets at its very end."""
    return text.rstrip().rstrip("".join(BRACKETS)).rstrip()


def ends_whole(text: str) -> bool:
    """Whether `text` ends as a sentence, a line of dialogue, or a voice that trails off."""
    return text.endswith((*_ENDERS, *_CLOSERS, *_TRAILING, "."))


def with_ellipsis(text: str) -> str:
    """`text` whose sentence never ended, ended as a voice that trails off: at a pause, with ……."""
    said = without_dangling_bracket(text).rstrip("、，,；;：:・ー—-").rstrip()
    if not said or ends_whole(said):
        return said
    return said + ("……" if is_japanese(said[-_NEIGHBOURHOOD:]) else "...")


def sentence_ends(text: str, waiting: str = "", *, final: bool = True) -> list[SentenceEnd]:
    """Where sentences end in `text`, first to last.

    Args:
        text: what was written.
        waiting: closing brackets waited for at its start (see `bot.text.brackets.open_brackets`).
        final: False while more may follow; an end that the next characters could undo is then left out.
    """
    return list(_sentence_ends(text, waiting, final=final))


def first_sentence_end(text: str, waiting: str = "", *, final: bool = True) -> int | None:
    """Where the first sentence of `text` ends, if one does; no more of it is read. See `sentence_ends`."""
    return next((end.index for end in _sentence_ends(text, waiting, final=final)), None)


def _sentence_ends(text: str, waiting: str, *, final: bool) -> Iterator[SentenceEnd]:
    stack = list(waiting)
    index = last = 0
    while index < len(text):
        character = text[index]
        if character == "\n":
            if end := _paragraph_end(text, index, last, stack):
                yield SentenceEnd(end, 0)
            stack.clear()
        elif character == "." and not _may_stop(text, after := _after_dots(text, index), final=final):
            index = after
            continue
        elif _ends_here(text, index, final=final):
            index = last = _end_sentence(text, index, stack)
            yield SentenceEnd(index, len(stack))
            continue
        step(stack, character)
        index += 1
    if final and (end := _paragraph_end(text, len(text), last, stack)):
        yield SentenceEnd(end, 0)


def house_style(text: str, before: str = "") -> str:
    """`text` of the model as a Japanese publisher would set it; unchanged in English surroundings.

    Full-width ！？（）, …… for runs of dots, ―― for dashes, 〜, and the full-width space after ！？.
    XGLM's tokenizer folds all of these into ASCII. Applying it twice changes nothing more.

    Args:
        text: what the model wrote.
        before: what stands before it, only looked at.
    """
    line = _Line(before[before.rfind("\n") + 1 :])
    styled = "".join(map(line.set, _PIECES.findall(text)))
    joint = before[-1:]
    return _WIDE_SPACE.sub("\u3000", joint + styled)[len(joint) :]


_PIECES = re.compile(r"(?:[.…]|・{3,}){2,}|…|・{3,}|[-—─―]{2,}|[\s\S]")
_WIDE_SPACE = re.compile(r"(?<=[！？]) (?=[^\s!-~])")
_SINGLE = {"!": "！", "?": "？", "~": "〜", "(": "（", ")": "）"}
_PARENTHESES = {"(": ")", "（": "）"}


class _Line:
    """The line that is being set: what it ends with, and its open parentheses."""

    def __init__(self, before: str) -> None:
        self._tail = ""
        self._closers: list[str] = []
        for character in before:
            self._note(character)
        self._tail = before[-_NEIGHBOURHOOD:]

    def set(self, piece: str) -> str:
        """The next piece, as it is set here."""
        styled = self._styled(piece)
        self._note(styled)
        self._tail = "" if styled == "\n" else (self._tail + styled)[-_NEIGHBOURHOOD:]
        return styled

    def _styled(self, piece: str) -> str:
        if piece in _PARENTHESES.values() and self._closers:
            return self._closers[-1]
        if not is_japanese(self._tail):
            return piece
        if piece[0] in ".…・" and (len(piece) > 1 or piece == "…"):
            return _dots(piece)
        if len(piece) > 1:
            return "――"
        return _SINGLE.get(piece, piece)

    def _note(self, piece: str) -> None:
        if piece == "\n":
            self._closers.clear()
        elif piece in _PARENTHESES:
            self._closers.append(_PARENTHESES[piece])
        elif piece in _PARENTHESES.values() and self._closers:
            self._closers.pop()


def _dots(piece: str) -> str:
    # Three full stops or middle dots make one …, and a publisher sets … in pairs.
    count = piece.count("…") + -(-(len(piece) - piece.count("…")) // 3)
    return "……" * max(1, -(-count // 2))


def _ends_here(text: str, index: int, *, final: bool) -> bool:
    """Whether a sentence's ending begins at `index`."""
    if text[index] == ".":
        return _is_full_stop(text, index)
    if text[index] == "．" and text[max(0, index - 1) : index].isdigit():
        after = text[index + 1 : index + 2]
        return not after.isdigit() and (final or after != "")
    return text[index] in _ENDERS


def _end_sentence(text: str, index: int, stack: list[str]) -> int:
    """The index after the ending that starts at `index`: ！？…… and the brackets closed by it."""
    run = _ENDERS | _TRAILING | {text[index]}
    while index < len(text) and text[index] in run:
        index += 1
    while index < len(text) and text[index] in _CLOSERS | _ENDERS:
        if text[index] == QUOTE and QUOTE not in stack[-DEEPEST:]:
            break
        step(stack, text[index])
        index += 1
    return index


def _paragraph_end(text: str, index: int, last: int, stack: list[str]) -> int:
    """Where the paragraph before `index` ends as a sentence: with dialogue, or trailing off; 0: it does not.

    `last`: where a sentence ended last.
    """
    start = text.rfind("\n", 0, index) + 1
    line = text[start:index].rstrip()
    end = start + len(line)
    # A quotation mark that opens belongs to what follows; a voice in square brackets is no sentence.
    opened = line.endswith(QUOTE) and QUOTE in stack[-DEEPEST:]
    whole = line and line[-1] in _SAID | _TRAILING and not opened and set(stack[:1]) <= _SAID
    return end if whole and last < end else 0


def _after_dots(text: str, index: int) -> int:
    """The index after the run of dots at `index`."""
    run = _DOTS.match(text, index)
    return run.end() if run else index


def _may_stop(text: str, after: int, *, final: bool) -> bool:
    """Whether the dots that end before `after` can end a sentence, for what follows them."""
    return final if after == len(text) else text[after].isspace() or text[after] in _CLOSERS


def _is_full_stop(text: str, index: int) -> bool:
    """Whether the ASCII dot at `index` ends a sentence rather than a number, an initial or `Mr.`."""
    start = index
    while start > 0 and index - start <= _LONGEST_WORD and not _BEFORE_WORD.match(text, start - 1):
        start -= 1
    return index - start > _LONGEST_WORD or not _is_abbreviation(
        text[start:index], text[max(0, start - 1) : start]
    )


def _is_abbreviation(word: str, before: str) -> bool:
    initial = len(word) == 1 and word.isupper() and word != "I"
    list_number = word.isdigit() and (not before or before.endswith("\n"))
    return not word or initial or list_number or word.lower() in _ABBREVIATIONS
