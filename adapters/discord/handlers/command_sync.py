"""The application commands: what they are called in each language, and when they are sent to Discord."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import Choice, locale_str
from discord.http import Route

from adapters.discord.delivery.interaction_response import Interaction
from bot.domain.jobs import GenerationOptions, Length
from bot.domain.ports import Translate

_log = logging.getLogger(__name__)

MAX_CANDIDATES = 5
MAX_PROPOSALS = 25
Asked = Callable[[Interaction, str, GenerationOptions], Awaitable[None]]
Proposed = Callable[[Interaction, str], Awaitable[Sequence[tuple[str, str]]]]
"""Proposals for what somebody types: names to show, and their values."""

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


class Phrase(locale_str):
    """A sentence by its key; Discord shows the English one where it has no translation."""

    def __init__(self, translate: Translate, key: str) -> None:
        super().__init__(translate(key, "en"), key=key)


class Translator(app_commands.Translator):
    """Gives discord.py the Japanese of our phrases."""

    def __init__(self, translate: Translate) -> None:
        self._translate = translate

    async def translate(
        self,
        string: locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,  # noqa: ARG002 - discord.py passes it
    ) -> str | None:
        """The phrase in Japanese; None elsewhere, where the default is English already."""
        key = string.extras.get("key")
        return self._translate(key, "ja") if key and locale is discord.Locale.japanese else None


INSTALLS = app_commands.AppInstallationType(guild=True, user=True)
CONTEXTS = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True)


def continue_command(
    translate: Translate, asked: Asked, presets: Proposed
) -> app_commands.Command[Any, ..., None]:
    """`/continue`, in Japanese `/続き`. `presets` proposes names while somebody types."""

    def phrase(key: str) -> Phrase:
        return Phrase(translate, f"discord.{key}")

    lengths = [Choice(name=phrase(f"length.{length}"), value=str(length)) for length in Length]
    options = ("text", "length", "preset", "candidates")

    async def propose(interaction: Interaction, typed: str) -> list[Choice[str]]:
        return proposals(await presets(interaction, typed))

    @app_commands.rename(**{name: phrase(f"option.{name}.name") for name in options})
    @app_commands.describe(**{name: phrase(f"option.{name}.description") for name in options})
    @app_commands.choices(length=lengths)
    @app_commands.autocomplete(preset=propose)
    async def go_on(
        interaction: Interaction,
        text: str = "",
        length: str = "",
        preset: str = "",
        candidates: app_commands.Range[int, 1, MAX_CANDIDATES] = 0,
    ) -> None:
        await asked(interaction, text, GenerationOptions(Length(length) if length else 0, preset, candidates))

    return app_commands.Command(
        name=phrase("command.continue.name"),
        description=phrase("command.continue.description"),
        callback=go_on,
        allowed_installs=INSTALLS,
        allowed_contexts=CONTEXTS,
    )


def proposals(found: Sequence[tuple[str, str]]) -> list[Choice[str]]:
    """What Discord shows while somebody types: 25 at most, each of 100 characters at most."""
    return [Choice(name=name[:100], value=value[:100]) for name, value in found[:MAX_PROPOSALS] if name]


async def sync_if_changed(tree: app_commands.CommandTree[Any], translator: Translator) -> bool:
    """Register the commands where Discord knows others; True if that was done.

    Discord allows 200 new commands a day, and clients cache them: a restart must not register them again.
    """
    wanted = [await command.get_translated_payload(tree, translator) for command in tree.get_commands()]
    application_id = tree.client.application_id
    # discord.py's own call leaves out the translations, which then would always seem to differ.
    known = await tree.client.http.request(
        Route("GET", f"/applications/{application_id}/commands?with_localizations=true")
    )
    if _comparable(known) == _comparable(wanted):
        return False
    await tree.sync()
    return True


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
