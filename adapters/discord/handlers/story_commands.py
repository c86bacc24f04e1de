"""`/story` with its subcommands and `/help`: their names and options; `stories.py` has what they do."""

from __future__ import annotations

from typing import Any

from discord import app_commands
from discord.app_commands import Choice

from adapters.discord.delivery.interaction_response import Interaction
from adapters.discord.handlers.command_sync import CONTEXTS, INSTALLS, Phrase, Proposed, proposals
from adapters.discord.handlers.settings_command import SettingsScope
from adapters.discord.handlers.story_actions import Stories
from adapters.discord.render.modals import MAX_TITLE
from adapters.discord.render.settings_text import RULES
from adapters.discord.render.views import Action
from bot.domain.ports import Translate
from bot.story.export_formats import FORMATS

Callback = Any
"""discord.py reads a command's options from the function's signature."""


class StoryCommands:
    """Builds the commands."""

    def __init__(self, translate: Translate, stories: Stories, values: Proposed) -> None:
        self._translate = translate
        self._stories = stories
        self._values = values

    def story(self) -> app_commands.Group:
        """`/story`, in Japanese `/物語`."""
        group = app_commands.Group(
            name=self._phrase("command.story.name"),
            description=self._phrase("command.story.description"),
            allowed_installs=INSTALLS,
            allowed_contexts=CONTEXTS,
        )
        stories = self._stories
        plain = {
            "show": stories.show,
            "list": stories.catalogue,
            "undo": stories.undo,
            "redo": stories.redo,
            "retry": stories.retry,
            "close": stories.close,
            "forget-me": stories.forget_me,
        }
        for name, callback in plain.items():
            group.add_command(self._command(f"story.{name}", _alone(callback)))
        for action in (Action.MEMORY, Action.NOTE, Action.LORE):
            group.add_command(self._command(f"story.{action}", self._notes(action)))
        group.add_command(self._command("story.new", self._new()))
        group.add_command(self._command("story.title", self._title()))
        group.add_command(self._command("story.branch", self._branch()))
        group.add_command(self._command("story.open", self._open()))
        group.add_command(self._command("story.export", self._export()))
        group.add_command(self._command("story.settings", self._settings()))
        return group

    def help(self) -> app_commands.Command[Any, ..., None]:
        """`/help`, in Japanese `/使い方`."""
        return self._command("help", _alone(self._stories.help), installs=True)

    def _command(
        self, name: str, callback: Callback, *, installs: bool = False
    ) -> app_commands.Command[Any, ..., None]:
        return app_commands.Command(
            name=self._phrase(f"command.{name}.name"),
            description=self._phrase(f"command.{name}.description"),
            callback=callback,
            allowed_installs=INSTALLS if installs else None,
            allowed_contexts=CONTEXTS if installs else None,
        )

    def _new(self) -> Callback:
        @app_commands.rename(title=self._phrase("option.title.name"))
        @app_commands.describe(title=self._phrase("option.title.description"))
        async def new(interaction: Interaction, title: app_commands.Range[str, 0, MAX_TITLE] = "") -> None:
            await self._stories.new(interaction, title)

        return new

    def _title(self) -> Callback:
        @app_commands.rename(title=self._phrase("option.title.name"))
        @app_commands.describe(title=self._phrase("option.title.description"))
        async def rename(interaction: Interaction, title: app_commands.Range[str, 1, MAX_TITLE]) -> None:
            await self._stories.title(interaction, title)

        return rename

    def _branch(self) -> Callback:
        async def propose(interaction: Interaction, typed: str) -> list[Choice[str]]:
            return proposals(await self._stories.passages(interaction, typed))

        @app_commands.rename(passage=self._phrase("option.passage.name"))
        @app_commands.describe(passage=self._phrase("option.passage.description"))
        @app_commands.autocomplete(passage=propose)
        async def branch(interaction: Interaction, passage: str) -> None:
            await self._stories.branch(interaction, passage)

        return branch

    def _open(self) -> Callback:
        async def propose(interaction: Interaction, typed: str) -> list[Choice[str]]:
            return proposals(await self._stories.titles(interaction, typed))

        @app_commands.rename(story=self._phrase("option.story.name"))
        @app_commands.describe(story=self._phrase("option.story.description"))
        @app_commands.autocomplete(story=propose)
        async def reopen(interaction: Interaction, story: str) -> None:
            await self._stories.reopen(interaction, story)

        return reopen

    def _export(self) -> Callback:
        @app_commands.rename(form=self._phrase("option.format.name"))
        @app_commands.describe(form=self._phrase("option.format.description"))
        @app_commands.choices(form=[Choice(name=form, value=form) for form in FORMATS])
        async def export(interaction: Interaction, form: str = FORMATS[0]) -> None:
            await self._stories.export(interaction, form)

        return export

    def _notes(self, action: Action) -> Callback:
        async def notes(interaction: Interaction) -> None:
            await self._stories.notes(interaction, action)

        return notes

    def _settings(self) -> Callback:
        async def propose(interaction: Interaction, typed: str) -> list[Choice[str]]:
            return proposals(await self._values(interaction, typed))

        options = ("scope", "rule", "value")
        scopes = [Choice(name=self._phrase(f"scope.{scope}"), value=str(scope)) for scope in SettingsScope]
        rules = [Choice(name=self._phrase(f"rule.{rule}"), value=rule) for rule in RULES]

        @app_commands.rename(**{name: self._phrase(f"option.{name}.name") for name in options})
        @app_commands.describe(**{name: self._phrase(f"option.{name}.description") for name in options})
        @app_commands.choices(scope=scopes, rule=rules)
        @app_commands.autocomplete(value=propose)
        async def settings(
            interaction: Interaction, rule: str = "", value: str = "", scope: str = ""
        ) -> None:
            await self._stories.settings(interaction, scope or SettingsScope.STORY, rule, value)

        return settings

    def _phrase(self, key: str) -> Phrase:
        return Phrase(self._translate, f"discord.{key}")


def _alone(callback: Callback) -> Callback:
    """A command without options: discord.py wants a function, not a method."""

    async def command(interaction: Interaction) -> None:
        await callback(interaction)

    return command
