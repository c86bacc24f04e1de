"""What Discord proposes while somebody types an option of a command."""

from __future__ import annotations

from adapters.discord.delivery.interaction_response import Interaction, locale_of_interaction
from adapters.discord.handlers.interaction_context import context_of
from adapters.discord.handlers.settings_command import scope_of
from adapters.discord.render.settings_text import PRESETS as OWN
from bot.core.services import Services
from bot.core.settings_resolver import RESET, SWITCHES
from bot.domain.jobs import Length
from bot.domain.ports import Translate
from bot.domain.room_settings import Filter
from bot.domain.sampling import PRESET_NAMES, PRESETS

Suggestions = list[tuple[str, str]]


class Autocomplete:
    """Names to show, and the values that they stand for."""

    def __init__(self, services: Services, translate: Translate) -> None:
        self._services = services
        self._translate = translate

    async def presets(self, interaction: Interaction, typed: str) -> Suggestions:
        """The built-in presets and the room's own."""
        locale = locale_of_interaction(interaction)
        rules = await self._services.settings.resolve(context_of(interaction).room)
        own = [(name, name) for name, _ in rules.presets]
        built_in = [(self._translate(f"discord.preset.{name}", locale), name) for name in PRESETS]
        return _matching([*own, *built_in], typed)

    async def values(self, interaction: Interaction, typed: str) -> Suggestions:
        """What a rule may be set to; for one that takes anything, what was typed and the way back."""
        locale = locale_of_interaction(interaction)
        rule = getattr(interaction.namespace, "rule", "")
        back = (self._translate("discord.settings.reset", locale), RESET)
        if rule == "preset":
            return [*(await self.presets(interaction, typed)), back]
        known: Suggestions = []
        if rule == "length":
            known = [(self._translate(f"discord.length.{length}", locale), str(length)) for length in Length]
        elif rule == "filter":
            known = [(self._translate(f"discord.filter.{each}", locale), str(each)) for each in Filter]
        elif rule in SWITCHES:
            known = [(self._translate(f"discord.{word}", locale), word) for word in ("yes", "no")]
        elif rule == OWN:
            known = [(name, name) for name in await self._own_presets(interaction)]
        as_typed = [(typed, typed)] if typed and not _matching(known, typed) else []
        return [*_matching(known, typed), *as_typed, back]

    async def _own_presets(self, interaction: Interaction) -> list[str]:
        """The names of those that are set at the scope in question."""
        context, scope = context_of(interaction), getattr(interaction.namespace, "scope", "")
        held = (await self._services.settings.at(context.room, scope_of(context, scope))).get(OWN)
        return list(held) if isinstance(held, dict) else []


def _matching(found: Suggestions, typed: str) -> Suggestions:
    wanted = PRESET_NAMES.get(typed, typed).casefold()
    return [(name, value) for name, value in found if wanted in name.casefold() or wanted in value.casefold()]
