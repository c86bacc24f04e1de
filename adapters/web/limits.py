"""How long each text of a page may be, so that it is counted before it is sent."""

from __future__ import annotations

from bot.core.services import Services
from bot.story.prompt import (
    KEYWORD_CHARACTERS,
    LORE_CHARACTERS,
    MEMORY_CHARACTERS,
    NOTE_CHARACTERS,
    TITLE_CHARACTERS,
)


def limits_of(services: Services) -> dict[str, int]:
    """Characters (code points) by what they are of.

    `long_text`: a passage that came with a file is longer than people may type, and is edited all the same.
    """
    return {
        "text": services.limits.max_characters,
        "long_text": services.limits.max_characters + services.limits.max_file_characters,
        "title": TITLE_CHARACTERS,
        "memory": MEMORY_CHARACTERS,
        "note": NOTE_CHARACTERS,
        "lore": LORE_CHARACTERS,
        "keyword": KEYWORD_CHARACTERS,
    }
