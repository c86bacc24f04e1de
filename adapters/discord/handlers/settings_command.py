"""`/story settings`: what holds in a story, a channel or a server, and who may change it there."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import discord

from adapters.discord.api.errors import delivery
from adapters.discord.delivery.interaction_response import Answers
from adapters.discord.handlers.interaction_context import Scene
from adapters.discord.render.modals import preset_form, rule_form
from adapters.discord.render.replies import cut
from adapters.discord.render.settings_text import (
    MAX_NAME,
    PRESETS,
    RULES,
    lines_of,
    preset_lines,
    settings_of,
    told,
    value_of,
)
from adapters.shared.ports import Play
from bot.core.settings_resolver import LISTS, takes_back
from bot.domain.errors import BadRule, UnknownRule, UserError
from bot.domain.ports import Translate
from bot.domain.room_settings import RoomSettings

LINE = 100
"""Characters of a rule's value where all of them are shown: a long list must not hide the others."""
WHOLE = 1500
"""Where one alone is shown."""


class Scope(StrEnum):
    """How far a rule reaches, from the nearest on."""

    STORY = "story"
    CHANNEL = "channel"
    SERVER = "server"


FOR_ALL = frozenset({"preset", "length", "candidates", "banned", PRESETS, "listens", "parentheses_aside"})
"""What everybody may set for a story: how it is written. Who may ask, how often, and the filter: admins."""
Layers = list[tuple[Scope, Mapping[str, object]]]
"""What is set at each scope of a room, the nearest first."""


class Settings:
    """Shows rules and changes them."""

    def __init__(self, play: Play, say: Translate, answers: Answers) -> None:
        self._play = play
        self._say = say
        self._answers = answers

    async def asked(self, scene: Scene, scope: str, rule: str, value: str) -> None:
        """Without a rule: all that holds here. Without a value: what one is, or the form for a list.

        Raises:
            NotYourSetting, UnknownRule, BadRule, TextTooLong
        """
        if not rule:
            await self._answers.whisper(scene.interaction, await self._overview(scene))
            return
        if rule not in RULES:
            raise UnknownRule(name=rule, known=", ".join(RULES))
        if value:
            self._require(scene, scope, rule)
        if rule == PRESETS and not takes_back(value) and self._may(scene, scope, rule):
            await self._open(scene, await self._preset_form(scene, scope, value.strip()[:MAX_NAME]))
        elif value:
            await self._answers.think(scene.interaction)
            await self.change(scene, scope, rule, value)
        elif rule in LISTS and self._may(scene, scope, rule):
            held = await self._play.rules_at(scene.room, address_of(scene, scope))
            lines = lines_of(rule, held.get(rule))
            await self._open(scene, rule_form(scope, rule, lines, self._say, scene.locale))
        else:
            await self._answers.whisper(scene.interaction, await self._one(scene, rule))

    async def change(self, scene: Scene, scope: str, rule: str, typed: str, *, lines: bool = False) -> None:
        """Set a rule; `lines`: it comes from a form. Raises NotYourSetting, UnknownRule, BadRule."""
        if rule not in RULES:
            raise UnknownRule(name=rule, known=", ".join(RULES))
        self._require(scene, scope, rule)
        try:
            await self._set(scene, scope, rule, value_of(rule, typed, lines=lines))
        except BadRule as error:
            raise self._in_words(error, rule, typed, scene.locale) from None

    async def keep_preset(self, scene: Scene, scope: str, former: str, name: str, lines: str) -> None:
        """Keep a preset under a name, instead of the one it had; without settings it is taken away.

        Raises:
            NotYourSetting, BadRule
        """
        self._require(scene, scope, PRESETS)
        name = " ".join(name.split())
        kept = await self._presets_at(scene, scope)
        kept.pop(former, None)
        kept.pop(name, None)
        try:
            if lines.strip():
                kept[name] = settings_of(lines)
            await self._set(scene, scope, PRESETS, kept or None)
        except BadRule as error:
            raise self._in_words(error, PRESETS, name, scene.locale) from None

    async def _set(self, scene: Scene, scope: str, rule: str, value: object) -> None:
        await self._play.set_rules(scene.room, address_of(scene, scope), {rule: value})
        line = await self._one(scene, rule)
        await self._answers.whisper(
            scene.interaction, cut(self._say("discord.settings.done", scene.locale, line=line))
        )

    async def _preset_form(self, scene: Scene, scope: str, name: str) -> discord.ui.Modal:
        """With the settings of the preset that is changed, or of 標準 for a new one."""
        settings = (await self._presets_at(scene, scope)).get(name, {})
        return preset_form(scope, name, preset_lines(settings), self._say, scene.locale)

    async def _presets_at(self, scene: Scene, scope: str) -> dict[str, Any]:
        held = (await self._play.rules_at(scene.room, address_of(scene, scope))).get(PRESETS)
        return dict(held) if isinstance(held, dict) else {}

    async def _open(self, scene: Scene, form: discord.ui.Modal) -> None:
        with delivery():
            await scene.interaction.response.send_modal(form)

    def _in_words(self, error: BadRule, rule: str, typed: str, locale: str) -> BadRule:
        """The error with the rule's name in the person's language, and what they typed."""
        named = self._say(f"discord.rule.{rule}", locale)
        refused = error.values["value"]
        value = refused if isinstance(refused, str) else typed
        return BadRule(name=named, value=value, known=error.values["known"])

    # Who may

    def _require(self, scene: Scene, scope: str, rule: str) -> None:
        needed = _needed(scene, scope, rule)
        if needed is not None and not getattr(scene.interaction.permissions, needed):
            raise NotYourSetting(permission=self._say(f"discord.permission.{needed}", scene.locale))

    def _may(self, scene: Scene, scope: str, rule: str) -> bool:
        needed = _needed(scene, scope, rule)
        return needed is None or bool(getattr(scene.interaction.permissions, needed))

    # Showing

    async def _overview(self, scene: Scene) -> str:
        rules, layers = await self._play.rules(scene.room), await self._layers(scene)
        lines = [self._line(rule, rules, layers, scene.locale, LINE) for rule in RULES]
        hint = self._say("discord.settings.hint", scene.locale)
        return cut("\n".join([*lines, f"-# {hint}"]))

    async def _one(self, scene: Scene, rule: str) -> str:
        rules, layers = await self._play.rules(scene.room), await self._layers(scene)
        return self._line(rule, rules, layers, scene.locale, WHOLE)

    async def _layers(self, scene: Scene) -> Layers:
        scopes = [scope for scope in Scope if scope is Scope.STORY or address_of(scene, scope)]
        return [(scope, await self._play.rules_at(scene.room, address_of(scene, scope))) for scope in scopes]

    def _line(self, rule: str, rules: RoomSettings, layers: Layers, locale: str, room: int) -> str:
        """What a rule is, in at most `room` characters, and where that was set."""
        value = cut(told(rule, getattr(rules, rule), self._say, locale), room)
        where = next((scope for scope, held in layers if rule in held), None)
        source = "discord.settings.default" if where is None else f"discord.scope.{where}"
        name, where_set = self._say(f"discord.rule.{rule}", locale), self._say(source, locale)
        return self._say("discord.settings.line", locale, rule=name, value=value, where=where_set)


class NotYourSetting(UserError):
    """The person may not change settings there. Values: `permission`."""

    key = "discord.not_your_setting"


def _needed(scene: Scene, scope: str, rule: str) -> str | None:
    """The permission that a change takes: server and channel belong to who manages them.

    A story's own thread belongs to everybody in it, a conversation to those who have it.
    """
    if scene.interaction.guild_id is None or scene.abroad:
        return None
    if scope == Scope.SERVER:
        return "manage_guild"
    own_thread = isinstance(scene.interaction.channel, discord.Thread)
    if scope == Scope.STORY and own_thread and rule in FOR_ALL:
        return None
    return "manage_channels"


def address_of(scene: Scene, scope: str) -> str:
    """The scope as the rules name it; empty for the room itself, where it lies in nothing."""
    by_kind = {where.partition("/")[0]: where for where in scene.room.parent_scopes}
    kinds = {Scope.SERVER: "guild", Scope.CHANNEL: "channel"}
    return by_kind.get(kinds.get(Scope(scope), ""), "") if scope in set(Scope) else ""
