"""`/story …`: the story of a room, and what belongs to it."""

from __future__ import annotations

import io
from collections.abc import Coroutine
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import Choice

from adapters.discord.delivery.posts import Posts
from adapters.discord.handlers.autocomplete import Autocomplete, visible_stories
from adapters.discord.handlers.command_tree import CONTEXTS, INSTALLS, command_texts, option_texts, phrase
from adapters.discord.handlers.interaction_context import Interaction, InteractionContext, open_context
from adapters.discord.handlers.settings_command import SettingsCommand, SettingsScope
from adapters.discord.handlers.tree_actions import TreeActions
from adapters.discord.render.components import (
    MAX_TITLE,
    Action,
    AnotherIsOpen,
    begin_anew_modal,
    notes_modal,
    row_view,
)
from adapters.discord.render.replies import MAX_CONTENT, escape, keep_indent, truncate
from bot.core.permissions import require_permission
from bot.core.services import Services
from bot.domain.errors import NoStory, NoSuchStory
from bot.domain.jobs import GenerationOptions
from bot.domain.room_settings import SETTINGS
from bot.domain.story import Notes, Story
from bot.story.export_formats import FORMATS, export_text, file_name
from bot.story.joining import in_character_passages, text_of

LISTED = 20
HEAD = 300
"""Characters beside a story's text where it is shown."""


class StoryGroup(app_commands.Group):
    """The subcommands of `/story`, in Japanese `/物語`. The command tree tells what they raise."""

    def __init__(
        self,
        services: Services,
        posts: Posts,
        tree_actions: TreeActions,
        settings: SettingsCommand,
        autocomplete: Autocomplete,
    ) -> None:
        super().__init__(**command_texts("story"), allowed_installs=INSTALLS, allowed_contexts=CONTEXTS)
        self._services = services
        self._posts = posts
        self._tree_actions = tree_actions
        self._settings = settings
        self._autocomplete = autocomplete

    def _open(self, interaction: Interaction) -> InteractionContext:
        return open_context(interaction, self._posts)

    @app_commands.command(**command_texts("story.show"))
    async def show(self, interaction: Interaction) -> None:
        """The story so far, to the person alone: as a message, and as a file where it is long."""
        context = self._open(interaction)
        await context.defer_ephemeral()
        story = await self._story(context)
        head = _head(story, context)
        body = keep_indent(escape(text_of(in_character_passages(story))))
        if len(head) + len(body) < MAX_CONTENT:
            await context.send_ephemeral(f"{head}\n\n{body}".strip())
        else:
            await self._send_file(context, story, head)

    @app_commands.command(**command_texts("story.list"))
    async def list_stories(self, interaction: Interaction) -> None:
        """The stories of this server that the person can see, latest first."""
        context = self._open(interaction)
        await context.defer_ephemeral()
        stories = await visible_stories(self._services, context)
        listed = "\n".join(_list_line(story, context) for story in stories[:LISTED])
        await context.send_ephemeral(truncate(listed or context.phrase("discord.story.none")))

    @app_commands.command(**command_texts("story.undo"))
    async def undo(self, interaction: Interaction) -> None:
        """Take the last passage back."""
        await self._tree_actions.undo(self._open(interaction))

    @app_commands.command(**command_texts("story.redo"))
    async def redo(self, interaction: Interaction) -> None:
        """Take an undo back."""
        await self._tree_actions.redo(self._open(interaction))

    @app_commands.command(**command_texts("story.retry"))
    async def retry(self, interaction: Interaction) -> None:
        """Write the last passage anew."""
        context = self._open(interaction)
        await context.defer_ephemeral()
        await self._services.generation.retry(context.message(), GenerationOptions())
        if not context.user_installed:
            await context.delete_original()

    @app_commands.command(**command_texts("story.close"))
    async def close(self, interaction: Interaction) -> None:
        """Close the story."""
        context = self._open(interaction)
        closing = self._services.editing.close(context.room, context.author)
        await self._perform(context, "discord.story.closed", closing)

    @app_commands.command(**command_texts("story.forget-me"))
    async def forget_me(self, interaction: Interaction) -> None:
        """Ask once more before a person's words are taken out."""
        context = self._open(interaction)
        view = row_view([(Action.FORGET, context.author.id)], context.phrase)
        await context.send_ephemeral(context.phrase("discord.story.forget"), view=view)

    @app_commands.command(**command_texts("story.memory"))
    async def memory(self, interaction: Interaction) -> None:
        """A form for the story's memory."""
        await self._send_notes_modal(interaction, Action.MEMORY)

    @app_commands.command(**command_texts("story.note"))
    async def note(self, interaction: Interaction) -> None:
        """A form for the author's note."""
        await self._send_notes_modal(interaction, Action.NOTE)

    @app_commands.command(**command_texts("story.lore"))
    async def lore(self, interaction: Interaction) -> None:
        """A form for the lorebook."""
        await self._send_notes_modal(interaction, Action.LORE)

    @app_commands.command(**command_texts("story.new"))
    @option_texts("title")
    async def new(self, interaction: Interaction, title: app_commands.Range[str, 0, MAX_TITLE] = "") -> None:
        """Begin a new story here; a form asks first where that closes one that has a text."""
        context = self._open(interaction)
        open_here = await self._services.stories.open_in(context.room)
        if open_here is None or not in_character_passages(open_here):
            await self._begin(context, title)
            return
        require_permission(await self._services.settings.resolve(context.room), context.room, context.author)
        await context.send_modal(begin_anew_modal(open_here, title, context.phrase))

    @app_commands.command(**command_texts("story.title"))
    @option_texts("title")
    async def title(self, interaction: Interaction, title: app_commands.Range[str, 1, MAX_TITLE]) -> None:
        """Give the story another title."""
        context = self._open(interaction)
        story = await self._services.editing.rename(context.room, context.author, title)
        named = {"person": escape(context.author.name), "title": _titled(story, context, public=True)}
        await context.send_public(context.translate("discord.story.renamed", context.public_locale, **named))

    @app_commands.command(**command_texts("story.branch"))
    @option_texts("passage")
    async def branch(self, interaction: Interaction, passage: str) -> None:
        """Go on from another passage."""
        await self._tree_actions.branch(self._open(interaction), passage)

    @branch.autocomplete("passage")
    async def _suggest_passages(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        return await self._autocomplete.passages(interaction, typed)

    @app_commands.command(**command_texts("story.open"))
    @option_texts("story")
    async def reopen(self, interaction: Interaction, story: str) -> None:
        """Go on here with an earlier story, one that the person can see."""
        context = self._open(interaction)
        if story not in {visible.id for visible in await visible_stories(self._services, context)}:
            raise NoSuchStory(story=story)
        reopening = self._services.editing.reopen(context.room, context.author, story)
        await self._perform(context, "discord.story.reopened", reopening)

    @reopen.autocomplete("story")
    async def _suggest_stories(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        return await self._autocomplete.stories(interaction, typed)

    @app_commands.command(**command_texts("story.export"))
    @option_texts(form="format")
    @app_commands.choices(form=[Choice(name=form, value=form) for form in FORMATS])
    async def export(self, interaction: Interaction, form: str = FORMATS[0]) -> None:
        """The story as a file of that form."""
        context = self._open(interaction)
        await context.defer_ephemeral()
        story = await self._story(context)
        await self._send_file(context, story, _head(story, context), form)

    @app_commands.command(**command_texts("story.settings"))
    @option_texts("scope", "rule", "value")
    @app_commands.choices(
        scope=[Choice(name=phrase(f"scope.{scope}"), value=str(scope)) for scope in SettingsScope],
        rule=[Choice(name=phrase(f"rule.{rule}"), value=rule) for rule in SETTINGS],
    )
    async def settings(
        self, interaction: Interaction, rule: str = "", value: str = "", scope: str = ""
    ) -> None:
        """What holds here, or another value for a rule."""
        await self._settings.run(self._open(interaction), scope or SettingsScope.STORY, rule, value)

    @settings.autocomplete("value")
    async def _suggest_values(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        return await self._autocomplete.values(interaction, typed)

    async def begin_anew(self, context: InteractionContext, title: str, story_id: str) -> None:
        """The form came back: begin, where the story that it asked about is still the one to be closed.

        Raises:
            AnotherIsOpen: another one with a text is open by now.
        """
        open_here = await self._services.stories.open_in(context.room)
        if open_here is not None and open_here.id != story_id and in_character_passages(open_here):
            raise AnotherIsOpen
        await self._begin(context, title)

    async def _begin(self, context: InteractionContext, title: str) -> None:
        beginning = self._services.editing.begin(context.room, context.author, title)
        await self._perform(context, "discord.story.begun", beginning)

    async def _send_notes_modal(self, interaction: Interaction, action: Action) -> None:
        context = self._open(interaction)
        story = await self._services.stories.open_in(context.room)
        notes = story.notes if story is not None else Notes()
        await context.send_modal(notes_modal(action, notes, context.phrase))

    async def _story(self, context: InteractionContext) -> Story:
        story = await self._services.stories.open_in(context.room)
        if story is None:
            raise NoStory
        return story

    async def _send_file(
        self, context: InteractionContext, story: Story, head: str, form: str = "txt"
    ) -> None:
        text = export_text(await self._services.stories.get(story.id), form)
        file = discord.File(io.BytesIO(text.encode()), filename=file_name(story, form))
        await context.send_ephemeral(head, file=file)

    async def _perform(
        self, context: InteractionContext, key: str, doing: Coroutine[Any, Any, Story]
    ) -> None:
        """Do what opens or closes a story, with a notice to everybody."""
        done = await self._tree_actions.perform(context, doing)
        title = _titled(done.story, context, public=True)
        await self._tree_actions.notify(context, key, done, title=title)


def _list_line(story: Story, context: InteractionContext) -> str:
    state = context.phrase("discord.story.is_closed") if story.closed else ""
    where = f"<#{story.room.id}>" if story.room.id.isdecimal() else ""
    return " ".join(part for part in ("-", f"**{_titled(story, context)}**", where, state) if part)


def _titled(story: Story, context: InteractionContext, *, public: bool = False) -> str:
    locale = context.public_locale if public else context.locale
    return escape(story.title) or context.translate("discord.thread_name", locale)


def _head(story: Story, context: InteractionContext) -> str:
    passages = in_character_passages(story)
    figures = {"passages": len(passages), "characters": sum(len(p.text) for p in passages)}
    names = "、".join(dict.fromkeys(p.author.name for p in passages if not p.by_model))
    about = context.phrase("discord.story.head", people=escape(names), **figures)
    return truncate(f"**{_titled(story, context)}**\n-# {about}", HEAD)
