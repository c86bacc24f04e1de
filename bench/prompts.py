"""Prompts of a wanted length, each with a beginning of its own: nothing of it is in the worker's cache."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

PASSAGE = Path(__file__).with_name("passage.txt")
"""A story written for this bench, so that no model has been trained on it."""

PARAGRAPH = 4
"""Sentences a paragraph."""

Count = Callable[[str], Awaitable[int]]


def sentences(text: str) -> list[str]:
    """A text's sentences, each with its full stop."""
    return [f"{part}。" for line in text.splitlines() for part in line.split("。") if len(part) > 8]


class Prompts:
    """Makes prompts out of shuffled sentences.

    Args:
        counted: tells how many tokens the model reads of a text.
        text: what to take the sentences of.
        first: the number of the first prompt; prompts of one number are the same.
    """

    def __init__(self, counted: Count, text: str, first: int = 1) -> None:
        self._counted = counted
        self._sentences = sentences(text)
        self._numbers = count(first)

    async def fresh(self, tokens: int) -> str:
        """A prompt of `tokens` tokens, or a few less where they are cut between characters."""
        number = next(self._numbers)
        return await self.cut(f"{number}、{self._shuffled(number, 3 * tokens + 8)}", tokens)

    async def cut(self, text: str, tokens: int) -> str:
        """The longest beginning of a text that has at most `tokens` tokens."""
        low, high = 1, min(len(text), 4 * tokens)
        while low < high:
            middle = (low + high + 1) // 2
            if await self._counted(text[:middle]) <= tokens:
                low = middle
            else:
                high = middle - 1
        return text[:low]

    def _shuffled(self, number: int, characters: int) -> str:
        chosen = random.Random(number)  # noqa: S311 - the same prompts every time
        text, told = "", 0
        while len(text) < characters:
            text += chosen.choice(self._sentences)
            told += 1
            if told % PARAGRAPH == 0:
                text += "\n"
        return text
