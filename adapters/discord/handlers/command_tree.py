"""The application commands: put together for one connection, and registered where Discord knows others."""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands
from discord.http import Route

from adapters.discord.delivery.interaction_response import Interaction, InteractionResponses
from adapters.discord.delivery.posts import Posts
from adapters.discord.delivery.threads import StoryThreads
from adapters.discord.handlers.autocomplete import Autocomplete
from adapters.discord.handlers.command_texts import command_texts
from adapters.discord.handlers.component_interactions import ComponentHandler
from adapters.discord.handlers.context_menus import ContextMenus
from adapters.discord.handlers.continue_command import ContinueCommand
from adapters.discord.handlers.settings_command import SettingsCommand
from adapters.discord.handlers.story_group import StoryGroup
from adapters.discord.handlers.tree_actions import ActNotices, TreeActions
from adapters.discord.payloads.thread_history import ThreadHistory
from adapters.shared.double_clicks import DoubleClicks
from bot.core.services import Services
from bot.domain.ports import Translate

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


def add_commands(
    tree: app_commands.CommandTree[Any],
    services: Services,
    translate: Translate,
    posts: Posts,
    responses: InteractionResponses,
    threads: StoryThreads,
    thread_history: ThreadHistory,
    clicks: DoubleClicks,
) -> ComponentHandler:
    """Put every command on `tree`; returns who handles buttons and forms."""
    notices = ActNotices(services, translate, posts, responses)
    settings, tree_actions = SettingsCommand(services, translate, responses), TreeActions(services, notices)
    autocomplete = Autocomplete(services, translate)
    story = StoryGroup(services, translate, posts, responses, tree_actions, notices, settings, autocomplete)
    continuing = ContinueCommand(services, translate, posts, responses, threads, thread_history, autocomplete)
    components = ComponentHandler(
        services, translate, posts, responses, tree_actions, notices, story, continuing, settings, clicks
    )
    menus = ContextMenus(services, translate, posts, responses, components, tree_actions, threads)

    @app_commands.command(**command_texts("help"))
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def show_help(interaction: Interaction) -> None:
        await responses.send_phrase(interaction, "discord.help")

    for command in (continuing.command(), story, show_help):
        tree.add_command(command)
    for menu in menus.commands():
        tree.add_command(menu)
    return components


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
