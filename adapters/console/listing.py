"""What the terminal lists and reads: branches, lore, settings, each in lines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from adapters.shared.settings_codec import shown
from bot.domain.room_settings import SETTINGS, RoomSettings
from bot.domain.story import Lore, Passage, Story
from bot.story.tree import first_words, outline

NOTHING = "-"
"""Typed instead of a text: take it away."""
_WORDS = {"yes": "on", "no": "off", "none": NOTHING, "unlimited": "0"}


def numbers(tree: Sequence[Passage]) -> dict[str, int]:
    """Each passage's number, by its id: in the order in which they were made, from 1."""
    return {passage.id: number for number, passage in enumerate(tree, start=1)}


def numbered(choices: Mapping[int, Passage], head: str | None) -> list[str]:
    """How each choice begins. `*`: the one that the story ends with."""
    return [
        f"{'*' if choices[number].id == head else ' '} [{number}] {first_words(choices[number])}"
        for number in sorted(choices)
    ]


def branches(story: Story, tree: Sequence[Passage]) -> list[str]:
    """The outline of a story. `*`: where it ends, `|`: part of it as it is read, `/`: said beside it."""
    number = numbers(tree)
    lines = []
    for line in outline(story, tree):
        mark = "*" if line.head else "/" if line.beside else "|" if line.on_path else " "
        words = first_words(line.passage) or NOTHING
        lines.append(
            f"{mark} {'  ' * line.depth}[{number[line.passage.id]}] {line.passage.author.name} {words}"
        )
    return lines


def lore(entries: Sequence[Lore]) -> list[str]:
    """The entries with their numbers."""
    return [
        f"[{number}] {'、'.join(entry.keywords)} = {entry.text}"
        + (f" ({entry.priority})" if entry.priority else "")
        for number, entry in enumerate(entries, start=1)
    ]


def changed_lore(entries: Sequence[Lore], argument: str) -> tuple[Lore, ...] | None:
    """The lore after `KEYWORDS = TEXT` (added), `NUMBER KEYWORDS = TEXT` (changed) or `NUMBER -` (removed).

    A text may end in its priority in parentheses. None where no entry has the number.
    """
    found = re.match(r"(\d{1,9})(?:\s+(.*))?$", argument, re.DOTALL)
    if found is None:
        return (*entries, _entry(argument))
    number, rest = int(found[1]), found[2] or NOTHING
    if not 1 <= number <= len(entries):
        return None
    instead = () if rest == NOTHING else (_entry(rest),)
    return (*entries[: number - 1], *instead, *entries[number:])


def _entry(text: str) -> Lore:
    keywords, _, description = text.partition("=" if "=" in text else "＝")
    description = description.strip()
    found = re.search(r"[(（](-?\d{1,9})[)）]$", description)
    priority = int(found[1]) if found else 0
    if found:
        description = description[: found.start()]
    words = tuple(word.strip() for word in re.split("[,、，]", keywords) if word.strip())
    return Lore(words, description.strip(), priority)


def settings(held: RoomSettings) -> list[str]:
    """Each setting by its name, with what holds."""
    return [f"{name} {shown(name, getattr(held, name), _word, '')}" for name in SETTINGS]


def _word(name: str) -> str:
    return _WORDS.get(name, name.rpartition(".")[2])
