"""`/story settings`: what holds in a story, a channel or a server, and who may change it there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import discord

from adapters.discord.handlers.interaction_context import InteractionContext
from adapters.discord.render.components import MAX_NAME, preset_modal, rule_modal
from adapters.discord.render.replies import escape, truncate
from adapters.shared.preset_text import RULE as PRESETS
from adapters.shared.preset_text import preset_of, whole_preset
from adapters.shared.settings_codec import from_typed, is_reset, shown, shown_lines
from bot.core.services import Services
from bot.domain.errors import BadRule, UnknownRule, UserError
from bot.domain.room_settings import SETTINGS, RoomSettings, SettingKind

LINE = 100
"""Characters of a rule's value where all of them are shown: a long list must not hide the others."""
WHOLE = 1500
"""Where one alone is shown."""
_WHO = re.compile(r"<(@!?|@&|#)(\d+)>|(user|role|channel|guild|room)/([^\s、,，;；・]+)")
_BETWEEN_NAMES = re.compile(r"[\s、,，;；・とや]+|\b(?:and|or)\b")
_KINDS = {"@": "user", "@!": "user", "@&": "role", "#": "channel"}
_MENTIONS = {"user": "<@{}>", "role": "<@&{}>", "channel": "<#{}>"}


class SettingsScope(StrEnum):
    """How far a rule reaches, from the nearest on."""

    STORY = "story"
    CHANNEL = "channel"
    SERVER = "server"


Layers = list[tuple[SettingsScope, Mapping[str, object]]]
"""What is set at each scope of a room, the nearest first."""


@dataclass(frozen=True, slots=True)
class SettingsCommand:
    """Shows rules and changes them."""

    services: Services

    async def run(self, context: InteractionContext, scope: str, rule: str, value: str) -> None:
        """Without a rule: all that holds here. Without a value: what one is, or the form for a list.

        Raises:
            NotYourSetting, UnknownRule, BadRule, TextTooLong
        """
        if not rule:
            await context.send_ephemeral(await self._overview(context))
            return
        if rule not in SETTINGS:
            raise UnknownRule(name=rule, known=", ".join(SETTINGS))
        if value:
            _require(context, scope, rule)
        if rule == PRESETS and not is_reset(value) and _may(context, scope, rule):
            await context.send_modal(await self._preset_form(context, scope, value.strip()[:MAX_NAME]))
        elif value:
            await context.defer_ephemeral()
            await self.change(context, scope, rule, value)
        elif SETTINGS[rule].is_list and _may(context, scope, rule):
            held = await self.services.settings.at(context.room, scope_of(context, scope))
            lines = list_lines(rule, held.get(rule))
            await context.send_modal(rule_modal(scope, rule, lines, context.phrase))
        else:
            await context.send_ephemeral(await self._one(context, rule))

    async def change(
        self, context: InteractionContext, scope: str, rule: str, typed: str, *, lines: bool = False
    ) -> None:
        """Set a rule; `lines`: it comes from a form. Raises NotYourSetting, UnknownRule, BadRule."""
        if rule not in SETTINGS:
            raise UnknownRule(name=rule, known=", ".join(SETTINGS))
        _require(context, scope, rule)
        try:
            await self._set(context, scope, rule, parse_value(rule, typed, lines=lines))
        except BadRule as error:
            raise _described(error, rule, typed, context) from None

    async def save_preset(
        self, context: InteractionContext, scope: str, former: str, name: str, lines: str
    ) -> None:
        """Keep a preset under a name, instead of the one it had; without settings it is taken away.

        Raises:
            NotYourSetting, BadRule
        """
        _require(context, scope, PRESETS)
        name = " ".join(name.split())
        kept = await self._presets_at(context, scope)
        kept.pop(former, None)
        kept.pop(name, None)
        try:
            if lines.strip():
                kept[name] = preset_of(lines)
            await self._set(context, scope, PRESETS, kept or None)
        except BadRule as error:
            raise _described(error, PRESETS, name, context) from None

    async def _set(self, context: InteractionContext, scope: str, rule: str, value: object) -> None:
        await self.services.settings.change(context.room, scope_of(context, scope), {rule: value})
        line = await self._one(context, rule)
        await context.send_ephemeral(truncate(context.phrase("discord.settings.done", line=line)))

    async def _preset_form(self, context: InteractionContext, scope: str, name: str) -> discord.ui.Modal:
        """With the settings of the preset that is changed, or of 標準 for a new one."""
        settings = (await self._presets_at(context, scope)).get(name, {})
        return preset_modal(scope, name, whole_preset(settings), context.phrase)

    async def _presets_at(self, context: InteractionContext, scope: str) -> dict[str, Any]:
        held = (await self.services.settings.at(context.room, scope_of(context, scope))).get(PRESETS)
        return dict(held) if isinstance(held, dict) else {}

    # Showing

    async def _overview(self, context: InteractionContext) -> str:
        rules, layers = await self.services.settings.resolve(context.room), await self._layers(context)
        lines = [_line(rule, rules, layers, context, LINE) for rule in SETTINGS]
        hint = context.phrase("discord.settings.hint")
        return truncate("\n".join([*lines, f"-# {hint}"]))

    async def _one(self, context: InteractionContext, rule: str) -> str:
        rules, layers = await self.services.settings.resolve(context.room), await self._layers(context)
        return _line(rule, rules, layers, context, WHOLE)

    async def _layers(self, context: InteractionContext) -> Layers:
        scopes = [
            scope for scope in SettingsScope if scope is SettingsScope.STORY or scope_of(context, scope)
        ]
        return [
            (scope, await self.services.settings.at(context.room, scope_of(context, scope)))
            for scope in scopes
        ]


def _line(rule: str, rules: RoomSettings, layers: Layers, context: InteractionContext, room: int) -> str:
    """What a rule is, in at most `room` characters, and where that was set."""
    value = truncate(shown_value(rule, getattr(rules, rule), context), room)
    where = next((scope for scope, held in layers if rule in held), None)
    source = context.phrase("discord.settings.default" if where is None else f"discord.scope.{where}")
    name = context.phrase(f"discord.rule.{rule}")
    return context.phrase("discord.settings.line", rule=name, value=value, where=source)


def _described(error: BadRule, rule: str, typed: str, context: InteractionContext) -> BadRule:
    """The error with the rule's name in the person's language, and what they typed."""
    refused = error.values["value"]
    value = refused if isinstance(refused, str) else typed
    return BadRule(name=context.phrase(f"discord.rule.{rule}"), value=value, known=error.values["known"])


# Who may


class NotYourSetting(UserError):
    """The person may not change settings there. Values: `permission`."""

    key = "discord.not_your_setting"


def _require(context: InteractionContext, scope: str, rule: str) -> None:
    if not _may(context, scope, rule):
        permission = context.phrase(f"discord.permission.{_needed(context, scope, rule)}")
        raise NotYourSetting(permission=permission)


def _may(context: InteractionContext, scope: str, rule: str) -> bool:
    needed = _needed(context, scope, rule)
    return needed is None or bool(getattr(context.interaction.permissions, needed))


def _needed(context: InteractionContext, scope: str, rule: str) -> str | None:
    """The permission that a change takes: server and channel belong to who manages them.

    A story's own thread belongs to everybody in it, a conversation to those who have it.
    """
    if context.interaction.guild_id is None or context.user_installed:
        return None
    if scope == SettingsScope.SERVER:
        return "manage_guild"
    own_thread = isinstance(context.interaction.channel, discord.Thread)
    if scope == SettingsScope.STORY and own_thread and SETTINGS[rule].open_to_all:
        return None
    return "manage_channels"


def scope_of(context: InteractionContext, scope: str) -> str:
    """The scope as the rules name it; empty for the room itself, where it lies in nothing."""
    by_kind = {where.partition("/")[0]: where for where in context.room.parent_scopes}
    kinds = {SettingsScope.SERVER: "guild", SettingsScope.CHANNEL: "channel"}
    return by_kind.get(kinds.get(SettingsScope(scope), ""), "") if scope in set(SettingsScope) else ""


# As people type it and are shown it


def parse_value(rule: str, typed: str, *, lines: bool = False) -> object:
    """A rule's value as somebody typed it; None: as it is further out. `lines`: a list has one a line.

    Raises:
        BadRule: somebody in a list of people is no mention.
    """
    value = from_typed(rule, typed, lines=lines)
    return _parse_people(rule, typed) if _of_people(rule) and value else value


def list_lines(rule: str, value: object) -> str:
    """A list as its form shows it, one a line; people and places as mentions."""
    return shown_lines(value, (lambda entry: _mention(entry) or entry) if _of_people(rule) else str)


def shown_value(rule: str, value: object, context: InteractionContext) -> str:
    """A rule's value for people."""

    def entry(text: str) -> str:
        return (_of_people(rule) and _mention(text)) or escape(text)

    return shown(rule, value, lambda word: context.phrase(f"discord.{word}"), context.locale, entry)


def _of_people(rule: str) -> bool:
    return rule in SETTINGS and SETTINGS[rule].kind is SettingKind.SCOPES


def _parse_people(rule: str, typed: str) -> list[str]:
    found = [
        f"{_KINDS[mark]}/{number}" if mark else f"{kind}/{named}"
        for mark, number, kind, named in _WHO.findall(typed)
    ]
    rest = _BETWEEN_NAMES.sub("", _WHO.sub("", typed))
    if rest or not found:  # a name that was typed out, say: it must not be left out without a word
        raise BadRule(name=rule, value=rest or typed, known="@…, #…")
    return found


def _mention(entry: str) -> str:
    """Of a person, role or channel; empty for anything else."""
    kind, _, number = entry.partition("/")
    return _MENTIONS[kind].format(number) if kind in _MENTIONS and number.isdecimal() else ""
