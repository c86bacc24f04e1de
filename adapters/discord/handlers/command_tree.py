"""All that people can do besides writing, put together for one connection."""

from __future__ import annotations

from typing import Any

from discord import app_commands

from adapters.discord.catchup.thread_history import ThreadHistory
from adapters.discord.delivery.interaction_response import (
    Interaction,
    InteractionResponses,
    locale_of_interaction,
)
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
from adapters.shared.double_clicks import DoubleClicks
from bot.core.services import Services
from bot.domain.ports import Translate


def register_commands(
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
        help_text = translate("discord.help", locale_of_interaction(interaction))
        await responses.send_ephemeral(interaction, help_text)

    for command in (continuing.command(), story, show_help):
        tree.add_command(command)
    for menu in menus.commands():
        tree.add_command(menu)
    return components
