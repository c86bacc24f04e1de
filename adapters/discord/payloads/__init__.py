"""From discord.py's objects to values of ours."""
