"""Which scope each Web API method needs, as Slack says, and what an app is granted when it is installed."""

from __future__ import annotations

import yaml

from tests import ROOT

_MANIFEST = ROOT / "config" / "slack-manifest.yaml"

_HISTORY = {"channels:history", "groups:history", "im:history", "mpim:history"}

METHOD_SCOPES: dict[str, set[str]] = {
    "bots.info": {"users:read"},
    "chat.appendStream": {"chat:write"},
    "chat.delete": {"chat:write"},
    "chat.postEphemeral": {"chat:write"},
    "chat.postMessage": {"chat:write"},
    "chat.startStream": {"chat:write"},
    "chat.stopStream": {"chat:write"},
    "chat.update": {"chat:write"},
    "conversations.history": _HISTORY,
    "conversations.open": {"im:write"},
    "conversations.replies": _HISTORY,
    "files.completeUploadExternal": {"files:write"},
    "files.getUploadURLExternal": {"files:write"},
    "files.info": {"files:read"},
    "users.conversations": {"channels:read", "groups:read", "mpim:read"},
    "users.info": {"users:read"},
}
"""For every kind of conversation at once: the app asks for all. A method that is not here needs none."""


def granted_scopes() -> set[str]:
    """What a workspace grants that installs the app from the manifest in `config`."""
    manifest = yaml.safe_load(_MANIFEST.read_text("utf-8"))
    return set(manifest["oauth_config"]["scopes"]["bot"])
