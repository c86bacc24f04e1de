"""Buttons and forms, by the ids that they carry, so that those of an earlier process work too.

`_buttons` and `_forms` are the tables of what there is: a new one has its word in `render.views.Action`, its
row here, and its texts under `discord.button` or `discord.form`.

They come by `on_interaction`, not as `discord.ui.DynamicItem`: forms have no such thing, and whoever uses a
button of another version, whose id nobody knows, must be told so. One parser of ids serves all of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, cast

import discord

from adapters.discord.delivery.posts import Posts
from adapters.discord.handlers.continue_command import ContinueCommand
from adapters.discord.handlers.interaction_context import (
    Interaction,
    InteractionContext,
    in_story_room,
    open_context,
)
from adapters.discord.handlers.settings_command import SettingsCommand
from adapters.discord.handlers.story_group import StoryGroup
from adapters.discord.handlers.tree_actions import TreeActions
from adapters.discord.payloads.messages import PLATFORM
from adapters.discord.render.components import (
    NAME,
    Action,
    ComponentId,
    edit_modal,
    field_value,
    lore_of,
    options_of,
    parse_custom_id,
    pick_view,
    require_unchanged,
)
from adapters.discord.render.replies import MAX_CONTENT, candidate_content, split_content
from adapters.shared.candidates import by_number
from adapters.shared.double_clicks import DoubleClicks
from bot.core.services import Services
from bot.domain.errors import NotYours, PassageGone
from bot.domain.jobs import GenerationOptions
from bot.domain.story import Notes

MIN_SEVERAL = 2

Fields = Mapping[str, Any]
"""A form as Discord sends it; `field_value` reads it."""
Press = Callable[[InteractionContext, str], Coroutine[Any, Any, None]]
Submit = Callable[[InteractionContext, ComponentId, Fields], Coroutine[Any, Any, None]]
OwnerOf = Callable[[str], Awaitable[tuple[str, str]]]
"""Of what a button is about: a person, as `Author.person`."""


@dataclass(frozen=True, slots=True)
class Button:
    """What a press does with what the button is about.

    `owner_of`: whose it is alone; else whoever may write in the room may press it. `stores`: what it asks for
    is kept before it is acknowledged, where that does not take long. `opens_form`: that is its answer.
    """

    press: Press
    owner_of: OwnerOf | None = None
    stores: bool = False
    opens_form: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """What is done with a form that was sent. `stores`: as of a button, and the person hears that it is."""

    submit: Submit
    stores: bool = False


class ComponentHandler:
    """Does what buttons and forms say."""

    def __init__(
        self,
        services: Services,
        posts: Posts,
        tree: TreeActions,
        story: StoryGroup,
        continuing: ContinueCommand,
        settings: SettingsCommand,
        clicks: DoubleClicks,
    ) -> None:
        self._services = services
        self._posts = posts
        self._story = story
        self._continuing = continuing
        self._settings = settings
        self._clicks = clicks
        self._buttons = {
            Action.MORE: Button(self._more, stores=True),
            Action.RESUBMIT: Button(self._resubmit, stores=True),
            Action.RETRY: Button(self._retry, stores=True),
            Action.SEVERAL: Button(self._several, stores=True),
            Action.UNDO: Button(tree.undo),
            Action.REDO: Button(tree.redo),
            Action.TAKE_BACK: Button(tree.take_back),
            Action.PICK: Button(tree.pick),
            Action.READ: Button(self._read),
            Action.STOP: Button(self._stop),
            Action.EDIT: Button(self._edit, owner_of=self._writer_of, opens_form=True),
            Action.FORGET: Button(self._forget, owner_of=_themselves),
        }
        self._forms = {
            Action.BEGIN: Form(self._begin),
            Action.BEGIN_ANEW: Form(self._begin_anew),
            Action.EDIT: Form(self._save_edit, stores=True),
            Action.MEMORY: Form(self._save_notes, stores=True),
            Action.NOTE: Form(self._save_notes, stores=True),
            Action.LORE: Form(self._save_notes, stores=True),
            Action.RULE: Form(self._save_rule),
            Action.PRESET: Form(self._save_preset),
        }

    async def on_interaction(self, interaction: Interaction) -> None:
        """A button was pressed or a form was sent."""
        data = cast("dict[str, Any]", interaction.data or {})
        component = parse_custom_id(str(data.get("custom_id", "")))
        context = open_context(interaction, self._posts)
        if interaction.type is discord.InteractionType.component:
            async with context.error_boundary():
                await self._on_button(context, component)
        else:
            async with context.error_boundary(field_value(data)):
                await self._on_form(context, component, data)

    # Buttons

    async def _on_button(self, context: InteractionContext, component: ComponentId | None) -> None:
        button = self._buttons.get(component.action) if component is not None else None
        if component is None or button is None:
            await context.send_phrase("discord.unknown_button")
            return
        if button.opens_form:  # nobody double-clicks it
            await self.press(context, component)
            return
        message = context.interaction.message
        with self._clicks.first(context.author.id, (message.id if message else 0, component)) as first:
            pressing = self.press(context, component) if first else _nothing()
            if button.stores and not context.user_installed:
                await context.store_then_acknowledge(pressing, context.defer_update)
                return
            # Where a person installed the bot, and to everybody, nothing can be shown before that.
            await context.defer_update()
            await pressing

    async def press(self, context: InteractionContext, component: ComponentId) -> None:
        """Do what a button says, for whom it may be done. Raises NotYours, or as that does."""
        button = self._buttons[component.action]
        if button.owner_of is not None and await button.owner_of(component.target) != context.author.person:
            raise NotYours
        await button.press(context, component.target)

    async def _more(self, context: InteractionContext, passage: str) -> None:
        await self._services.generation.receive_message(context.message(after=passage), GenerationOptions())

    async def _resubmit(self, context: InteractionContext, job: str) -> None:
        # One job that came to nothing is asked for again once, however often the button is pressed.
        await self._services.generation.resubmit(context.message(event_id=f"again {job}"), job)

    async def _retry(self, context: InteractionContext, passage: str) -> None:
        await self._services.generation.retry(context.message(after=passage), GenerationOptions())

    async def _several(self, context: InteractionContext, passage: str) -> None:
        wanted = (await self._services.settings.resolve(context.room)).candidates
        await self._services.generation.retry(
            context.message(after=passage), GenerationOptions(candidates=max(MIN_SEVERAL, wanted))
        )

    async def _read(self, context: InteractionContext, passage: str) -> None:
        """Every candidate in full, each with its button under its last piece."""
        job = passage.rpartition(".")[0]
        candidates = await self._services.passages.alternatives(passage)
        if not candidates:
            raise PassageGone
        choices = by_number(candidates, job)
        for number, other in sorted(choices.items()):
            *pieces, last = split_content(candidate_content(number, other.text), MAX_CONTENT)
            for piece in pieces:
                await context.send_ephemeral(piece)
            view = pick_view(other.id, number, context.phrase)
            await context.send_ephemeral(last, view=view)

    async def _stop(self, context: InteractionContext, job: str) -> None:
        if not await self._services.generation.stop(job, context.author):
            await context.send_phrase("discord.over")

    async def _edit(self, context: InteractionContext, passage: str) -> None:
        """Bring the form for a passage. Raises TooLongForForm."""
        found = await self._services.passages.existing(passage)
        await context.send_modal(edit_modal(found, context.phrase))

    async def _writer_of(self, passage: str) -> tuple[str, str]:
        found = await self._services.passages.existing(passage)
        return (found.asker or found.author).person

    async def _forget(self, context: InteractionContext, _: str) -> None:
        count = await self._services.editing.forget(context.author)
        if count:
            await context.send_phrase("discord.forgotten", count=count)
        else:
            await context.send_phrase("discord.nothing_to_forget")

    # Forms

    async def _on_form(
        self, context: InteractionContext, component: ComponentId | None, fields: Fields
    ) -> None:
        form = self._forms.get(component.action) if component is not None else None
        if component is None or form is None:
            await context.send_phrase("discord.unknown_button")
        elif form.stores:
            storing = form.submit(context, component, fields)
            await context.store_then_acknowledge(storing, context.defer_ephemeral)
            await context.send_phrase(f"discord.form.{component.action}.done")
        else:
            await form.submit(context, component, fields)

    async def _begin(self, context: InteractionContext, component: ComponentId, fields: Fields) -> None:
        await self._continuing.run(context, field_value(fields), options_of(component.target))

    async def _begin_anew(self, context: InteractionContext, component: ComponentId, fields: Fields) -> None:
        await self._story.begin_anew(context, field_value(fields), component.target)

    async def _save_edit(self, context: InteractionContext, component: ComponentId, fields: Fields) -> None:
        passage = await self._services.passages.existing(component.target)
        there = await in_story_room(self._services, context, passage)
        await self._services.editing.edit(there.room, context.author, component.target, field_value(fields))

    async def _save_notes(self, context: InteractionContext, component: ComponentId, fields: Fields) -> None:
        story = await self._services.stories.open_in(context.room)
        notes, text = story.notes if story is not None else Notes(), field_value(fields)
        require_unchanged(component, notes)
        if component.action is Action.LORE:
            changed = dataclasses.replace(notes, lore=lore_of(text))
        elif component.action is Action.MEMORY:
            changed = dataclasses.replace(notes, memory=text)
        else:
            changed = dataclasses.replace(notes, note=text)
        await self._services.editing.save_notes(context.room, context.author, changed, notes)

    async def _save_rule(self, context: InteractionContext, component: ComponentId, fields: Fields) -> None:
        await context.defer_ephemeral()
        scope, _, rule = component.target.partition(",")
        await self._settings.change(context, scope, rule, field_value(fields), lines=True)

    async def _save_preset(self, context: InteractionContext, component: ComponentId, fields: Fields) -> None:
        await context.defer_ephemeral()
        scope, _, former = component.target.partition(",")
        name, lines = field_value(fields, NAME), field_value(fields)
        await self._settings.save_preset(context, scope, former, name, lines)


async def _themselves(person: str) -> tuple[str, str]:
    return PLATFORM, person


async def _nothing() -> None:
    """What the second of two clicks does."""
