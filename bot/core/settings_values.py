"""What each setting of a room may be: checked before it is kept (JSON), and read back."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from bot.domain.errors import BadRule, UnknownLength, UnknownPreset, UnknownRule
from bot.domain.jobs import MAX_CHARACTERS, MIN_CHARACTERS, Length
from bot.domain.room_settings import MAX_ENTRY_CHARACTERS, SETTINGS, RoomSettings, Setting, SettingKind
from bot.domain.sampling import PRESET_NAMES, PRESETS, Sampling
from bot.wire.sampling import sampling_fields

LENGTH_NAMES = {"短め": Length.SHORT, "ふつう": Length.MEDIUM, "長め": Length.LONG}
"""What a Japanese reader is shown for a length."""
_TYPED_LENGTHS = {
    **LENGTH_NAMES,
    **dict.fromkeys(("短い", "短く", "みじかめ"), Length.SHORT),
    **dict.fromkeys(("普通", "中くらい"), Length.MEDIUM),
    **dict.fromkeys(("長い", "長く", "ながめ"), Length.LONG),
}
_SHOWN = 20
"""Characters of something too long that are named."""
_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "max_length": "≤", "min_length": "≥"}

_KEPT_FIRST = ("temperature", "top_p", "top_k", "min_p", "typical_p")
"""The order in which presets are kept, and shown in Slack, begins with these."""
_OWN_FIELDS = sampling_fields("preset")

if TYPE_CHECKING:
    OwnSampling = BaseModel
else:
    OwnSampling = create_model(
        "OwnSampling",
        __config__=ConfigDict(extra="forbid", allow_inf_nan=False),
        **{name: _OWN_FIELDS[name] for name in dict.fromkeys((*_KEPT_FIRST, *_OWN_FIELDS))},
    )
"""A preset of somebody's own. What is left out is as in 標準."""

_Entry = Annotated[str, Field(min_length=1, max_length=MAX_ENTRY_CHARACTERS)]
_Scope = Annotated[str, Field(pattern=r"^[a-z]+/.+$", max_length=100)]


def _type_of(setting: Setting) -> Any:
    """What pydantic makes of a value; those of lengths and presets are names that people type."""
    many = Field(max_length=setting.most)
    match setting.kind:
        case SettingKind.NUMBER:
            return Annotated[int, Field(ge=setting.least, le=setting.most)]
        case SettingKind.WORDS:
            return Annotated[tuple[_Entry, ...], many]
        case SettingKind.SCOPES:
            return Annotated[tuple[_Scope, ...], many]
        case SettingKind.PRESETS:
            return Annotated[dict[_Entry, OwnSampling], many]
    return type(setting.default)


_TYPES: Mapping[str, TypeAdapter[Any]] = {
    setting.name: TypeAdapter(_type_of(setting)) for setting in SETTINGS.values()
}


def check_changes(changes: Mapping[str, object], settings: RoomSettings) -> dict[str, object]:
    """Changes of these settings by their names, as they are kept (JSON); None stays None.

    Raises:
        UnknownRule, BadRule
    """
    own = changes.get("presets")
    if own is not None:  # the default may be one of those that come with it
        settings = replace(
            settings, presets=(*settings.presets, *_read("presets", _kept("presets", own, settings)))
        )
    return {name: None if value is None else _kept(name, value, settings) for name, value in changes.items()}


def read_layer(layer: Mapping[str, object]) -> dict[str, Any]:
    """What was kept at one place; what of it this version cannot read is left out."""
    held: dict[str, Any] = {}
    for name in layer.keys() & SETTINGS.keys():
        with suppress(ValidationError, UnknownLength):
            held[name] = _read(name, layer[name])
    return held


def preset_named(name: str, settings: RoomSettings, locale: str) -> str:
    """A preset's own name, by what somebody typed. Raises UnknownPreset."""
    typed = _folded(name)
    own = {_folded(each): each for each, _ in settings.presets}
    preset = own.get(typed) or PRESET_NAMES.get(typed, typed)
    if preset in PRESETS or typed in own:
        return preset
    known = [*own.values(), *(PRESET_NAMES if locale == "ja" else PRESETS)]
    raise UnknownPreset(name=name, known=_listed(known, locale))


def length_named(name: object, locale: str = "en") -> Length | int:
    """A length by its name in either language, or as a number of characters. Raises UnknownLength."""
    typed = _folded(str(name)).removesuffix("字").removesuffix("characters").strip()
    if typed in set(Length):
        return Length(typed)
    if typed in _TYPED_LENGTHS:
        return _TYPED_LENGTHS[typed]
    digits = typed.isascii() and typed.isdigit() and len(typed) <= len(str(MAX_CHARACTERS))
    if digits and MIN_CHARACTERS <= int(typed) <= MAX_CHARACTERS:
        return int(typed)
    known = [*(LENGTH_NAMES if locale == "ja" else Length), f"{MIN_CHARACTERS}–{MAX_CHARACTERS}"]
    raise UnknownLength(name=name, known=_listed(known, locale))


def _kept(name: str, value: object, settings: RoomSettings) -> object:
    if name not in SETTINGS:
        raise UnknownRule(name=name, known=", ".join(SETTINGS))
    match SETTINGS[name].kind:
        case SettingKind.LENGTH:
            return _or_bad(name, value, lambda: length_named(value))
        case SettingKind.PRESET:
            return _or_bad(name, value, lambda: preset_named(str(value), settings, "en"))
    try:
        return _TYPES[name].dump_python(_TYPES[name].validate_python(value), mode="json")
    except ValidationError as error:
        known = _meaning(SETTINGS[name]) or _bound(error)
        raise BadRule(name=name, value=_refused(error), known=known) from None


def _read(name: str, value: Any) -> Any:
    match SETTINGS[name].kind:
        case SettingKind.LENGTH:
            return length_named(value)
        case SettingKind.PRESET:
            return str(value)
    read = _TYPES[name].validate_python(value)
    if SETTINGS[name].kind is SettingKind.PRESETS:
        return tuple((each, Sampling(**own.model_dump())) for each, own in read.items())
    return read


def _meaning(setting: Setting) -> str:
    """What a setting may be, in signs that are read in any language; of presets pydantic knows more."""
    match setting.kind:
        case SettingKind.NUMBER:
            return f"{setting.least}–{setting.most}"
        case SettingKind.SWITCH:
            return "はい / いいえ, yes / no"
        case SettingKind.WORDS:
            return f"≤ {setting.most} × ≤ {MAX_ENTRY_CHARACTERS}"
        case SettingKind.SCOPES:
            return "user/1, role/5, channel/2"
    return ", ".join(setting.choices)


def _refused(error: ValidationError) -> object:
    """The first thing that is wrong, where it can be shown."""
    found = error.errors(include_url=False)[0]["input"]
    return (
        _short(found) if isinstance(found, str) else found if isinstance(found, int | float | bool) else "…"
    )


def _short(value: str) -> str:
    """What was typed, as it is named in a complaint: of what is too long the beginning and how long it is."""
    return value if len(value) <= MAX_ENTRY_CHARACTERS else f"{value[:_SHOWN]}… ({len(value)})"


def _bound(error: ValidationError) -> str:
    """What the first thing that is wrong would have to be, in signs where there are some."""
    first = error.errors(include_url=False)[0]
    bounds = [f"{_SIGNS[key]} {value:g}" for key, value in first.get("ctx", {}).items() if key in _SIGNS]
    return ": ".join([".".join(map(str, first["loc"])), *(bounds or [first["msg"]])])


def _or_bad(name: str, value: object, read: Callable[[], object]) -> object:
    try:
        return read()
    except (UnknownLength, UnknownPreset) as error:
        raise BadRule(name=name, value=value, known=error.values["known"]) from None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _listed(names: Iterable[object], locale: str) -> str:
    return ("、" if locale == "ja" else ", ").join(map(str, names))
