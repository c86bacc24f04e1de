"""What the app asks of a workspace: scopes, events, commands. `config/slack-manifest.yaml` says the same."""

from __future__ import annotations

BOT_EVENTS = ("app_mention", "message.im")
"""What Slack is asked to send. A mention in a direct message comes as `message.im` only."""

COMMAND = "/continue"
COMMAND_PATTERN = r"^/(continue|続き)$"
"""A workspace may name the command in Japanese; the manifest makes the English one."""

EVENTS_PATH = "/slack/events"
"""Where HTTP mode hears events and commands."""

METHOD_SCOPES: dict[str, frozenset[str]] = {
    "auth.test": frozenset(),
    "chat.postMessage": frozenset({"chat:write"}),
    "chat.update": frozenset({"chat:write"}),
    "chat.postEphemeral": frozenset({"chat:write"}),
    "users.info": frozenset({"users:read"}),
    # One history scope for each kind of conversation that a story can be in.
    "conversations.replies": frozenset({"channels:history", "groups:history", "im:history", "mpim:history"}),
    "conversations.history": frozenset({"channels:history", "groups:history", "im:history", "mpim:history"}),
}
"""Every method the adapter calls with the bot token, and what it needs."""

EVENT_SCOPES = {"app_mention": "app_mentions:read", "message.im": "im:history"}

BOT_SCOPES = frozenset({"commands", *EVENT_SCOPES.values()}).union(*METHOD_SCOPES.values())
