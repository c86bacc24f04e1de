"""What the application commands are called: the code names keys, the phrases have their two languages.

discord.py asks for every text where a command is declared, before anybody can translate. So a command is
declared with the key of each text, and its English, which is Discord's default, is put in with the Japanese
when the commands are registered. Only the names by which discord.py finds commands and options stand in code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict, TypeVar

import discord
from discord import app_commands
from discord.app_commands import locale_str

from bot.domain.ports import Translate

INSTALLS = app_commands.AppInstallationType(guild=True, user=True)
CONTEXTS = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True)
LANGUAGES = {discord.Locale.japanese: "ja", discord.Locale.american_english: "en"}
_UNTRANSLATED = "…"

Callback = TypeVar("Callback")


class CommandTexts(TypedDict):
    """As discord.py's decorators take them."""

    name: locale_str
    description: locale_str


def phrase(key: str, name: str = _UNTRANSLATED) -> locale_str:
    """A text of Discord's by its key; `name`: the English one, where discord.py needs it."""
    return locale_str(name, key=f"discord.{key}")


def command_texts(key: str) -> CommandTexts:
    """A command's name and description; the last part of its key is its English name."""
    name = phrase(f"command.{key}.name", key.rpartition(".")[2])
    return CommandTexts(name=name, description=phrase(f"command.{key}.description"))


def option_texts(*names: str, **keys: str) -> Callable[[Callback], Callback]:
    """Names and descriptions of a command's options, by their parameters; `keys`: where that is another."""
    key_of = {**{name: name for name in names}, **keys}
    renamed = {option: phrase(f"option.{key}.name", key) for option, key in key_of.items()}
    described = {option: phrase(f"option.{key}.description") for option, key in key_of.items()}

    def decorate(callback: Callback) -> Callback:
        return app_commands.rename(**renamed)(app_commands.describe(**described)(callback))

    return decorate


class Translator(app_commands.Translator):
    """Gives discord.py both languages of our phrases."""

    def __init__(self, translate: Translate) -> None:
        self._translate = translate

    async def translate(
        self,
        string: locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,  # noqa: ARG002 - discord.py passes it
    ) -> str | None:
        """The phrase in Japanese or English; None elsewhere, where the English one is shown."""
        key, language = string.extras.get("key"), LANGUAGES.get(locale)
        return self._translate(key, language) if key and language else None
