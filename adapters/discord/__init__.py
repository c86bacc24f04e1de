"""Stories in Discord: mentions, `/continue`, a thread for each story, text that streams in by edits."""

from adapters.discord.adapter import DiscordAdapter

__all__ = ["DiscordAdapter"]
