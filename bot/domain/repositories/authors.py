"""People."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.domain.chat import Author
from bot.domain.story import Passage


@dataclass(frozen=True, slots=True)
class ForgetResult:
    """What forgetting a person did: how many passages lost their words, and which read again as before."""

    passages: int
    restored: tuple[Passage, ...] = ()


class Authors(Protocol):
    """What is kept of people in all stories."""

    async def forget(self, author: Author) -> ForgetResult:
        """Take an author's words and name out of every story, and out of what the replies are to show."""
        ...
