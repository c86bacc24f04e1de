"""A room's rules, as the notebook shows and sends them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields

from adapters.shared.settings_codec import from_form, shown_lines
from adapters.web.payloads import BadRequest, clean_line
from bot.domain.jobs import Length
from bot.domain.room_settings import Filter, RoomSettings
from bot.domain.sampling import PRESET_NAMES, PRESETS, Sampling

MAX_PRESET_NAME = 30

_NUMBERS = ("candidates", "daily_per_person", "daily_in_all")


def rules_payload(rules: RoomSettings) -> dict[str, object]:
    """The rules that a room can set here, its own presets, and what each preset means."""
    own = dict(rules.presets)
    return {
        "preset": rules.preset,
        "length": rules.length,
        "filter": rules.filter.value,
        "filter_people": rules.filter_people,
        "parentheses_aside": rules.parentheses_aside,
        **{name: shown_lines(getattr(rules, name)) for name in ("words", "banned")},
        **{name: getattr(rules, name) for name in _NUMBERS},
        "presets": {name: asdict(sampling) for name, sampling in own.items()},
        "builtin": {name: asdict(PRESETS[name]) for name in PRESET_NAMES.values()},
        "fields": [field.name for field in fields(Sampling)],
        "filters": [each.value for each in Filter],
        "lengths": [each.value for each in Length],
    }


def changes_of(payload: Mapping[str, object]) -> dict[str, object]:
    """What the notebook wants changed, by the rules' names; whether it may be is for the rules to say.

    Raises:
        BadRequest: a value is of another kind than our page sends.
    """
    rules = payload.get("rules")
    if not isinstance(rules, dict):
        raise BadRequest("rules")
    changes: dict[str, object] = {}
    for name, value in rules.items():
        if name == "presets":
            changes[name] = _presets(value)
        elif isinstance(value, str | int | float | bool):
            changes[str(name)] = from_form(str(name), value)
        else:
            raise BadRequest(str(name))
    return changes


def _presets(value: object) -> dict[str, dict[str, float]]:
    if not isinstance(value, dict):
        raise BadRequest("presets")
    return {clean_line(str(name), MAX_PRESET_NAME): _sampling(each) for name, each in value.items()}


def _sampling(value: object) -> dict[str, float]:
    if not isinstance(value, dict) or not all(isinstance(each, int | float) for each in value.values()):
        raise BadRequest("presets")
    return {str(name): each for name, each in value.items()}
