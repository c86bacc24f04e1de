"""What the app asks of a workspace: scopes, events, commands. `config/slack-manifest.yaml` says the same."""

from __future__ import annotations

EVENT_SCOPES = {
    "app_home_opened": "",
    "app_mention": "app_mentions:read",
    "app_uninstalled": "",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "message.mpim": "mpim:history",
    "tokens_revoked": "",
}
"""What Slack is asked to send, and what that needs. A mention in a direct message is a `message.im` only."""

BOT_EVENTS = tuple(sorted(EVENT_SCOPES))

COMMAND = "/continue"
COMMAND_PATTERN = r"^/(continue|続き)$"
"""A workspace may name the command in Japanese; the manifest makes the English one."""

SHORTCUT = "continue_here"
"""The message shortcut 「ここから続ける」."""

EVENTS_PATH = "/slack/events"
"""Where HTTP mode receives events, commands and clicks."""
INSTALL_PATH = "/slack/install"
REDIRECT_PATH = "/slack/oauth_redirect"
"""Where people install the app in their workspaces, and where Slack sends them back to."""

_HISTORY = frozenset({"channels:history", "groups:history", "im:history", "mpim:history"})
"""One history scope for each kind of conversation that a story can be in."""
_WRITE = frozenset({"chat:write"})
_FILES = frozenset({"files:write"})

METHOD_SCOPES: dict[str, frozenset[str]] = {
    "auth.test": frozenset(),
    "bots.info": frozenset({"users:read"}),
    "chat.appendStream": _WRITE,
    "chat.delete": _WRITE,
    "chat.getPermalink": frozenset(),
    "chat.postEphemeral": _WRITE,
    "chat.postMessage": _WRITE,
    "chat.startStream": _WRITE,
    "chat.stopStream": _WRITE,
    "chat.update": _WRITE,
    "conversations.history": _HISTORY,
    "conversations.open": frozenset({"im:write"}),
    "conversations.replies": _HISTORY,
    "files.completeUploadExternal": _FILES,
    "files.getUploadURLExternal": _FILES,
    "files.info": frozenset({"files:read"}),
    "users.conversations": frozenset({"channels:read", "groups:read", "mpim:read"}),
    "users.info": frozenset({"users:read"}),
    "views.open": frozenset(),
    "views.publish": frozenset(),
}
"""Every method the adapter calls with the bot token, and what it needs; `files:read` to fetch files, too."""

TO_LIST_DIRECT_MESSAGES = "im:read"
"""What users.conversations needs besides, to tell who wrote to the bot while it was away."""

BOT_SCOPES = frozenset({"commands", TO_LIST_DIRECT_MESSAGES, *filter(None, EVENT_SCOPES.values())}).union(
    *METHOD_SCOPES.values()
)
