"""Pure: a story as a text to keep, the same from every door: title, what was told, who wrote.

What people said beside the story is left out. The passages stand as they were written: in plain text to the
character, in Markdown (CommonMark) as it is read once it was rendered.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping

from bot.domain.errors import UnknownFormat
from bot.domain.story import Story
from bot.story.joining import in_character_passages, is_blank, text_of

FILE_NAME_CHARACTERS = 60

_FORBIDDEN = frozenset('\\/:*?"<>|')
"""What some file systems read as their own."""
_SPECIAL = re.compile(r"[\\`*_\[\]>#|~$]")
_ENTITIES = {"&": "&amp;", "<": "&lt;"}
"""Some readers of Markdown take no backslash before these."""
_BEGINNING = re.compile(r"^(?:[-+=:]|\d{1,9}(?=[.)]))")
"""Begins a list, an underline or a definition, where a line begins with it."""
_LINE_END = re.compile(r"\r\n?|\n")
_EMPTY_LINE = "&nbsp;"
_LINE_BREAK = "  \n"
_RULE = "---"


def export_text(story: Story, form: str = "txt") -> str:
    """The story as `txt` or `md`, ending in a newline. Raises UnknownFormat."""
    written = _FORMATS.get(form)
    if written is None:
        raise UnknownFormat(name=form, known=", ".join(FORMATS))
    return written(story)


def file_name(story: Story, form: str = "txt") -> str:
    """What the file of a story is called: its title, as far as every file system takes it."""
    kept = "".join(_in_a_name(character) for character in story.title)
    return (kept[:FILE_NAME_CHARACTERS].strip("._ \u3000") or "story") + f".{form}"


def _in_a_name(character: str) -> str:
    taken = character in _FORBIDDEN or unicodedata.category(character).startswith("C")
    return "_" if taken else character


def _as_text(story: Story) -> str:
    parts = [story.title, text_of(in_character_passages(story)), _writers(story)]
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def _as_markdown(story: Story) -> str:
    title = f"# {_escaped(story.title)}" if story.title else ""
    told, writers = text_of(in_character_passages(story)), _writers(story)
    parts = [title, *_paragraphs(told), *([_RULE, _line(writers)] if writers else [])]
    return "\n\n".join(filter(None, parts)) + "\n"


_FORMATS: Mapping[str, Callable[[Story], str]] = {"txt": _as_text, "md": _as_markdown}
FORMATS = tuple(_FORMATS)


def _writers(story: Story) -> str:
    """Who wrote what is told, each once, the model last."""
    told = sorted(in_character_passages(story), key=lambda one: one.by_model)
    return "、".join(filter(None, dict.fromkeys(one.author.name for one in told)))


def _paragraphs(text: str) -> list[str]:
    """Lines that follow each other are broken inside a paragraph; each blank line more is one of its own."""
    paragraphs: list[str] = []
    lines: list[str] = []
    blank = 0
    for line in _LINE_END.split(text.strip("\n")):
        if is_blank(line):
            blank += 1
            continue
        if blank and lines:
            paragraphs += [_LINE_BREAK.join(lines), *[_EMPTY_LINE] * (blank - 1)]
            lines = []
        blank = 0
        lines.append(_line(line))
    return [*paragraphs, _LINE_BREAK.join(lines)]


def _line(line: str) -> str:
    """A line so that nothing of it is read as Markdown's own, and no space at its beginning is lost."""
    told = line.lstrip()
    indent = "".join(map(_space, line[: len(line) - len(told)]))
    return indent + _BEGINNING.sub(_apart, _escaped(told.rstrip()))


def _apart(found: re.Match[str]) -> str:
    return found[0] + "\\" if found[0].isdecimal() else "\\" + found[0]


def _escaped(text: str) -> str:
    kept = _SPECIAL.sub(r"\\\g<0>", re.sub("[&<]", lambda found: _ENTITIES[found[0]], text))
    return re.sub("(?<= ) ", "&nbsp;", kept)


def _space(character: str) -> str:
    """A space that neither Markdown nor a browser takes away."""
    return "&nbsp;" if character == " " else "&emsp;" if character == "\t" else f"&#{ord(character)};"
