"""Buttons and forms, by the ids that they carry, so that those of an earlier process work too.

They come by `on_interaction`, not as `discord.ui.DynamicItem`: forms have no such thing, and whoever uses a
button of another version, whose id nobody knows, must be told so. One parser of ids serves all of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import discord

from adapters.discord.delivery.interaction_response import Interaction, InteractionResponses
from adapters.discord.delivery.posts import Posts
from adapters.discord.handlers.continue_command import ContinueCommand
from adapters.discord.handlers.interaction_context import InteractionContext, in_story_room, open_context
from adapters.discord.handlers.settings_command import SettingsCommand
from adapters.discord.handlers.story_group import StoryGroup
from adapters.discord.handlers.tree_actions import ActNotices, TreeActions
from adapters.discord.render.modals import (
    NAME,
    edit_modal,
    field_value,
    lore_of,
    options_of,
    require_unchanged,
)
from adapters.discord.render.replies import MAX_CONTENT, candidate_content
from adapters.discord.render.story_lines import split_content
from adapters.discord.render.views import Action, ComponentId, parse_custom_id, pick_view
from adapters.shared.candidates import by_number
from adapters.shared.double_clicks import DoubleClicks
from bot.core.services import Services
from bot.domain.errors import NotYours, PassageGone
from bot.domain.jobs import GenerationOptions
from bot.domain.ports import Translate
from bot.domain.story import Notes, Passage

MIN_SEVERAL = 2
ASKS = {Action.MORE, Action.RETRY, Action.SEVERAL, Action.RESUBMIT}
"""What a reply comes of."""
TEXTS = {Action.EDIT, Action.MEMORY, Action.NOTE, Action.LORE}
"""Forms whose text goes into the story or its notes."""


@dataclass(frozen=True, slots=True)
class ComponentHandler:
    """Buttons under replies and forms, by the ids that they carry."""

    services: Services
    translate: Translate
    posts: Posts
    responses: InteractionResponses
    tree_actions: TreeActions
    notices: ActNotices
    story: StoryGroup
    continue_command: ContinueCommand
    settings: SettingsCommand
    clicks: DoubleClicks

    async def on_interaction(self, interaction: Interaction) -> None:
        """A button was pressed or a form was sent."""
        data = cast("dict[str, Any]", interaction.data or {})
        component = parse_custom_id(str(data.get("custom_id", "")))
        if component is None:
            await self.responses.send_phrase(interaction, "discord.unknown_button")
            return
        form = interaction.type is discord.InteractionType.modal_submit
        async with self.responses.boundary(interaction, field_value(data) if form else ""):
            if form:
                await self._on_modal_submit(interaction, component, data)
            else:
                await self._on_component(interaction, component)

    # Buttons

    async def _on_component(self, interaction: Interaction, component: ComponentId) -> None:
        context = open_context(interaction, self.posts)
        handlers = {
            Action.MORE: self._more,
            Action.RESUBMIT: self._resubmit,
            Action.RETRY: self._retry,
            Action.SEVERAL: self._several,
            Action.UNDO: self.tree_actions.undo,
            Action.REDO: self.tree_actions.redo,
            Action.TAKE_BACK: self.notices.take_back,
            Action.PICK: self.tree_actions.pick,
            Action.READ: self._read,
            Action.STOP: self._stop,
            Action.EDIT: self._edit,
            Action.FORGET: self._forget,
        }
        handler = handlers.get(component.action)
        if handler is None:
            await self.responses.send_phrase(interaction, "discord.unknown_button")
            return
        if handler == self._edit:  # brings a form, which nobody double-clicks
            await self._edit(context, component.target)
            return
        message = interaction.message
        with self.clicks.first(context.author.id, (message.id if message else 0, component)) as first:
            storing = handler(context, component.target) if first else _nothing()
            if component.action in ASKS and not context.user_installed:
                await self.responses.store_then_acknowledge(interaction, storing, self.responses.defer_update)
                return
            # Where a person installed the bot, and to everybody, nothing can be shown before that.
            await self.responses.defer_update(interaction)
            await storing

    async def _more(self, context: InteractionContext, passage: str) -> None:
        await self.services.generation.receive_message(context.message(after=passage), GenerationOptions())

    async def _resubmit(self, context: InteractionContext, job: str) -> None:
        # One job that came to nothing is asked for again once, however often the button is pressed.
        await self.services.generation.resubmit(context.message(event_id=f"again {job}"), job)

    async def _retry(self, context: InteractionContext, passage: str) -> None:
        await self.services.generation.retry(context.message(after=passage), GenerationOptions())

    async def _several(self, context: InteractionContext, passage: str) -> None:
        wanted = (await self.services.settings.resolve(context.room)).candidates
        await self.services.generation.retry(
            context.message(after=passage), GenerationOptions(candidates=max(MIN_SEVERAL, wanted))
        )

    async def _read(self, context: InteractionContext, passage: str) -> None:
        """Every candidate in full, each with its button under its last piece."""
        job = passage.rpartition(".")[0]
        candidates = await self.services.passages.alternatives(passage)
        if not candidates:
            raise PassageGone
        choices = by_number(candidates, job)
        for number, other in sorted(choices.items()):
            pieces = split_content(candidate_content(number, other.text), MAX_CONTENT)
            for piece in pieces[:-1]:
                await self.responses.send_ephemeral(context.interaction, piece)
            view = pick_view(other.id, number, self.translate, context.locale)
            await self.responses.send_ephemeral(context.interaction, pieces[-1], view=view)

    async def _stop(self, context: InteractionContext, job: str) -> None:
        if not await self.services.generation.stop(job, context.author):
            await self.responses.send_phrase(context.interaction, "discord.over")

    async def _edit(self, context: InteractionContext, about: str) -> None:
        await self.send_edit_modal(context, await self.services.passages.existing(about))

    async def send_edit_modal(self, context: InteractionContext, passage: Passage) -> None:
        """Bring the form for a passage to whom it belongs. Raises NotYours, TooLongForForm."""
        owner = passage.asker or passage.author
        if context.author.person != owner.person:
            raise NotYours
        modal = edit_modal(passage, self.translate, context.locale)
        await self.responses.send_modal(context.interaction, modal)

    async def _forget(self, context: InteractionContext, person: str) -> None:
        if person != context.author.id:
            raise NotYours
        count = await self.services.editing.forget(context.author)
        key = "discord.forgotten" if count else "discord.nothing_to_forget"
        values = {"count": count} if count else {}
        await self.responses.send_phrase(context.interaction, key, **values)

    # Forms

    async def _on_modal_submit(
        self, interaction: Interaction, component: ComponentId, data: Mapping[str, Any]
    ) -> None:
        text = field_value(data)
        if component.action is Action.BEGIN:
            await self.continue_command.run(interaction, text, options_of(component.target))
            return
        context = open_context(interaction, self.posts)
        if component.action in TEXTS:
            storing = self._store(context, component, text)
            await self.responses.store_then_acknowledge(interaction, storing, self.responses.defer_ephemeral)
            await self.responses.send_phrase(interaction, f"discord.form.{component.action}.done")
            return
        if component.action is Action.BEGIN_ANEW:
            await self.story.begin_anew(context, text, component.target)
            return
        await self.responses.defer_ephemeral(interaction)
        if component.action is Action.RULE:
            scope, _, rule = component.target.partition(",")
            await self.settings.change(context, scope, rule, text, lines=True)
        elif component.action is Action.PRESET:
            scope, _, former = component.target.partition(",")
            await self.settings.save_preset(context, scope, former, field_value(data, NAME), text)
        else:
            await self.responses.send_phrase(interaction, "discord.unknown_button")

    async def _store(self, context: InteractionContext, component: ComponentId, text: str) -> None:
        if component.action is Action.EDIT:
            told = await in_story_room(
                self.services, context, await self.services.passages.existing(component.target)
            )
            await self.services.editing.edit(told.room, context.author, component.target, text)
        else:
            await self._store_notes(context, component, text)

    async def _store_notes(self, context: InteractionContext, component: ComponentId, text: str) -> None:
        story = await self.services.stories.open_in(context.room)
        notes, action = story.notes if story is not None else Notes(), component.action
        require_unchanged(component, notes)
        changed = {
            Action.MEMORY: dataclasses.replace(notes, memory=text),
            Action.NOTE: dataclasses.replace(notes, note=text),
            Action.LORE: dataclasses.replace(notes, lore=lore_of(text) if action is Action.LORE else ()),
        }
        await self.services.editing.save_notes(context.room, context.author, changed[action], notes)


async def _nothing() -> None:
    """What the second of two clicks does."""
