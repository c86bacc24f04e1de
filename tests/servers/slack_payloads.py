"""What travels: events on their way out, the arguments and tokens of calls on their way in."""

from __future__ import annotations

import base64
import json
from typing import Any

from aiohttp import web

from tests.servers.slack_workspace import BOT_USER, TEAM


def event_callback(event: dict[str, Any], team: str = TEAM) -> dict[str, Any]:
    """The outer event around an inner one."""
    return {
        "token": "unused",
        "team_id": team,
        "api_app_id": "A1",
        "event": event,
        "type": "event_callback",
        "event_id": f"Ev{event['type']}{event['event_ts']}",
        "event_time": int(float(event["event_ts"])),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": team,
                "user_id": BOT_USER,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
    }


async def arguments_of(request: web.Request) -> dict[str, Any]:
    """The arguments of a call, however they came."""
    given: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        given |= json.loads(await request.text() or "{}")
    elif request.method == "POST":
        given |= dict(await request.post())
    if (basic := request.headers.get("Authorization", "")).startswith("Basic "):
        client_id, _, secret = base64.b64decode(basic.removeprefix("Basic ")).decode().partition(":")
        given |= {"client_id": client_id, "client_secret": secret}
    for name in ("blocks", "metadata", "chunks", "view", "files"):
        if isinstance(given.get(name), str):
            given[name] = json.loads(given[name])
    return given


def token_of(request: web.Request, given: dict[str, Any]) -> str:
    """The token of a call, from its header or its arguments."""
    header = request.headers.get("Authorization", "")
    return header.removeprefix("Bearer ") or str(given.get("token", ""))
