"""What Discord proposes while somebody types an option of a command: nothing that they may not know of."""

from __future__ import annotations

from dataclasses import dataclass

import discord
from discord.app_commands import Choice

from adapters.discord.handlers.interaction_context import Interaction, InteractionContext, context_of
from adapters.discord.handlers.settings_command import scope_of
from adapters.discord.payloads.messages import PLATFORM
from adapters.discord.payloads.rooms import is_private, parent_channel
from adapters.discord.render.replies import passage_label
from adapters.shared.preset_text import RULE as OWN_PRESETS
from adapters.shared.settings_codec import RESET, choices, word_of
from bot.core.services import Services
from bot.domain.ports import Translate
from bot.domain.room_settings import SETTINGS, RoomSettings, SettingKind
from bot.domain.sampling import PRESET_NAMES, PRESETS
from bot.domain.story import Story

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
        return _choices(await self._presets(self._context(interaction), typed))

    async def values(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        """What a rule may be set to; for one that takes anything, what was typed and the way back."""
        context, rule = self._context(interaction), interaction.namespace.rule
        back = (context.phrase("discord.settings.reset"), RESET)
        kind = SETTINGS[rule].kind if rule in SETTINGS else None
        if kind is SettingKind.PRESET:
            return _choices([*(await self._presets(context, typed)), back])
        known: Suggestions = []
        if kind is SettingKind.PRESETS:
            known = [(name, name) for name in await self._presets_at(context)]
        elif kind is not None:
            words = [(word_of(rule, value), value) for value in choices(rule, RoomSettings())]
            known = [(context.phrase(f"discord.{word}"), value) for word, value in words if word]
        as_typed = [(typed, typed)] if typed and not _matching(known, typed) else []
        return _choices([*_matching(known, typed), *as_typed, back])

    async def stories(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        """Stories that the person can see, by a part of their title."""
        visible = await visible_stories(self.services, self._context(interaction))
        return _choices([(story.title or story.id, story.id) for story in visible if typed in story.title])

    async def passages(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        """Passages of the room's story that have the typed words in them, latest first."""
        room = self._context(interaction).room
        story = await self.services.stories.open_in(room)
        if story is None:
            return []
        passages = reversed(await self.services.passages.of_story(story.id))
        found = [one for one in passages if not one.deleted and typed in one.text]
        return _choices([(passage_label(story, passage), passage.id) for passage in found])

    def _context(self, interaction: Interaction) -> InteractionContext:
        return context_of(interaction, self.translate)

    async def _presets(self, context: InteractionContext, typed: str) -> Suggestions:
        rules = await self.services.settings.resolve(context.room)
        own = [(name, name) for name, _ in rules.presets]
        built_in = [(context.phrase(f"discord.preset.{name}"), name) for name in PRESETS]
        return _matching([*own, *built_in], typed)

    async def _presets_at(self, context: InteractionContext) -> list[str]:
        """The names of those that are set at the scope in question."""
        scope = scope_of(context, context.interaction.namespace.scope or "")
        held = (await self.services.settings.at(context.room, scope)).get(OWN_PRESETS)
        return list(held) if isinstance(held, dict) else []


def _matching(found: Suggestions, typed: str) -> Suggestions:
    wanted = PRESET_NAMES.get(typed, typed).casefold()
    return [(name, value) for name, value in found if wanted in name.casefold() or wanted in value.casefold()]


def _choices(found: Suggestions) -> list[Choice[str]]:
    """As Discord takes them."""
    named = [(name, value) for name, value in found if name]
    return [Choice(name=name[:MAX_CHOICE], value=value[:MAX_CHOICE]) for name, value in named[:MAX_CHOICES]]


async def visible_stories(services: Services, context: InteractionContext) -> list[Story]:
    """The stories that the person can see from where they are, latest first."""
    guild_id = context.interaction.guild_id
    mine = await services.stories.find(PLATFORM, author=context.author)
    if guild_id is None or context.user_installed:
        # What was told in a server stays there, whoever else is in this conversation.
        return [story for story in mine if not story.room.parent_scopes]
    there = await services.stories.find(PLATFORM, within=f"guild/{guild_id}")
    own = {story.id for story in mine}
    return [story for story in there if _may_see(context, story, own=story.id in own)]


def _may_see(context: InteractionContext, story: Story, *, own: bool) -> bool:
    """Whether a person may know of a story.

    `own`: they wrote in it. Of private threads only those who did know, as long as they see the channel;
    of what they cannot see any more, they do not.
    """
    guild, person, room = context.interaction.guild, context.interaction.user, story.room
    if room == context.room:
        return True
    if is_private(room) and not own:
        return False
    if guild is None or not isinstance(person, discord.Member) or not room.id.isdecimal():
        return False
    channel = guild.get_channel_or_thread(int(room.id))
    if channel is None and (parent := parent_channel(room)) is not None:
        channel = guild.get_channel(int(parent.id))  # archived, perhaps: the channel that it lies in decides
    if channel is None:
        return own  # it was deleted
    try:
        return channel.permissions_for(person).view_channel
    except discord.ClientException:
        return False
