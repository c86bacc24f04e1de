"""What a line at the terminal means: a passage, or a command with its argument."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.domain.errors import UserError


class NoSuchCommand(UserError):
    """No command has this name. Values: `name`."""

    key = "console.no_such_command"


class NoSuchNumber(UserError):
    """No passage, candidate or entry has this number. Values: `number`."""

    key = "console.no_such_number"


@dataclass(frozen=True, slots=True)
class Command:
    """What can be done: its names, the first its own, and what takes the argument that was typed."""

    names: tuple[str, ...]
    run: Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class TypedCommand:
    """A command as it was typed: a name of one, or of none."""

    name: str
    argument: str = ""


def command_of(line: str) -> TypedCommand | None:
    """The command in a line, None where it is a passage of the story.

    An empty line asks for the continuation. Two slashes begin a line that the model never sees; that is a
    passage. A slash may be full-width, as a Japanese keyboard has it.
    """
    if not line.strip():
        return TypedCommand("continue")
    if line[0] not in "/／" or line[1:2] in ("/", "／"):
        return None
    # A full-width space parts them as well; what stands in the argument is left alone.
    word, *argument = re.split("[ \u3000]+", line[1:].strip(), maxsplit=1)
    return TypedCommand(unicodedata.normalize("NFKC", word).casefold(), *argument)
