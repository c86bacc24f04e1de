"""What a session writes: the story where stories go, and beside it all that is said about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TextIO

from bot.domain.ports import Translate


@dataclass(frozen=True, slots=True)
class SessionOutput:
    """Writes in one language. `story`: where a look at the story goes; `notices`: everything else."""

    story: TextIO
    notices: TextIO
    translate: Translate
    locale: str

    def print_story(self, text: str) -> None:
        """A text of the story."""
        self.story.write(text if text.endswith("\n") else text + "\n")
        self.story.flush()

    def print_lines(self, *lines: str) -> None:
        """Lines beside the story."""
        for line in lines:
            print(line, file=self.notices, flush=True)

    def print_sentence(self, key: str, **values: object) -> None:
        """A sentence beside the story."""
        self.print_lines(self.sentence(key, **values))

    def sentence(self, key: str, **values: object) -> str:
        """A sentence in the person's language."""
        return self.translate(key, self.locale, **values)
