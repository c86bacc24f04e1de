"""Registers the application commands with Discord, where it knows others."""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands
from discord.http import Route

DEFAULT_LANGUAGE = discord.Locale.american_english.value
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
