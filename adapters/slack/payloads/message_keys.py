"""A mark in a text that nobody sees: which key it was posted for.

A stream has no metadata before it ends, and Slack may keep its buttons until then: the text is what is there
from its first moment.
"""

from __future__ import annotations

from hashlib import blake2s

_BYTES = 6
_DIGITS = "\u200b\u200c\u2060\u2063"
"""Characters without a width, each two bits."""


def mark(key: str) -> str:
    """The mark of a key: 24 characters without a width."""
    digest = blake2s(key.encode(), digest_size=_BYTES).digest()
    return "".join(_DIGITS[byte >> shift & 3] for byte in digest for shift in (6, 4, 2, 0))


def is_marked(text: str, key: str) -> bool:
    """Whether a text carries the mark of a key."""
    return mark(key) in text
