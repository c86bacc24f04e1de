"""`/story settings`: what holds in a story, a channel or a server, and who may change it there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from enum import StrEnum

import discord

from adapters.base import Play
from adapters.discord.answers import Answers
from adapters.discord.escape import escape
from adapters.discord.failures import delivery
from adapters.discord.forms import rule_form
from adapters.discord.render import cut
from adapters.discord.scene import Scene
from bot.errors import BadRule, UnknownRule, UserError
from bot.messages import Filter, Length, Rules
from bot.sampling import PRESET_NAMES
from bot.seams import Say


class Scope(StrEnum):
    """How far a rule reaches."""

    STORY = "story"
    CHANNEL = "channel"
    SERVER = "server"


RULES = (
    "preset",
    "length",
    "candidates",
    "filter",
    "filter_people",
    "words",
    "banned",
    "listens",
    "daily_per_person",
    "daily_in_all",
    "allowed",
    "denied",
)
FOR_ALL = frozenset({"preset", "length", "candidates", "banned", "listens"})
"""What everybody may set for a story: how it is written. Who may ask, how often, and the filter: admins."""
LISTS = frozenset({"words", "banned", "allowed", "denied"})
RESET = frozenset({"-", "ー", "－"})
"""Typed for a rule's value: as it is further out."""
_YES = frozenset({"yes", "on", "true", "1", "はい", "オン", "する"})
_NO = frozenset({"no", "off", "false", "0", "いいえ", "オフ", "しない"})
_LENGTHS = {"短め": Length.SHORT, "ふつう": Length.MEDIUM, "長め": Length.LONG}
_FILTERS = {"自動": Filter.AUTO, "オン": Filter.ON, "オフ": Filter.OFF}
_WHO = re.compile(r"<(@!?|@&|#)(\d+)>|(user|role|channel)/(\d+)")
_KINDS = {"@": "user", "@!": "user", "@&": "role", "#": "channel"}
_MENTIONS = {"user": "<@{}>", "role": "<@&{}>", "channel": "<#{}>"}


class Settings:
    """Shows rules and changes them."""

    def __init__(self, play: Play, say: Say, answers: Answers) -> None:
        self._play = play
        self._say = say
        self._answers = answers

    async def asked(self, scene: Scene, scope: str, rule: str, value: str) -> None:
        """Without a rule: all that holds here. With a value: set it. A list without one: a form for it."""
        if not rule:
            await self._answers.whisper(scene.interaction, await self._overview(scene))
        elif value or rule not in LISTS:
            self._require(scene, scope, rule)
            await self._answers.think(scene.interaction)
            await self.change(scene, scope, rule, value or "-")
        else:
            self._require(scene, scope, rule)
            rules = await self._play.rules(scene.room)
            with delivery():
                await scene.interaction.response.send_modal(
                    rule_form(scope, rule, rules, self._say, scene.locale)
                )

    async def change(self, scene: Scene, scope: str, rule: str, typed: str) -> None:
        """Set a rule. Raises NotYourSetting, UnknownRule, BadRule."""
        if rule not in RULES:
            raise UnknownRule(name=rule, known=", ".join(RULES))
        self._require(scene, scope, rule)
        value = value_of(rule, typed)
        rules = await self._play.set_rules(scene.room, _address(scene, scope), {rule: value})
        line = self._line(rule, rules, scene.locale)
        await self._answers.whisper(
            scene.interaction, self._say("discord.settings.done", scene.locale, line=line)
        )

    def _require(self, scene: Scene, scope: str, rule: str) -> None:
        """Server and channel belong to who manages them; a story's own thread to everybody in it."""
        if scene.interaction.guild_id is None or scene.abroad:
            return
        may = scene.interaction.permissions
        needed = _needed(scene, scope, rule)
        if needed is not None and not getattr(may, needed):
            raise NotYourSetting(permission=self._say(f"discord.permission.{needed}", scene.locale))

    async def _overview(self, scene: Scene) -> str:
        rules = await self._play.rules(scene.room)
        lines = [self._line(rule, rules, scene.locale) for rule in RULES]
        hint = self._say("discord.settings.hint", scene.locale)
        return cut("\n".join([*lines, f"-# {hint}"]))

    def _line(self, rule: str, rules: Rules, locale: str) -> str:
        name = self._say(f"discord.rule.{rule}", locale)
        return f"**{name}**：{self._told(rule, getattr(rules, rule), locale)}"

    def _told(self, rule: str, value: object, locale: str) -> str:
        if isinstance(value, bool):
            return self._say("discord.yes" if value else "discord.no", locale)
        if rule in {"daily_per_person", "daily_in_all"} and value == 0:
            return self._say("discord.unlimited", locale)
        if isinstance(value, tuple):
            named = [_mention(entry) if rule in {"allowed", "denied"} else escape(entry) for entry in value]
            return "、".join(named) or self._say("discord.none", locale)
        known: Callable[[object], bool] = lambda said: said in {*Length, *Filter}  # noqa: E731
        if rule == "preset":
            return preset_name(str(value), locale)
        if known(value):
            return self._say(f"discord.{rule}.{value}", locale)
        return escape(str(value))


class NotYourSetting(UserError):
    """The person may not change settings there. Values: `permission`."""

    key = "discord.not_your_setting"


def _needed(scene: Scene, scope: str, rule: str) -> str | None:
    if scope == Scope.SERVER:
        return "manage_guild"
    own_thread = isinstance(scene.interaction.channel, discord.Thread)
    if scope == Scope.STORY and own_thread and rule in FOR_ALL:
        return None
    return "manage_channels"


def _address(scene: Scene, scope: str) -> str:
    """The scope as the rules name it; a room that lies in nothing has only itself."""
    by_kind = {where.partition("/")[0]: where for where in scene.room.within}
    return {Scope.SERVER: by_kind.get("guild", ""), Scope.CHANNEL: by_kind.get("channel", "")}.get(
        Scope(scope) if scope in set(Scope) else Scope.STORY, ""
    )


def preset_name(preset: str, locale: str) -> str:
    """What a preset is called."""
    names = {value: name for name, value in PRESET_NAMES.items()} if locale == "ja" else {}
    return names.get(preset, preset)


def value_of(rule: str, typed: str) -> object:
    """A rule's value as somebody typed it; None: as it is further out. Raises BadRule."""
    typed = typed.strip()
    plain = unicodedata.normalize("NFKC", typed).casefold()
    if typed in RESET:
        return None
    if rule in {"allowed", "denied"}:
        return _who(rule, typed)
    if rule in LISTS:
        return [word.strip() for word in re.split(r"[\n、]", typed) if word.strip()]
    if rule in {"filter_people", "listens"}:
        if plain not in _YES | _NO:
            raise BadRule(name=rule, value=typed, known="はい / いいえ, yes / no")
        return plain in _YES
    if rule == "filter":
        return _FILTERS.get(typed, plain)
    if rule == "preset":
        return PRESET_NAMES.get(typed, typed)
    if rule == "length" and not plain.isdecimal():
        return _LENGTHS.get(typed, plain)
    if not plain.isdecimal():
        raise BadRule(name=rule, value=typed, known="0, 1, 2, …")
    return int(plain)


def _who(rule: str, typed: str) -> Sequence[str]:
    found = [
        f"{_KINDS[mark]}/{number}" if mark else f"{kind}/{named}"
        for mark, number, kind, named in _WHO.findall(typed)
    ]
    if not found and typed:
        raise BadRule(name=rule, value=typed, known="@…, #…")
    return found


def _mention(entry: str) -> str:
    kind, _, number = entry.partition("/")
    return _MENTIONS[kind].format(number) if kind in _MENTIONS and number.isdecimal() else escape(entry)
