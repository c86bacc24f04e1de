"""Words that mean something in a story's thread, where Slack has no slash commands."""

from __future__ import annotations

import unicodedata
from enum import StrEnum


class ThreadCommand(StrEnum):
    """What a message that is nothing but such a word asks for."""

    STOP = "stop"
    MUTE = "mute"
    UNMUTE = "unmute"
    CONTINUE = "go_on"
    EXPORT = "export"
    EXPORT_MARKDOWN = "export_markdown"
    SETTINGS = "settings"
    HELP = "help"


_WORDS = {
    ThreadCommand.STOP: ("stop", "止めて", "とめて", "やめて", "ストップ", "停止"),
    ThreadCommand.MUTE: ("mute", "静かに", "静かにして", "しずかに", "ミュート"),
    ThreadCommand.UNMUTE: ("unmute", "聞いて", "きいて", "ミュート解除"),
    ThreadCommand.CONTINUE: ("continue", "続き", "続けて", "つづき", "つづけて"),
    ThreadCommand.EXPORT: ("export", "書き出し", "書き出して", "エクスポート"),
    ThreadCommand.EXPORT_MARKDOWN: (
        "export md",
        "export markdown",
        "書き出し md",
        "書き出し markdown",
        "マークダウン",
    ),
    ThreadCommand.SETTINGS: ("settings", "設定"),
    ThreadCommand.HELP: ("help", "ヘルプ", "使い方"),
}
_MEANINGS = {word: meaning for meaning, words in _WORDS.items() for word in words}


def parse_thread_command(text: str) -> ThreadCommand | None:
    """What a text asks for, if it is nothing but one of the words."""
    typed = unicodedata.normalize("NFKC", text).strip().rstrip("。.!").strip().casefold()
    return _MEANINGS.get(typed)
