"""Which language the terminal speaks."""

from __future__ import annotations

from collections.abc import Mapping

VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
"""In the order in which POSIX reads them."""


def terminal_locale(environ: Mapping[str, str], wanted: str = "auto") -> str:
    """`ja` or `en`: what is wanted, else what the environment names, else English."""
    if wanted != "auto":
        return wanted
    named = next((environ[name] for name in VARIABLES if environ.get(name)), "")
    return "ja" if named.lower().startswith("ja") else "en"
