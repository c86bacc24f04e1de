"""What holds in a room, after all that was set in and around it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace

from bot.core.permissions import require_permission
from bot.core.settings_values import check_changes, read_layer
from bot.domain.chat import Author, Room
from bot.domain.errors import UserError
from bot.domain.repositories import Repositories
from bot.domain.room_settings import RoomSettings
from bot.domain.sampling import Sampling

DEFAULT_SAMPLING = Sampling()
DEFAULTS = RoomSettings()
"""What holds where nobody set anything."""


def scope_of_setting(name: str, layers: Sequence[Mapping[str, object]], room: Room) -> str | None:
    """The scope whose value of a setting holds in a room with these layers; None for a default."""
    scopes = zip(room.scopes, layers, strict=True)
    return next((scope for scope, layer in reversed(list(scopes)) if name in read_layer(layer)), None)


class PresetChanged(UserError):
    """Somebody else changed the same preset meanwhile. Values: `name`, `theirs`: how it differs from 標準."""

    key = "error.preset_changed"

    @classmethod
    def to(cls, name: str, theirs: Sampling | None) -> PresetChanged:
        """With what the other one made of it; None: it was taken away."""
        now, standard = asdict(theirs or DEFAULT_SAMPLING), asdict(DEFAULT_SAMPLING)
        lines = [f"{each} = {value:g}" for each, value in now.items() if value != standard[each]]
        return cls(name=name, theirs=", ".join(lines) or "–")


class SettingsResolver:
    """What holds in a room, after all that it lies in had its say."""

    def __init__(self, store: Repositories, defaults: RoomSettings = DEFAULTS) -> None:
        self._store = store
        self._defaults = defaults
        self._lock = asyncio.Lock()

    async def resolve(self, room: Room) -> RoomSettings:
        """The settings that hold in a room."""
        return merge_settings(await self._store.settings.get(room.platform, room.scopes), self._defaults)

    async def permitted(self, room: Room, by: Author) -> RoomSettings:
        """The settings that hold in a room where they let a person act. Raises NotPermitted, RolesUnknown."""
        settings = await self.resolve(room)
        require_permission(settings, room, by)
        return settings

    async def at(self, room: Room, scope: str) -> Mapping[str, object]:
        """What is set at a scope itself (named as in `change`), by the settings' names, as JSON."""
        [held] = await self._store.settings.get(room.platform, (scope or room.own_scope,))
        return held

    async def change(
        self,
        room: Room,
        scope: str,
        changes: Mapping[str, object],
        seen_presets: Mapping[str, object] | None = None,
    ) -> RoomSettings:
        """Change settings by their names at a scope (`guild/1`, `channel/2`, or the room itself: "").

        A value of None takes a setting back to what holds further out. Who may do this the platform knows.
        `seen_presets`: the scope's own presets as they were before; of those only what was changed is kept.

        Raises:
            UnknownRule, BadRule
            PresetChanged: somebody else changed the same preset since it was seen; nothing is kept.
        """
        where = scope or room.own_scope
        settings = await self.resolve(room)
        kept = check_changes(changes, settings)
        async with self._lock:  # what others set at the same moment stays
            [before] = await self._store.settings.get(room.platform, (where,))
            if seen_presets is not None and "presets" in kept:
                presets = _merge_presets(before.get("presets"), kept["presets"], seen_presets)
                kept |= check_changes({"presets": presets}, settings)
            after = {name: value for name, value in {**before, **kept}.items() if value is not None}
            await self._store.settings.save(room.platform, where, after)
        return await self.resolve(room)


def merge_settings(layers: Iterable[Mapping[str, object]], defaults: RoomSettings = DEFAULTS) -> RoomSettings:
    """The rules that the layers make, outermost first, over `defaults`; presets add up, by their names.

    What another version kept and this one cannot read is left out: it must not stop a room.
    """
    rules = defaults
    for layer in layers:
        held = read_layer(layer)
        if "presets" in held:
            held["presets"] = tuple({**dict(rules.presets), **dict(held["presets"])}.items())
        rules = replace(rules, **held)
    return rules


def _merge_presets(now: object, wanted: object, seen: object) -> dict[str, object]:
    """What somebody made of the presets that they had seen, over those that there are now; all as kept."""
    held, mine, before = (
        dict(read_layer({"presets": each}).get("presets", ())) for each in (now, wanted, seen)
    )
    for name in {**before, **mine}:
        if mine.get(name) == before.get(name):
            continue
        if held.get(name) not in (before.get(name), mine.get(name)):
            raise PresetChanged.to(name, held.get(name))
        held[name] = mine.get(name)
    return {name: asdict(sampling) for name, sampling in held.items() if sampling is not None}
