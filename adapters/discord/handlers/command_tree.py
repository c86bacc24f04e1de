"""All that people can do besides writing, put together for one connection."""

from __future__ import annotations

from typing import Any

from discord import app_commands

from adapters.discord.catchup.thread_history import Past
from adapters.discord.delivery.interaction_response import Answers
from adapters.discord.delivery.posts import Posts
from adapters.discord.delivery.threads import Threads
from adapters.discord.handlers.autocomplete import Proposing
from adapters.discord.handlers.command_sync import continue_command
from adapters.discord.handlers.component_interactions import Presses
from adapters.discord.handlers.context_menus import Menus
from adapters.discord.handlers.continue_command import Continuing
from adapters.discord.handlers.settings_command import Settings
from adapters.discord.handlers.story_actions import Stories
from adapters.discord.handlers.story_commands import StoryCommands
from adapters.discord.handlers.tree_actions import Moves, Telling
from adapters.shared.double_clicks import DoubleClicks
from adapters.shared.ports import Play
from bot.domain.ports import Translate


def command_the(
    tree: app_commands.CommandTree[Any],
    play: Play,
    say: Translate,
    posts: Posts,
    threads: Threads,
    past: Past,
    clicks: DoubleClicks,
) -> Presses:
    """Put every command on `tree`; returns who takes the presses of buttons."""
    answers = Answers(say)
    telling, settings = Telling(play, say, posts, answers), Settings(play, say, answers)
    moves = Moves(play, telling)
    stories = Stories(play, say, posts, answers, moves, telling, settings)
    proposing = Proposing(play, say)
    continuing = Continuing(play, say, posts, answers, threads, past)
    presses = Presses(play, say, posts, answers, moves, telling, stories, continuing, settings, clicks)
    commands = StoryCommands(say, stories, proposing.values)
    tree.add_command(continue_command(say, continuing.asked, proposing.presets))
    tree.add_command(commands.story())
    tree.add_command(commands.help())
    for menu in Menus(play, say, posts, answers, presses, moves, threads).commands():
        tree.add_command(menu)
    return presses
