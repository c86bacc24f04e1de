"""Pure rules for written Japanese (and English among it): where sentences end, and house style.

House style is for text the model wrote. What a person wrote is never passed through it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BRACKETS = dict(zip("「『（〈《【〔［｛“‘([", "」』）〉》】〕］｝”’)]", strict=True))
"""Opening brackets and what closes them. ’ also serves as an apostrophe: closing nothing is no error."""

_CLOSERS = frozenset(BRACKETS.values()) | {'"'}
_ENDERS = frozenset("。！？!?．｡")
_TRAILING = frozenset("……‥―")
"""What may end a paragraph without a full stop: a voice that trails off."""

_ABBREVIATIONS = frozenset(
    ["mr", "mrs", "ms", "dr", "st", "jr", "sr", "prof", "gen", "vs", "etc", "mt", "no"]
)
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


def open_brackets(text: str) -> str:
    """The closing brackets that the last paragraph of `text` still waits for, innermost last."""
    stack: list[str] = []
    for character in text[text.rfind("\n") + 1 :]:
        _step(stack, character)
    return "".join(stack)


def without_dangling_bracket(text: str) -> str:
    """`text` without opening brackets at its very end."""
    return text.rstrip().rstrip("".join(BRACKETS)).rstrip()


def trailing_off(text: str) -> str:
    """`text` whose sentence never ended, ended as a voice that trails off: at a pause, with ……."""
    said = without_dangling_bracket(text).rstrip("、，,；;：:・ー—-").rstrip()
    if not said or said[-1] in _ENDERS | _CLOSERS | _TRAILING or said.endswith("."):
        return said
    return said + ("……" if is_japanese(said[-_NEIGHBOURHOOD:]) else "...")


def sentence_ends(text: str, waiting: str = "", *, final: bool = True) -> list[SentenceEnd]:
    """Where sentences end in `text`, first to last.

    Args:
        text: what was written.
        waiting: closing brackets waited for at its start (see `open_brackets`).
        final: False while more may follow; an end that the next characters could undo is then left out.
    """
    ends: list[SentenceEnd] = []
    stack = list(waiting)
    index = 0
    while index < len(text):
        character = text[index]
        if character == "\n":
            _end_paragraph(text, index, ends)
            stack.clear()
        elif character in _ENDERS or (character == "." and _is_full_stop(text, index, final=final)):
            index = _end_sentence(text, index, stack)
            ends.append(SentenceEnd(index, len(stack)))
            continue
        _step(stack, character)
        index += 1
    if final:
        _end_paragraph(text, len(text), ends)
    return ends


def house_style(text: str, before: str = "") -> str:
    """`text` of the model as a Japanese publisher would set it; unchanged in English surroundings.

    Full-width ！？（）, …… for runs of dots, ―― for dashes, 〜, and the full-width space after ！？.
    XGLM's tokenizer folds all of these into ASCII. Applying it twice changes nothing more.

    Args:
        text: what the model wrote.
        before: what stands before it, only looked at.
    """
    styled = before
    for piece in _PIECES.findall(text):
        styled += _set(piece, styled)
    joint = len(before[-1:])
    return _WIDE_SPACE.sub("\u3000", styled[len(before) - joint :])[joint:]


_PIECES = re.compile(r"[.…]{2,}|…|・{3,}|[-—─―]{2,}|[\s\S]")
_WIDE_SPACE = re.compile(r"(?<=[！？]) (?=[^\s!-~])")
_SINGLE = {"!": "！", "?": "？", "~": "〜", "(": "（", ")": "）"}


def _set(piece: str, before: str) -> str:
    if not is_japanese(before[before.rfind("\n") + 1 :][-_NEIGHBOURHOOD:]):
        return piece
    if piece == ")":
        return _closing(before)
    if piece[0] in ".…・" and (len(piece) > 1 or piece == "…"):
        return _dots(piece)
    if len(piece) > 1:
        return "――"
    return _SINGLE.get(piece, piece)


def _dots(piece: str) -> str:
    # Three full stops or middle dots make one …, and a publisher sets … in pairs.
    count = piece.count("…") + -(-(len(piece) - piece.count("…")) // 3)
    return "……" * max(1, -(-count // 2))


def _closing(before: str) -> str:
    # A closing parenthesis takes the width of the one it closes.
    return ")" if before.rfind("(") > before.rfind("（") else "）"


def _step(stack: list[str], character: str) -> None:
    if character in BRACKETS:
        stack.append(BRACKETS[character])
    elif stack and character == stack[-1]:
        stack.pop()


def _end_sentence(text: str, index: int, stack: list[str]) -> int:
    """The index after the ending that starts at `index`: ！？…… and the brackets closed by it."""
    while index < len(text) and (text[index] in _ENDERS or text[index] in _TRAILING or text[index] == "."):
        index += 1
    while index < len(text) and text[index] in _CLOSERS | _ENDERS:
        _step(stack, text[index])
        index += 1
    return index


def _end_paragraph(text: str, index: int, ends: list[SentenceEnd]) -> None:
    """Count a paragraph's end as a sentence's where it closes a line of dialogue or trails off."""
    start = text.rfind("\n", 0, index) + 1
    line = text[start:index].rstrip()
    end = start + len(line)
    if line and line[-1] in _CLOSERS | _TRAILING and not (ends and ends[-1].index >= end):
        ends.append(SentenceEnd(end, 0))


def _is_full_stop(text: str, index: int, *, final: bool) -> bool:
    """Whether the ASCII dot at `index` ends a sentence rather than a number, an initial or `Mr.`."""
    after = index + 1
    while after < len(text) and text[after] == ".":
        after += 1
    if after == len(text):
        if not final:
            return False
    elif not (text[after].isspace() or text[after] in _CLOSERS):
        return False
    word = re.search(r"[^\s「『（(“\"]*\Z", text[:index])
    return word is None or not _is_abbreviation(word.group(), text[: word.start()])


def _is_abbreviation(word: str, before: str) -> bool:
    initial = len(word) == 1 and word.isupper() and word != "I"
    list_number = word.isdigit() and (not before or before.endswith("\n"))
    return not word or initial or list_number or word.lower() in _ABBREVIATIONS
