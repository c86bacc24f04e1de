"""What a line at the terminal means: a passage, or a command with its argument."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from bot.domain.errors import UserError

ALIASES = {
    "continue": ("続き", "more"),
    "retry": ("やり直し",),
    "undo": ("取り消し", "戻す"),
    "redo": ("進める",),
    "candidates": ("候補",),
    "choose": ("選ぶ",),
    "branch": ("分岐",),
    "edit": ("直す", "編集"),
    "delete": ("消す", "削除"),
    "show": ("読む",),
    "tree": ("枝",),
    "memory": ("記憶",),
    "note": ("注",),
    "lore": ("設定集",),
    "window": ("見えるもの",),
    "settings": ("設定",),
    "title": ("題",),
    "new": ("新しく",),
    "list": ("一覧",),
    "open": ("開く",),
    "close": ("閉じる",),
    "export": ("書き出す",),
    "stop": ("止める",),
    "help": ("ヘルプ", "?"),
    "quit": ("終わる", "exit"),
}
"""Every command by its name, and what else it may be called."""

_NAMES = {alias: name for name, aliases in ALIASES.items() for alias in (name, *aliases)}


class NoSuchCommand(UserError):
    """No command has this name. Values: `name`."""

    key = "console.no_such_command"


class NoSuchNumber(UserError):
    """No passage, candidate or entry has this number. Values: `number`."""

    key = "console.no_such_number"


@dataclass(frozen=True, slots=True)
class TypedCommand:
    """A command as it was typed. `name` is one of `ALIASES`, or what was typed where that is none."""

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
    typed = unicodedata.normalize("NFKC", word).casefold()
    return TypedCommand(_NAMES.get(typed, typed), *argument)
