"""How passages become a story: where one goes on in the line of another, and what of it the model is sent.

People's text is never changed here; only what stands between two passages is decided.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bot.domain.story import Passage, Story
from bot.text.out_of_character import is_out_of_character, out_of_character_lines, without_out_of_character

WINDOW_CHARACTERS = 16_000
"""More than 2,048 tokens of any language hold, so that the worker's exact cut never wants for text."""

CUT_STEPS = 4
"""A story that is too long loses a quarter of the window at once."""

TITLE_CHARACTERS = 30

_SENTENCE_END = re.compile(r"[。！？!?]+[」』）】〉》”’\"')]*|\.(?=\s|$)")
_CLOSERS = frozenset("、。，．」』）】〉》！？ゝゞ々ー,.!?)")
"""Characters that cannot begin a line (行頭禁則): whoever starts with one goes on in the line before."""
_PAUSES = frozenset("、，,；;：:「『（【〈《(")
"""After one of these a sentence is surely not over."""
_PARTICLES = frozenset("はがをにのともへでや")
"""A line that ends in one is nearly always unfinished. て is missing: 「待って」 may be a whole sentence."""
_INDENT = "\u3000"
_TAIL_CHARACTERS = 400
"""How far back an open bracket is looked for."""
_JOINERS = frozenset("\u200d\ufe0e\ufe0f")


def writable(text: str) -> str:
    """`text` with what no database and no UTF-8 can hold (NUL, half a surrogate pair) as U+FFFD."""
    return re.sub("[\x00\ud800-\udfff]", "\ufffd", text)


def is_blank(text: str) -> bool:
    """Whether nothing of `text` would be seen: spaces, controls and zero-width characters only."""
    return all(unicodedata.category(character)[0] in "ZC" for character in text)


def separator(before: str, passage: Passage) -> str:
    """What stands between `before` (the story so far, or its end) and `passage`.

    The model goes on in the same line. A person begins a paragraph, unless the text before is visibly in the
    middle of a sentence: then they finish it. A newline typed by either always decides.
    """
    text = passage.text
    if not before or not text or before.endswith("\n") or text.startswith("\n") or passage.by_model:
        return ""
    if _goes_on(before[-_TAIL_CHARACTERS:], text):
        return _space_between(before[-1], text[0])
    return "\n"


def in_character_passages(story: Story) -> list[Passage]:
    """Its passages without what people said beside the story; those with nothing left are left out."""
    told = (replace(one, text=in_character_text(story, one)) for one in story.passages)
    return [one for one in told if one.text]


def in_character_text(story: Story, passage: Passage) -> str:
    """What of a passage belongs to its story; empty where it only says something beside it."""
    if passage.by_model:
        return passage.text
    return without_out_of_character(passage.text, parentheses=story.parentheses_aside)


def passage_is_out_of_character(story: Story, passage: Passage) -> bool:
    """Whether a passage only says something beside its story."""
    return not passage.by_model and is_out_of_character(passage.text, parentheses=story.parentheses_aside)


def is_in_story(story: Story, passage: Passage) -> bool:
    """Whether a passage is what people read of a story: on the way to its end, and told there."""
    stands = any(one.id == passage.id for one in story.passages)
    return stands and not story.closed and bool(in_character_text(story, passage))


def lines_out_of_character(story: Story, passage: Passage) -> tuple[int, ...]:
    """Which lines of a passage are said beside its story, counted from 0."""
    return (
        () if passage.by_model else out_of_character_lines(passage.text, parentheses=story.parentheses_aside)
    )


def last_in_character(story: Story) -> Passage | None:
    """The last passage that belongs to the story: what people said beside it is stepped over."""
    return next((one for one in reversed(story.passages) if in_character_text(story, one)), None)


def last_passage(story: Story) -> Passage | None:
    """The passage that a story ends with: the last that is told, or the one that this only hangs on."""
    found = (one for one in story.passages if one.id == story.hangs_on)
    return next(found, None) or last_in_character(story)


def ends_with(story: Story, passage_id: str) -> bool:
    """Whether a story ends with a passage, whatever was said beside it or written while it was."""
    ends = (last_in_character(story), last_passage(story))
    return story.head == passage_id or any(end is not None and end.id == passage_id for end in ends)


def text_of(passages: Iterable[Passage]) -> str:
    """The story as it is read: every passage exactly as written, in its line or in a new one."""
    return "".join(joined_pieces(passages))


def prompt_of(passages: Sequence[Passage], max_characters: int = WINDOW_CHARACTERS) -> str:
    """The end of the story that the model is sent.

    The cut is coarse; the worker cuts exactly, by tokens. It moves in large steps counted from the story's
    beginning, so that from turn to turn the text begins alike and what was computed for it still holds.
    """
    pieces = list(joined_pieces(passages))
    length = sum(map(len, pieces))
    step = max(1, max_characters // CUT_STEPS)
    drop = max(0, -(-(length - max_characters) // step) * step)
    first = 0
    while first < len(pieces) - 1 and drop > 0:
        drop -= len(pieces[first])
        first += 1
    return text_window("".join(pieces[first:]), max_characters)


def text_window(text: str, max_characters: int) -> str:
    """The last characters of `text`, `max_characters` at most, from a paragraph's or a sentence's start.

    A paragraph's start is taken when it costs no more than half of the room, else a sentence's; in a text
    without either the cut falls anywhere but inside a visible character.
    """
    if max_characters < 1:
        raise ValueError(f"max_characters must be positive, not {max_characters}")
    start = len(text) - max_characters
    if start <= 0:
        return text
    latest = start + max_characters // 2
    paragraph = text.find("\n", start - 1, latest)
    if paragraph >= 0:
        return text[paragraph + 1 :]
    # From a little before the room, so that a sentence ending exactly there counts.
    for end in _SENTENCE_END.finditer(text, max(0, start - 8), latest):
        if end.end() >= start:
            return text[end.end() :]
    while start < len(text) and _is_attached(text[start]):
        start += 1
    return text[start:]


def title_of(text: str) -> str:
    """A short title: the first sentence of the first line that shows anything, or its beginning and ……."""
    line = one_line(next((line for line in text.splitlines() if not is_blank(line)), ""))
    end = _SENTENCE_END.search(line)
    sentence = line[: end.end()] if end else line
    title = sentence.rstrip("。.") or sentence
    return title if len(title) <= TITLE_CHARACTERS else _shortened(title)


def one_line(text: str) -> str:
    """A text in one line, as a title that somebody typed stands in one: nothing else of it is changed."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", text).strip()


def joined_pieces(passages: Iterable[Passage]) -> Iterator[str]:
    """Each passage with what stands between it and the text before."""
    tail = ""
    for passage in passages:
        piece = separator(tail, passage) + passage.text
        yield piece
        tail = (tail + piece)[-_TAIL_CHARACTERS:]


def _shortened(title: str) -> str:
    """The beginning of `title`, up to a pause where there is one in its second half."""
    cut = TITLE_CHARACTERS - 1
    pause = max(title.rfind(mark, TITLE_CHARACTERS // 2, cut) for mark in "、， ,")
    if pause > 0:
        cut = pause
    while cut > 1 and _is_attached(title[cut]):
        cut -= 1
    return title[:cut] + "…"


def _goes_on(tail: str, text: str) -> bool:
    """Whether `text` finishes the sentence that `tail` left open."""
    if text[0] == _INDENT:
        return False
    shown = tail.rstrip()
    if not shown:
        return False
    last = shown[-1]
    if text[0] in _CLOSERS or last in _PAUSES or last in _PARTICLES:
        return True
    if last.isascii() and last.isalnum():
        return text[0].isascii() and text[0].islower()
    return _quote_is_open(shown) and _SENTENCE_END.fullmatch(last) is None and last not in "…―"


def _quote_is_open(tail: str) -> bool:
    line = tail.rpartition("\n")[2]
    return line.count("「") > line.count("」") or line.count("『") > line.count("』")


def _space_between(last: str, first: str) -> str:
    """A space where two words in Latin letters would run together."""
    return " " if last.isascii() and not last.isspace() and first.isascii() and first.isalnum() else ""


def _is_attached(character: str) -> bool:
    """Whether `character` belongs to the one before it (combining marks, variation selectors, joiners)."""
    return character in _JOINERS or unicodedata.category(character).startswith("M")
