"""The application commands: what they are called, and their registration where Discord knows others.

discord.py asks for every text where a command is declared, before anybody can translate. So a command is
declared with the key of each text, and its English, which is Discord's default, is put in with the Japanese
when the commands are registered. Only the names by which discord.py finds commands and options stand in code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict, TypeVar

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.http import Route

from bot.domain.ports import Translate

DEFAULT_LANGUAGE = discord.Locale.american_english.value
INSTALLS = app_commands.AppInstallationType(guild=True, user=True)
CONTEXTS = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True)
LANGUAGES = {discord.Locale.japanese: "ja", discord.Locale.american_english: "en"}
_UNTRANSLATED = "…"
_COMPARED = (
    "type",
    "name",
    "description",
    "name_localizations",
    "description_localizations",
    "contexts",
    "integration_types",
    "required",
    "min_value",
    "max_value",
    "min_length",
    "max_length",
    "value",
    "autocomplete",
)

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


async def sync_if_changed(
    tree: app_commands.CommandTree[Any], translator: app_commands.Translator, application_id: int
) -> bool:
    """Register the commands where Discord knows others; True if that was done.

    Discord allows 200 new commands a day, and clients cache them: a restart must not register them again.

    Raises:
        discord.HTTPException, app_commands.TranslationError
    """
    payloads = [await command.get_translated_payload(tree, translator) for command in tree.get_commands()]
    wanted = [_in_english(payload) for payload in payloads]
    http = tree.client.http
    # discord.py's own call leaves out the translations, which then would always seem to differ.
    known = await http.request(
        Route("GET", f"/applications/{application_id}/commands?with_localizations=true")
    )
    if _comparable(known) == _comparable(wanted):
        return False
    await http.bulk_upsert_global_commands(application_id, payload=wanted)
    return True


def _in_english(part: dict[str, Any]) -> dict[str, Any]:
    """A command, option or choice with its English texts as what people of other languages see."""
    changed = dict(part)
    for text in ("name", "description"):
        translations = dict(part.get(f"{text}_localizations", {}))
        if DEFAULT_LANGUAGE in translations:
            changed[text] = translations.pop(DEFAULT_LANGUAGE)
            changed[f"{text}_localizations"] = translations
    for inner in ("options", "choices"):
        if part.get(inner):
            changed[inner] = [_in_english(each) for each in part[inner]]
    return changed


def _comparable(commands: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted((_essence(command) for command in commands), key=_order)


def _order(command: dict[str, Any]) -> tuple[int, str]:
    return int(command.get("type", 1)), str(command["name"])


def _essence(part: dict[str, Any]) -> dict[str, Any]:
    kept = {key: part[key] for key in _COMPARED if part.get(key) not in (None, False, {}, [])}
    for key in ("options", "choices"):
        if part.get(key):
            kept[key] = [_essence(inner) for inner in part[key]]
    return kept
