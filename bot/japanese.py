"""Pure rules for written Japanese (and English among it): where sentences end, and house style.

House style is for text the model wrote. What a person wrote is never passed through it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.brackets import BRACKETS, QUOTE, step

_CLOSERS = frozenset(BRACKETS.values()) | {QUOTE, "’"}
_ENDERS = frozenset("。！？!?．｡")
_TRAILING = frozenset("…‥―")
"""What may end a paragraph without a full stop: a voice that trails off."""

_SAID = frozenset("」』）)”") | {QUOTE}
"""What ends a paragraph of dialogue, or an aside, without a full stop."""

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


def without_dangling_bracket(text: str) -> str:
    """`text` without opening brackets at its very end."""
    return text.rstrip().rstrip("".join(BRACKETS)).rstrip()


def ends_whole(text: str) -> bool:
    """Whether `text` ends as a sentence, a line of dialogue, or a voice that trails off."""
    return text.endswith((*_ENDERS, *_CLOSERS, *_TRAILING, "."))


def trailing_off(text: str) -> str:
    """`text` whose sentence never ended, ended as a voice that trails off: at a pause, with ……."""
    said = without_dangling_bracket(text).rstrip("、，,；;：:・ー—-").rstrip()
    if not said or ends_whole(said):
        return said
    return said + ("……" if is_japanese(said[-_NEIGHBOURHOOD:]) else "...")


def sentence_ends(text: str, waiting: str = "", *, final: bool = True) -> list[SentenceEnd]:
    """Where sentences end in `text`, first to last.

    Args:
        text: what was written.
        waiting: closing brackets waited for at its start (see `bot.brackets.open_brackets`).
        final: False while more may follow; an end that the next characters could undo is then left out.
    """
    ends: list[SentenceEnd] = []
    stack = list(waiting)
    index = 0
    while index < len(text):
        character = text[index]
        if character == "\n":
            _end_paragraph(text, index, ends, stack)
            stack.clear()
        elif _ends_here(text, index, final=final):
            index = _end_sentence(text, index, stack)
            ends.append(SentenceEnd(index, len(stack)))
            continue
        step(stack, character)
        index += 1
    if final:
        _end_paragraph(text, len(text), ends, stack)
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


_PIECES = re.compile(r"(?:[.…]|・{3,}){2,}|…|・{3,}|[-—─―]{2,}|[\s\S]")
_WIDE_SPACE = re.compile(r"(?<=[！？]) (?=[^\s!-~])")
_SINGLE = {"!": "！", "?": "？", "~": "〜", "(": "（", ")": "）"}
_PARENTHESES = {")": "(", "）": "（"}


def _set(piece: str, before: str) -> str:
    if piece in _PARENTHESES and (width := _closing(before)):
        return width
    if not is_japanese(before[before.rfind("\n") + 1 :][-_NEIGHBOURHOOD:]):
        return piece
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
    """The closing parenthesis of the width of the one that is open last in this paragraph, if any is."""
    inner = 0
    for character in reversed(before[before.rfind("\n") + 1 :]):
        if character in _PARENTHESES:
            inner += 1
        elif character in _PARENTHESES.values():
            if inner == 0:
                return ")" if character == "(" else "）"
            inner -= 1
    return ""


def _ends_here(text: str, index: int, *, final: bool) -> bool:
    """Whether a sentence's ending begins at `index`."""
    if text[index] == ".":
        return _is_full_stop(text, index, final=final)
    if text[index] == "．" and text[:index][-1:].isdigit():
        after = text[index + 1 : index + 2]
        return not after.isdigit() and (final or after != "")
    return text[index] in _ENDERS


def _end_sentence(text: str, index: int, stack: list[str]) -> int:
    """The index after the ending that starts at `index`: ！？…… and the brackets closed by it."""
    run = _ENDERS | _TRAILING | {text[index]}
    while index < len(text) and text[index] in run:
        index += 1
    while index < len(text) and text[index] in _CLOSERS | _ENDERS:
        if text[index] == QUOTE and QUOTE not in stack:
            break
        step(stack, text[index])
        index += 1
    return index


def _end_paragraph(text: str, index: int, ends: list[SentenceEnd], stack: list[str]) -> None:
    """Count a paragraph's end as a sentence's where it closes a line of dialogue or trails off."""
    start = text.rfind("\n", 0, index) + 1
    line = text[start:index].rstrip()
    end = start + len(line)
    # A quotation mark that opens belongs to what follows; a voice in square brackets is no sentence.
    opened = line.endswith(QUOTE) and QUOTE in stack
    whole = line and line[-1] in _SAID | _TRAILING and not opened and set(stack[:1]) <= _SAID
    if whole and not (ends and ends[-1].index >= end):
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
