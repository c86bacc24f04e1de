"""What a typed line means."""

from __future__ import annotations

import pytest

from adapters.console.commands import TypedCommand, command_of
from adapters.console.listing import changed_lore
from bot.domain.story import Lore


@pytest.mark.parametrize("line", ["それは夜。", "　字下げ。", "//見えない行", "／／見えない行", "（心の声）"])
def test_lines_that_are_passages(line: str) -> None:
    """Everything without a slash, and what two slashes hide from the model."""
    assert command_of(line) is None


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("", TypedCommand("continue")),
        ("　 ", TypedCommand("continue")),
        ("/undo", TypedCommand("undo")),
        ("/取り消し", TypedCommand("取り消し")),
        ("／候補　３", TypedCommand("候補", "３")),
        ("/edit 2  二つ 目", TypedCommand("edit", "2  二つ 目")),
        ("/EXIT", TypedCommand("exit")),
        ("/?", TypedCommand("?")),
        ("/nonsense x", TypedCommand("nonsense", "x")),
    ],
)
def test_lines_that_are_commands(line: str, command: TypedCommand) -> None:
    """By whatever name, with a slash of either width."""
    assert command == command_of(line)


def test_lore_is_added_changed_and_removed() -> None:
    """An entry is its keywords, its text and, in parentheses, its priority."""
    one = Lore(("夜", "晩"), "夜は白梅軒。", 2)
    assert changed_lore((), "夜、晩 = 夜は白梅軒。(2)") == (one,)
    assert changed_lore((one,), "1 夜＝暗い。") == (Lore(("夜",), "暗い。"),)
    assert changed_lore((one,), "1 -") == ()
    assert changed_lore((one,), "2 -") is None
