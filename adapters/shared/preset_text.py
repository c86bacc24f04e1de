"""Presets as text, as forms show them and people write them: a name, and below it one setting a line."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from bot.domain.errors import BadRule
from bot.domain.sampling import SAMPLING_NAMES, Sampling

RULE = "presets"
EXAMPLE = "temperature = 0.9"
_STANDARD = asdict(Sampling())


def whole_preset(settings: Mapping[str, float]) -> str:
    """Every setting of a preset, one a line; what is not among `settings` is as in 標準."""
    return "\n".join(_lines({**_STANDARD, **settings}, SAMPLING_NAMES))


def preset_of(lines: str) -> dict[str, float]:
    """The settings that somebody wrote for one preset. Raises BadRule: see `setting_of`."""
    return dict(setting_of(line) for line in map(str.strip, lines.splitlines()) if line)


def preset_lines(presets: object) -> str:
    """Presets as they are kept (JSON), each with the settings in which it differs from 標準."""
    kept = presets if isinstance(presets, Mapping) else {}
    return "\n\n".join(
        "\n".join([name, *_lines(each, [one for one in each if each[one] != _STANDARD.get(one)])])
        for name, each in kept.items()
    )


def presets_of(lines: str) -> dict[str, dict[str, float]]:
    """The presets that somebody wrote, by their names; whether they may be so, the rules say.

    Raises:
        BadRule: a line is no setting, or belongs to no preset.
    """
    found: dict[str, dict[str, float]] = {}
    settings: dict[str, float] | None = None
    for line in filter(None, map(str.strip, lines.splitlines())):
        if not any(sign in line for sign in "=＝:："):
            settings = found.setdefault(line, {})
        elif settings is None:
            raise BadRule(name=RULE, value=line, known=EXAMPLE)
        else:
            settings.update([setting_of(line)])
    return found


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


def _lines(settings: Mapping[str, float], names: Iterable[str]) -> list[str]:
    return [f"{name} = {settings[name]:g}" for name in names]
