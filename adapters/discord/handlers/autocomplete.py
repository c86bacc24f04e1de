"""What Discord proposes while somebody types an option of a command."""

from __future__ import annotations

from dataclasses import dataclass

from discord.app_commands import Choice

from adapters.discord.delivery.interaction_response import Interaction, locale_of_interaction
from adapters.discord.handlers.interaction_context import context_of
from adapters.discord.handlers.settings_command import scope_of
from adapters.discord.handlers.visible_stories import visible_stories
from adapters.discord.render.settings_text import PRESETS as OWN
from adapters.discord.render.story_lines import passage_label
from adapters.shared.settings_codec import RESET, choices, word_of
from bot.core.services import Services
from bot.domain.ports import Translate
from bot.domain.room_settings import SETTINGS, RoomSettings, SettingKind
from bot.domain.sampling import PRESET_NAMES, PRESETS

MAX_CHOICES = 25
MAX_CHOICE = 100
"""Characters of a choice's name, and of its value."""
Suggestions = list[tuple[str, str]]
"""Names to show, and the values that they stand for."""


@dataclass(frozen=True, slots=True)
class Autocomplete:
    """The choices of each option that has some."""

    services: Services
    translate: Translate

    async def presets(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        """The built-in presets and the room's own."""
        return _choices(await self._presets(interaction, typed))

    async def values(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        """What a rule may be set to; for one that takes anything, what was typed and the way back."""
        locale = locale_of_interaction(interaction)
        rule = interaction.namespace.rule
        back = (self.translate("discord.settings.reset", locale), RESET)
        kind = SETTINGS[rule].kind if rule in SETTINGS else None
        if kind is SettingKind.PRESET:
            return _choices([*(await self._presets(interaction, typed)), back])
        known: Suggestions = []
        if kind is SettingKind.PRESETS:
            known = [(name, name) for name in await self._own_presets(interaction)]
        elif kind is not None:
            words = [(word_of(rule, value), value) for value in choices(rule, RoomSettings())]
            known = [(self.translate(f"discord.{word}", locale), value) for word, value in words if word]
        as_typed = [(typed, typed)] if typed and not _matching(known, typed) else []
        return _choices([*_matching(known, typed), *as_typed, back])

    async def stories(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        """Stories that the person can see, by a part of their title."""
        visible = await visible_stories(self.services, context_of(interaction))
        return _choices([(story.title or story.id, story.id) for story in visible if typed in story.title])

    async def passages(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        """Passages of the room's story that have the typed words in them, latest first."""
        room = context_of(interaction).room
        story = await self.services.stories.open_in(room)
        if story is None:
            return []
        passages = reversed(await self.services.passages.of_story(story.id))
        found = [one for one in passages if not one.deleted and typed in one.text]
        return _choices([(passage_label(story, passage), passage.id) for passage in found])

    async def _presets(self, interaction: Interaction, typed: str) -> Suggestions:
        locale = locale_of_interaction(interaction)
        rules = await self.services.settings.resolve(context_of(interaction).room)
        own = [(name, name) for name, _ in rules.presets]
        built_in = [(self.translate(f"discord.preset.{name}", locale), name) for name in PRESETS]
        return _matching([*own, *built_in], typed)

    async def _own_presets(self, interaction: Interaction) -> list[str]:
        """The names of those that are set at the scope in question."""
        context, scope = context_of(interaction), interaction.namespace.scope or ""
        held = (await self.services.settings.at(context.room, scope_of(context, scope))).get(OWN)
        return list(held) if isinstance(held, dict) else []


def _matching(found: Suggestions, typed: str) -> Suggestions:
    wanted = PRESET_NAMES.get(typed, typed).casefold()
    return [(name, value) for name, value in found if wanted in name.casefold() or wanted in value.casefold()]


def _choices(found: Suggestions) -> list[Choice[str]]:
    """As Discord takes them."""
    named = [(name, value) for name, value in found if name]
    return [Choice(name=name[:MAX_CHOICE], value=value[:MAX_CHOICE]) for name, value in named[:MAX_CHOICES]]
