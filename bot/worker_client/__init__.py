"""The worker, seen from the bot: a client, and the supervisor of a local one."""
