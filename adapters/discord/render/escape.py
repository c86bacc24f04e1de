"""Text that Discord must show literally: Markdown, mentions and links of the model's mean nothing.

A backslash makes Discord show the ASCII punctuation mark after it as it is. Japanese has none of these marks
(its ＊, ＿ and ～ are other characters), so a Japanese text passes unchanged.
"""

from __future__ import annotations

import re

_MARKS = re.compile(
    r"""
      [\\*_~`|]                                   # emphasis, strike-through, code, spoilers
    | (?m:^)[ \t]*(?=[>#+-])                      # quotes, headings, lists: the mark follows
    | (?<=[0-9])\.(?=[ \t])                       # numbered lists
    | \](?=\()                                    # links with a text
    | <(?=[@\#:/]|a:|t:|id:|https?:)              # mentions, emoji, timestamps
    | @(?=everyone|here)
    | :(?=//)                                     # links
    | :(?=[A-Za-z0-9_+-]+:)                       # emoji by name
    """,
    re.VERBOSE,
)


def escape(text: str) -> str:
    """`text` so that Discord shows it as it is written."""
    return _MARKS.sub(_behind_backslash, text)


def _behind_backslash(mark: re.Match[str]) -> str:
    found = mark.group()
    return f"{found}\\" if not found.strip() else f"\\{found}"
