"""Keeps tokens and passwords out of the log, wherever they stand in a line."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "***"

_SLACK = re.compile(r"\bx(?:ox[a-z]|app)-[A-Za-z0-9-]{6,}")
_DISCORD = re.compile(r"\b[\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}")
_AUTHORIZATION = re.compile(r"\b(Bot|Bearer)\s+[A-Za-z0-9._~+/=-]{20,}")
_URL_PASSWORD = re.compile(r"(?<=://)([^\s:/@]*):[^\s/@]+@")


class Redactor:
    """Hides known secrets and whatever looks like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Longest first: one secret may be the beginning of another.
        self._secrets = sorted((secret for secret in secrets if secret), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """`text` without them."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        text = _SLACK.sub(HIDDEN, text)
        text = _DISCORD.sub(HIDDEN, text)
        text = _AUTHORIZATION.sub(rf"\1 {HIDDEN}", text)
        return _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text)
