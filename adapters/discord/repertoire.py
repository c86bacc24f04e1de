"""All that people can do besides writing, put together for one connection."""

from __future__ import annotations

from typing import Any

from discord import app_commands

from adapters.base import Play
from adapters.discord.answers import Answers
from adapters.discord.commands import continue_command
from adapters.discord.menus import Menus
from adapters.discord.moves import Moves
from adapters.discord.past import Past
from adapters.discord.posts import Posts
from adapters.discord.presses import Presses
from adapters.discord.proposing import Proposing
from adapters.discord.settings import Settings
from adapters.discord.slash import Continuing
from adapters.discord.stories import Stories
from adapters.discord.story_commands import StoryCommands
from adapters.discord.telling import Telling
from adapters.discord.threads import Threads
from adapters.double_clicks import DoubleClicks
from bot.seams import Say


def command_the(
    tree: app_commands.CommandTree[Any],
    play: Play,
    say: Say,
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
