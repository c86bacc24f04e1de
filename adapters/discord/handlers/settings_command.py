"""`/story settings`: what holds in a story, a channel or a server, and who may change it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import discord

from adapters.discord.delivery.interaction_response import InteractionResponses
from adapters.discord.handlers.interaction_context import InteractionContext
from adapters.discord.render.modals import preset_modal, rule_modal
from adapters.discord.render.replies import truncate
from adapters.discord.render.settings_text import (
    MAX_NAME,
    PRESETS,
    list_lines,
    parse_value,
    shown_value,
)
from adapters.shared.preset_text import preset_of, whole_preset
from adapters.shared.settings_codec import is_reset
from bot.core.services import Services
from bot.domain.errors import BadRule, UnknownRule, UserError
from bot.domain.ports import Translate
from bot.domain.room_settings import SETTINGS, RoomSettings

LINE = 100
"""Characters of a rule's value where all of them are shown: a long list must not hide the others."""
WHOLE = 1500
"""Where one alone is shown."""


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
    translate: Translate
    responses: InteractionResponses

    async def run(self, context: InteractionContext, scope: str, rule: str, value: str) -> None:
        """Without a rule: all that holds here. Without a value: what one is, or the form for a list.

        Raises:
            NotYourSetting, UnknownRule, BadRule, TextTooLong
        """
        if not rule:
            await self.responses.send_ephemeral(context.interaction, await self._overview(context))
            return
        if rule not in SETTINGS:
            raise UnknownRule(name=rule, known=", ".join(SETTINGS))
        if value:
            self._require(context, scope, rule)
        if rule == PRESETS and not is_reset(value) and self._may(context, scope, rule):
            await self.responses.send_modal(
                context.interaction, await self._preset_form(context, scope, value.strip()[:MAX_NAME])
            )
        elif value:
            await self.responses.defer_ephemeral(context.interaction)
            await self.change(context, scope, rule, value)
        elif SETTINGS[rule].is_list and self._may(context, scope, rule):
            held = await self.services.settings.at(context.room, scope_of(context, scope))
            lines = list_lines(rule, held.get(rule))
            await self.responses.send_modal(
                context.interaction, rule_modal(scope, rule, lines, self.translate, context.locale)
            )
        else:
            await self.responses.send_ephemeral(context.interaction, await self._one(context, rule))

    async def change(
        self, context: InteractionContext, scope: str, rule: str, typed: str, *, lines: bool = False
    ) -> None:
        """Set a rule; `lines`: it comes from a form. Raises NotYourSetting, UnknownRule, BadRule."""
        if rule not in SETTINGS:
            raise UnknownRule(name=rule, known=", ".join(SETTINGS))
        self._require(context, scope, rule)
        try:
            await self._set(context, scope, rule, parse_value(rule, typed, lines=lines))
        except BadRule as error:
            raise self._described(error, rule, typed, context.locale) from None

    async def save_preset(
        self, context: InteractionContext, scope: str, former: str, name: str, lines: str
    ) -> None:
        """Keep a preset under a name, instead of the one it had; without settings it is taken away.

        Raises:
            NotYourSetting, BadRule
        """
        self._require(context, scope, PRESETS)
        name = " ".join(name.split())
        kept = await self._presets_at(context, scope)
        kept.pop(former, None)
        kept.pop(name, None)
        try:
            if lines.strip():
                kept[name] = preset_of(lines)
            await self._set(context, scope, PRESETS, kept or None)
        except BadRule as error:
            raise self._described(error, PRESETS, name, context.locale) from None

    async def _set(self, context: InteractionContext, scope: str, rule: str, value: object) -> None:
        await self.services.settings.change(context.room, scope_of(context, scope), {rule: value})
        line = await self._one(context, rule)
        await self.responses.send_ephemeral(
            context.interaction, truncate(self.translate("discord.settings.done", context.locale, line=line))
        )

    async def _preset_form(self, context: InteractionContext, scope: str, name: str) -> discord.ui.Modal:
        """With the settings of the preset that is changed, or of 標準 for a new one."""
        settings = (await self._presets_at(context, scope)).get(name, {})
        return preset_modal(scope, name, whole_preset(settings), self.translate, context.locale)

    async def _presets_at(self, context: InteractionContext, scope: str) -> dict[str, Any]:
        held = (await self.services.settings.at(context.room, scope_of(context, scope))).get(PRESETS)
        return dict(held) if isinstance(held, dict) else {}

    def _described(self, error: BadRule, rule: str, typed: str, locale: str) -> BadRule:
        """The error with the rule's name in the person's language, and what they typed."""
        named = self.translate(f"discord.rule.{rule}", locale)
        refused = error.values["value"]
        value = refused if isinstance(refused, str) else typed
        return BadRule(name=named, value=value, known=error.values["known"])

    # Who may

    def _require(self, context: InteractionContext, scope: str, rule: str) -> None:
        needed = _needed(context, scope, rule)
        if needed is not None and not getattr(context.interaction.permissions, needed):
            raise NotYourSetting(permission=self.translate(f"discord.permission.{needed}", context.locale))

    def _may(self, context: InteractionContext, scope: str, rule: str) -> bool:
        needed = _needed(context, scope, rule)
        return needed is None or bool(getattr(context.interaction.permissions, needed))

    # Showing

    async def _overview(self, context: InteractionContext) -> str:
        rules, layers = await self.services.settings.resolve(context.room), await self._layers(context)
        lines = [self._line(rule, rules, layers, context.locale, LINE) for rule in SETTINGS]
        hint = self.translate("discord.settings.hint", context.locale)
        return truncate("\n".join([*lines, f"-# {hint}"]))

    async def _one(self, context: InteractionContext, rule: str) -> str:
        rules, layers = await self.services.settings.resolve(context.room), await self._layers(context)
        return self._line(rule, rules, layers, context.locale, WHOLE)

    async def _layers(self, context: InteractionContext) -> Layers:
        scopes = [
            scope for scope in SettingsScope if scope is SettingsScope.STORY or scope_of(context, scope)
        ]
        return [
            (scope, await self.services.settings.at(context.room, scope_of(context, scope)))
            for scope in scopes
        ]

    def _line(self, rule: str, rules: RoomSettings, layers: Layers, locale: str, room: int) -> str:
        """What a rule is, in at most `room` characters, and where that was set."""
        value = truncate(shown_value(rule, getattr(rules, rule), self.translate, locale), room)
        where = next((scope for scope, held in layers if rule in held), None)
        source = "discord.settings.default" if where is None else f"discord.scope.{where}"
        name, where_set = self.translate(f"discord.rule.{rule}", locale), self.translate(source, locale)
        return self.translate("discord.settings.line", locale, rule=name, value=value, where=where_set)


class NotYourSetting(UserError):
    """The person may not change settings there. Values: `permission`."""

    key = "discord.not_your_setting"


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
