"""Installing an app, and what its settings at Slack say."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from tests.servers.slack_workspace import BOT_USER, SlackRefusal

CLIENT_ID = "11.22"
CLIENT_SECRET = "loopback-client-secret"
CONFIG_TOKEN = "xoxe.xoxp-loopback-config"


class OAuth:
    """`agree` is what a person does in the browser: it gives the code that the app turns into a token."""

    def __init__(self, has_team: Callable[[str], bool]) -> None:
        self._has_team = has_team
        self._codes: dict[str, tuple[str, str]] = {}
        self.manifest: dict[str, Any] = {}

    def agree(self, team: str, token: str) -> str:
        """Somebody lets the app into a team, where it gets `token`; the code to come back with."""
        code = uuid.uuid4().hex
        self._codes[code] = (team, token)
        return code

    def access(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """oauth.v2.access."""
        if (given.get("client_id"), given.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            raise SlackRefusal("bad_client_secret")
        found = self._codes.pop(str(given.get("code")), None)
        if found is None or not self._has_team(found[0]):
            raise SlackRefusal("invalid_code")
        team, token = found
        return {
            "access_token": token,
            "token_type": "bot",
            "scope": "chat:write",
            "bot_user_id": BOT_USER,
            "app_id": "A1",
            "team": {"id": team, "name": team},
            "enterprise": None,
            "authed_user": {"id": "U1"},
            "is_enterprise_install": False,
        }

    def manifest_of(self, token: str) -> dict[str, Any]:
        """apps.manifest.export."""
        if token != CONFIG_TOKEN:
            raise SlackRefusal("invalid_auth")
        return {"manifest": self.manifest}
