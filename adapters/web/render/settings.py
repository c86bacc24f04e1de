"""A room's settings, as the notebook shows and sends them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields

from adapters.shared.settings_codec import from_form, to_form
from adapters.web.payloads import BadRequest, clean_line
from bot.domain.room_settings import SETTINGS, RoomSettings, Setting, SettingKind
from bot.domain.sampling import PRESET_NAMES, PRESETS, Sampling

MAX_PRESET_NAME = 30
_WORDS = {"candidates": "several_count", "presets": "own_preset"}
"""What the page calls otherwise than by its name."""
_WORDS_BESIDE = {"length": ("length_characters", "characters"), "banned": ("per_line",)}


def _place(setting: Setting) -> int:
    """What is chosen stands before long texts, and those before limits."""
    return 1 if setting.is_list else 2 * setting.zero_is_no_limit


_FIELDS = sorted(
    (each for each in SETTINGS.values() if each.in_web and each.kind is not SettingKind.PRESETS), key=_place
)
"""In the order of the form."""


def word_of_setting(name: str) -> str:
    """The word by which the page calls a setting."""
    return _WORDS.get(name, name)


def form_words() -> Iterator[str]:
    """The words of the form's fields and of what is chosen in them; presets have theirs already."""
    for setting in _FIELDS:
        yield word_of_setting(setting.name)
        if setting.kind in {SettingKind.LENGTH, SettingKind.CHOICE}:
            yield from (f"{setting.name}_{each}" for each in setting.choices)
        yield from _WORDS_BESIDE.get(setting.name, ())


def settings_payload(settings: RoomSettings) -> dict[str, object]:
    """The settings that a room can have here, its own presets, and what each preset means."""
    own = dict(settings.presets)
    return {
        **{each.name: _field_value(each, settings) for each in _FIELDS},
        "form": [_field(each) for each in _FIELDS],
        "presets": {name: asdict(sampling) for name, sampling in own.items()},
        "builtin": {name: asdict(PRESETS[name]) for name in PRESET_NAMES.values()},
        "fields": [field.name for field in fields(Sampling)],
        "whole": [field.name for field in fields(Sampling) if field.type == "int"],
    }


def changes_of(payload: Mapping[str, object]) -> dict[str, object]:
    """What the notebook wants changed, by the settings' names; whether it may be is for the rules to say.

    Raises:
        BadRequest: a value is of another kind than our page sends.
    """
    given = payload.get("rules")
    if not isinstance(given, dict):
        raise BadRequest("rules")
    changes: dict[str, object] = {}
    for name, value in given.items():
        if name == "presets":
            changes[name] = _presets(value)
        elif isinstance(value, str | int | float | bool):
            changes[str(name)] = from_form(str(name), value)
        else:
            raise BadRequest(str(name))
    return changes


def seen_presets_of(payload: Mapping[str, object]) -> dict[str, dict[str, float]] | None:
    """The presets as the notebook showed them before they were changed. Raises BadRequest."""
    seen = payload.get("seen_presets")
    return None if seen is None else _presets(seen)


def _field(setting: Setting) -> dict[str, object]:
    """What the notebook's script makes a field of."""
    return {
        "name": setting.name,
        "kind": setting.kind,
        "word": word_of_setting(setting.name),
        "choices": setting.choices,
        "least": setting.least,
        "most": setting.most,
    }


def _field_value(setting: Setting, settings: RoomSettings) -> object:
    value = getattr(settings, setting.name)
    return to_form(value) if setting.is_list else value


def _presets(value: object) -> dict[str, dict[str, float]]:
    if not isinstance(value, dict):
        raise BadRequest("presets")
    return {clean_line(str(name), MAX_PRESET_NAME): _sampling(each) for name, each in value.items()}


def _sampling(value: object) -> dict[str, float]:
    if not isinstance(value, dict) or not all(isinstance(each, int | float) for each in value.values()):
        raise BadRequest("presets")
    return {str(name): each for name, each in value.items()}
