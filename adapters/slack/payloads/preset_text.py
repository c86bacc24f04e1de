"""A channel's own presets as their field shows them: a name, and below it one setting a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from adapters.shared.preset_text import EXAMPLE, RULE, setting_line, setting_of
from bot.domain.errors import BadRule
from bot.domain.sampling import Sampling

_STANDARD = asdict(Sampling())


def preset_lines(presets: object) -> str:
    """Presets as they are kept (JSON), each with the settings in which it differs from 標準."""
    kept = presets if isinstance(presets, Mapping) else {}
    return "\n\n".join("\n".join([name, *_settings(each)]) for name, each in kept.items())


def presets_of(lines: str) -> dict[str, dict[str, float]]:
    """The presets that somebody wrote; whether they may be so, the rules say.

    Raises:
        BadRule: a line is no setting, or belongs to no preset.
    """
    found: dict[str, dict[str, float]] = {}
    settings: dict[str, float] | None = None
    for line in filter(None, map(str.strip, lines.splitlines())):
        if not _sets(line):
            settings = found.setdefault(line, {})
        elif settings is None:
            raise BadRule(name=RULE, value=line, known=EXAMPLE)
        else:
            name, value = setting_of(line)
            settings[name] = value
    return found


def _settings(settings: Mapping[str, float]) -> list[str]:
    return [setting_line(name, value) for name, value in settings.items() if value != _STANDARD.get(name)]


def _sets(line: str) -> bool:
    return any(sign in line for sign in "=＝:：")
