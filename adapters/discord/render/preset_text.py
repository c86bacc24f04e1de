"""A preset of a place's own, as its form shows it: every setting on a line of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from adapters.shared.preset_text import NAMES, setting_line, setting_of
from bot.domain.sampling import Sampling

MAX_NAME = 50
"""As the rules take it."""


def preset_lines(settings: Mapping[str, float]) -> str:
    """Every setting of a preset; what is not among `settings` is as in 標準."""
    whole = {**asdict(Sampling()), **settings}
    return "\n".join(setting_line(name, whole[name]) for name in NAMES)


def settings_of(lines: str) -> dict[str, float]:
    """The settings that somebody wrote. Raises BadRule."""
    return dict(setting_of(line) for line in map(str.strip, lines.splitlines()) if line)
