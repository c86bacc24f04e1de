"""All that people can do besides writing, put together for one connection."""

from __future__ import annotations

from typing import Any

from discord import app_commands

from adapters.discord.catchup.thread_history import ThreadHistory
from adapters.discord.delivery.interaction_response import InteractionResponses
from adapters.discord.delivery.posts import Posts
from adapters.discord.delivery.threads import StoryThreads
from adapters.discord.handlers.autocomplete import Autocomplete
from adapters.discord.handlers.command_sync import continue_command
from adapters.discord.handlers.component_interactions import ComponentHandler
from adapters.discord.handlers.context_menus import ContextMenus
from adapters.discord.handlers.continue_command import ContinueCommand
from adapters.discord.handlers.settings_command import SettingsCommand
from adapters.discord.handlers.story_actions import Stories
from adapters.discord.handlers.story_commands import StoryCommands
from adapters.discord.handlers.tree_actions import ActNotices, TreeActions
from adapters.shared.double_clicks import DoubleClicks
from bot.core.services import Services
from bot.domain.ports import Translate


def register_commands(
    tree: app_commands.CommandTree[Any],
    services: Services,
    translate: Translate,
    posts: Posts,
    threads: StoryThreads,
    thread_history: ThreadHistory,
    clicks: DoubleClicks,
) -> ComponentHandler:
    """Put every command on `tree`; returns who takes the presses of buttons."""
    responses = InteractionResponses(translate)
    notices, settings = (
        ActNotices(services, translate, posts, responses),
        SettingsCommand(services, translate, responses),
    )
    tree_actions = TreeActions(services, notices)
    stories = Stories(services, translate, posts, responses, tree_actions, notices, settings)
    autocomplete = Autocomplete(services, translate)
    continuing = ContinueCommand(services, translate, posts, responses, threads, thread_history)
    components = ComponentHandler(
        services, translate, posts, responses, tree_actions, notices, stories, continuing, settings, clicks
    )
    commands = StoryCommands(translate, stories, autocomplete.values)
    tree.add_command(continue_command(translate, continuing.run, autocomplete.presets))
    tree.add_command(commands.story())
    tree.add_command(commands.help())
    for menu in ContextMenus(
        services, translate, posts, responses, components, tree_actions, threads
    ).commands():
        tree.add_command(menu)
    return components
