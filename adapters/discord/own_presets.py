"""Presets of a place's own, as their form shows them: one setting a line, `temperature = 0.9`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, fields

from adapters.discord.rule_values import PRESETS
from bot.errors import BadRule
from bot.sampling import Sampling

NAMES = tuple(field.name for field in fields(Sampling))
MAX_NAME = 50
"""As the rules take it."""
_EXAMPLE = "temperature = 0.9"
_SETTING = re.compile(r"(?P<name>[^=:]+)[=:](?P<value>[^=:]+)")


def preset_lines(settings: Mapping[str, object]) -> str:
    """Every setting of a preset; what is not among `settings` is as in 標準."""
    whole = {**asdict(Sampling()), **settings}
    return "\n".join(f"{name} = {whole[name]:g}" for name in NAMES)


def settings_of(lines: str) -> dict[str, float]:
    """The settings that somebody wrote, in full-width characters too.

    Raises:
        BadRule: a line is no setting, or names one that there is not.
    """
    return dict(_setting(line) for line in map(str.strip, lines.splitlines()) if line)


def _setting(line: str) -> tuple[str, float]:
    found = _SETTING.fullmatch(unicodedata.normalize("NFKC", line))
    if found is None:
        raise BadRule(name=PRESETS, value=line, known=_EXAMPLE)
    name = found["name"].strip().casefold()
    if name not in NAMES:
        raise BadRule(name=PRESETS, value=line, known=", ".join(NAMES))
    try:
        return name, float(found["value"])
    except ValueError:
        raise BadRule(name=PRESETS, value=line, known=_EXAMPLE) from None
