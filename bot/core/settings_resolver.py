"""What holds in a room: read from what was set around it, and checked before it is set."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from bot.core.permissions import require_permission
from bot.domain.chat import Author, Room
from bot.domain.errors import BadRule, UnknownLength, UnknownPreset, UnknownRule
from bot.domain.jobs import Length
from bot.domain.repositories import Repositories
from bot.domain.room_settings import Filter, RoomSettings
from bot.domain.sampling import MAX_BANNED, PRESET_NAMES, PRESETS, Sampling
from bot.domain.scopes import own_scope, scopes_of
from bot.text.continuation import FEWEST, MOST
from bot.wire.sampling import sampling_fields

DEFAULTS = RoomSettings()
"""What holds where nobody set anything."""

LENGTH_NAMES = {"短め": Length.SHORT, "ふつう": Length.MEDIUM, "長め": Length.LONG}
"""What a Japanese reader is shown for a length."""

_TYPED_LENGTHS = {
    **LENGTH_NAMES,
    **dict.fromkeys(("短い", "短く", "みじかめ"), Length.SHORT),
    **dict.fromkeys(("普通", "中くらい"), Length.MEDIUM),
    **dict.fromkeys(("長い", "長く", "ながめ"), Length.LONG),
}
_YES_OR_NO = "はい / いいえ, yes / no"

MAX_WORDS = 500
MAX_WORD_CHARACTERS = 50
MAX_PRESETS = 20
_SHOWN = 20
"""Characters of something too long that are named."""

_Word = Annotated[str, Field(min_length=1, max_length=MAX_WORD_CHARACTERS)]
_Words = Annotated[tuple[_Word, ...], Field(max_length=MAX_WORDS)]
_Count = Annotated[int, Field(ge=0, le=100_000)]
_Scope = Annotated[str, Field(pattern=r"^[a-z]+/.+$", max_length=100)]

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

_PRESETS = Annotated[dict[_Word, OwnSampling], Field(max_length=MAX_PRESETS)]

_KINDS: Mapping[str, TypeAdapter[Any]] = {
    "candidates": TypeAdapter(Annotated[int, Field(ge=2, le=5)]),
    "filter": TypeAdapter(Filter),
    "filter_people": TypeAdapter(bool),
    "words": TypeAdapter(_Words),
    "banned": TypeAdapter(Annotated[tuple[_Word, ...], Field(max_length=MAX_BANNED)]),
    "presets": TypeAdapter(_PRESETS),
    "listens": TypeAdapter(bool),
    "parentheses_aside": TypeAdapter(bool),
    "daily_per_person": TypeAdapter(_Count),
    "daily_in_all": TypeAdapter(_Count),
    "allowed": TypeAdapter(Annotated[tuple[_Scope, ...], Field(max_length=MAX_WORDS)]),
    "denied": TypeAdapter(Annotated[tuple[_Scope, ...], Field(max_length=MAX_WORDS)]),
}


_NAMES = tuple(field.name for field in fields(RoomSettings))
_MEANT: Mapping[str, str] = {
    "candidates": "2–5",
    "filter": ", ".join(Filter),
    **dict.fromkeys(("filter_people", "listens", "parentheses_aside"), _YES_OR_NO),
    "daily_per_person": "0–100000",
    "daily_in_all": "0–100000",
    "words": f"≤ {MAX_WORDS} × ≤ {MAX_WORD_CHARACTERS}",
    "banned": f"≤ {MAX_BANNED} × ≤ {MAX_WORD_CHARACTERS}",
    "allowed": "user/1, role/5, channel/2",
    "denied": "user/1, role/5, channel/2",
}
"""What a rule may be, in signs that are read in any language."""

_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "max_length": "≤", "min_length": "≥"}


def scope_of_setting(name: str, layers: Sequence[Mapping[str, object]], room: Room) -> str | None:
    """The scope whose value of a setting holds in a room with these layers; None for a default."""
    scopes = zip(scopes_of(room), layers, strict=True)
    return next((scope for scope, layer in reversed(list(scopes)) if name in _readable(layer)), None)


class SettingsResolver:
    """What holds in a room, after all that it lies in had its say."""

    def __init__(self, store: Repositories, defaults: RoomSettings = DEFAULTS) -> None:
        self._store = store
        self._defaults = defaults
        self._lock = asyncio.Lock()

    async def resolve(self, room: Room) -> RoomSettings:
        """The settings that hold in a room."""
        return merge_settings(await self._store.settings.get(room.platform, scopes_of(room)), self._defaults)

    async def permitted(self, room: Room, by: Author) -> RoomSettings:
        """The settings that hold in a room where they let a person act. Raises NotPermitted, RolesUnknown."""
        settings = await self.resolve(room)
        require_permission(settings, room, by)
        return settings

    async def at(self, room: Room, scope: str) -> Mapping[str, object]:
        """What is set at a scope itself (named as in `change`), by the settings' names, as JSON."""
        [held] = await self._store.settings.get(room.platform, (scope or own_scope(room),))
        return held

    async def change(self, room: Room, scope: str, changes: Mapping[str, object]) -> RoomSettings:
        """Change settings by their names at a scope (`guild/1`, `channel/2`, or the room itself: "").

        A value of None takes a setting back to what holds further out. Who may do this the platform knows.

        Raises:
            UnknownRule, BadRule
        """
        where = scope or own_scope(room)
        kept = checked(changes, await self.resolve(room))
        async with self._lock:  # what others set at the same moment stays
            [before] = await self._store.settings.get(room.platform, (where,))
            after = {name: value for name, value in {**before, **kept}.items() if value is not None}
            await self._store.settings.save(room.platform, where, after)
        return await self.resolve(room)


def merge_settings(layers: Iterable[Mapping[str, object]], defaults: RoomSettings = DEFAULTS) -> RoomSettings:
    """The rules that the layers make, outermost first, over `defaults`; presets add up, by their names.

    What another version kept and this one cannot read is left out: it must not stop a room.
    """
    rules = defaults
    for layer in layers:
        held = _readable(layer)
        if "presets" in held:
            held["presets"] = tuple({**dict(rules.presets), **dict(held["presets"])}.items())
        rules = replace(rules, **held)
    return rules


def checked(changes: Mapping[str, object], settings: RoomSettings) -> dict[str, object]:
    """The changes as they are kept (JSON); None stays None.

    Raises:
        UnknownRule, BadRule
    """
    if changes.get("presets") is not None:  # the default may be one of those that come with it
        settings = merge_settings([{"presets": _kept("presets", changes["presets"], settings)}], settings)
    return {name: None if value is None else _kept(name, value, settings) for name, value in changes.items()}


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
    if typed.isascii() and typed.isdigit() and len(typed) <= len(str(MOST)) and FEWEST <= int(typed) <= MOST:
        return int(typed)
    known = [*(LENGTH_NAMES if locale == "ja" else Length), f"{FEWEST}–{MOST}"]
    raise UnknownLength(name=name, known=_listed(known, locale))


def _readable(layer: Mapping[str, object]) -> dict[str, Any]:
    """What of a layer this version can read."""
    held: dict[str, Any] = {}
    for name in layer.keys() & _NAMES:
        with suppress(ValidationError, UnknownLength):
            held[name] = _read(name, layer[name])
    return held


def _kept(name: str, value: object, settings: RoomSettings) -> object:
    if name == "length":
        return _or_bad(name, value, lambda: length_named(value))
    if name == "preset":
        return _or_bad(name, value, lambda: preset_named(str(value), settings, "en"))
    kind = _KINDS.get(name)
    if kind is None:
        raise UnknownRule(name=name, known=", ".join(_NAMES))
    try:
        return kind.dump_python(kind.validate_python(value), mode="json")
    except ValidationError as error:
        raise BadRule(name=name, value=_refused(error), known=_MEANT.get(name) or _bound(error)) from None


def _refused(error: ValidationError) -> object:
    """The first thing that is wrong, where it can be shown."""
    found = error.errors(include_url=False)[0]["input"]
    return (
        _short(found) if isinstance(found, str) else found if isinstance(found, int | float | bool) else "…"
    )


def _short(value: str) -> str:
    """What was typed, as it is named in a complaint: of what is too long the beginning and how long it is."""
    return value if len(value) <= MAX_WORD_CHARACTERS else f"{value[:_SHOWN]}… ({len(value)})"


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


def _read(name: str, value: Any) -> Any:
    if name == "length":
        return length_named(value)
    if name == "preset":
        return str(value)
    read = _KINDS[name].validate_python(value)
    if name == "presets":
        return tuple((each, Sampling(**settings.model_dump())) for each, settings in read.items())
    return read


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _listed(names: Iterable[object], locale: str) -> str:
    return ("、" if locale == "ja" else ", ").join(map(str, names))
