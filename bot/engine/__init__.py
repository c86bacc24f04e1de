"""The worker as the bot sees it: the client of its protocol, and the keeper of one on this machine."""
