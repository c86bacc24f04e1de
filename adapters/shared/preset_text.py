"""A preset's settings, one a line, as forms show them and people write them: `temperature = 0.9`."""

from __future__ import annotations

import unicodedata

from bot.domain.errors import BadRule
from bot.domain.sampling import SAMPLING_NAMES

RULE = "presets"
EXAMPLE = "temperature = 0.9"


def setting_line(name: str, value: float) -> str:
    """A setting as it is shown."""
    return f"{name} = {value:g}"


def setting_of(line: str) -> tuple[str, float]:
    """The setting that somebody wrote, in full-width characters too; whether it may be so, the rules say.

    Raises:
        BadRule: it is none, is no number, or there is none of that name.
    """
    name, sets, value = unicodedata.normalize("NFKC", line).replace(":", "=").partition("=")
    name = name.strip().casefold()
    if not sets:
        raise BadRule(name=RULE, value=line, known=EXAMPLE)
    if name not in SAMPLING_NAMES:
        raise BadRule(name=RULE, value=line, known=", ".join(SAMPLING_NAMES))
    try:
        return name, float(value)
    except ValueError:
        raise BadRule(name=RULE, value=line, known=EXAMPLE) from None
