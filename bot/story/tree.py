"""A story's tree as an outline: every passage before what follows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.story import Passage, Story
from bot.story.joining import passage_is_out_of_character

FIRST_WORDS = 40
"""Characters of a passage that stand for it."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of the outline. `depth`: how many forks lie before it.

    `on_path`: it belongs to the story as it is read, or did before it was deleted. `head`: where it ends.
    `beside`: it only says something beside the story.
    """

    passage: Passage
    depth: int
    on_path: bool
    head: bool
    beside: bool = False


def outline(story: Story, tree: Sequence[Passage]) -> list[Branch]:
    """The passages of a story, each before those that follow it; only where it forks a branch lies deeper.

    A deleted passage stays as long as something follows it.
    """
    children: dict[str | None, list[Passage]] = {}
    for passage in tree:
        children.setdefault(passage.parent_id, []).append(passage)
    path = _path(story, tree)
    lines: list[Branch] = []
    waiting = _deeper(children.get(None, []), 0)
    while waiting:
        passage, depth = waiting.pop()
        after = children.get(passage.id, [])
        if passage.deleted and not after:
            continue
        told = {"on_path": passage.id in path, "head": passage.id == story.head}
        lines.append(Branch(passage, depth, **told, beside=passage_is_out_of_character(story, passage)))
        waiting += _deeper(after, depth)
    return lines


def first_words(passage: Passage) -> str:
    """The beginning of a passage in one line; empty where it was deleted."""
    words = " ".join(passage.text.split())
    return words if len(words) <= FIRST_WORDS else words[:FIRST_WORDS] + "…"


def _deeper(passages: Sequence[Passage], depth: int) -> list[tuple[Passage, int]]:
    return [(passage, depth + (len(passages) > 1)) for passage in reversed(passages)]


def _path(story: Story, tree: Sequence[Passage]) -> set[str]:
    """The ids from the story's head back to its beginning, deleted passages among them."""
    parents = {passage.id: passage.parent_id for passage in tree}
    path: set[str] = set()
    at = story.head
    while at is not None and at not in path:
        path.add(at)
        at = parents.get(at)
    return path
