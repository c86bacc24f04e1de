"""The Web API methods: what each checks, does and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.loopback.slack_workspace import BOT_ID, BOT_USER, TEAM, Posted, SlackRefusal, Workspace

UPDATE_BYTES = 4_000
POST_CHARACTERS = 40_000
BLOCKS_CHARACTERS = 13_200
PAGE = 100

Arguments = Mapping[str, Any]
Answer = dict[str, Any]


class Methods:
    """Every method with a bot token, on one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.ephemeral: list[dict[str, Any]] = []
        self.by_name: dict[str, Callable[[Arguments], Answer]] = {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post_message,
            "chat.update": self._update,
            "chat.postEphemeral": self._post_ephemeral,
            "conversations.replies": self._replies,
            "conversations.history": self._history,
            "conversations.info": self._info,
            "users.info": self._user,
            "reactions.add": self._react,
        }

    def _auth_test(self, _: Arguments) -> Answer:
        return {"url": "http://127.0.0.1/", "team": "物語", "user": "tsuzuki", "team_id": TEAM} | {
            "user_id": BOT_USER,
            "bot_id": BOT_ID,
        }

    def _post_message(self, given: Arguments) -> Answer:
        channel = self._workspace.writable(given["channel"])
        _check_content(given)
        message = self._workspace.add(
            Posted(
                channel.id,
                self._workspace.next_ts(),
                BOT_USER,
                str(given.get("text") or "")[:POST_CHARACTERS],
                str(given.get("thread_ts") or ""),
                list(given.get("blocks") or []),
                dict(given.get("metadata") or {}),
                dict(given),
            )
        )
        return {"channel": channel.id, "ts": message.ts, "message": message.payload()}

    def _update(self, given: Arguments) -> Answer:
        channel = self._workspace.writable(given["channel"])
        message = self._workspace.message(channel.id, given["ts"])
        if message.user != BOT_USER:
            raise SlackRefusal("cant_update_message")
        text = str(given.get("text") or "")
        if len(text.encode()) > UPDATE_BYTES:
            raise SlackRefusal("msg_too_long")
        _check_content(given)
        message.history.append(message.shown)
        message.text, message.blocks = text, list(given.get("blocks") or [])
        message.metadata = dict(given.get("metadata") or message.metadata)
        return {"channel": channel.id, "ts": message.ts, "text": text, "message": message.payload()}

    def _post_ephemeral(self, given: Arguments) -> Answer:
        self._workspace.writable(given["channel"])
        _check_content(given)
        if given["user"] not in self._workspace.people:
            raise SlackRefusal("user_not_in_channel")
        self.ephemeral.append(dict(given))
        return {"message_ts": self._workspace.next_ts()}

    def _replies(self, given: Arguments) -> Answer:
        channel = self._workspace.channel(given["channel"])
        thread = self._workspace.thread(channel.id, given["ts"])
        if not thread:
            raise SlackRefusal("thread_not_found")
        return _paged(thread, given)

    def _history(self, given: Arguments) -> Answer:
        channel = self._workspace.channel(given["channel"])
        top = [m for m in self._workspace.messages if m.channel == channel.id and not m.thread_ts]
        return _paged(top[::-1], given)

    def _info(self, given: Arguments) -> Answer:
        channel = self._workspace.channel(given["channel"])
        flags = {f"is_{kind}": channel.kind == kind for kind in ("channel", "group", "im", "mpim")}
        return {"channel": {"id": channel.id, "name": channel.name, "is_member": channel.has_bot} | flags}

    def _user(self, given: Arguments) -> Answer:
        person = self._workspace.people.get(given["user"])
        if person is None:
            raise SlackRefusal("user_not_found")
        user = {"id": person.id, "team_id": TEAM, "name": person.name, "real_name": person.name}
        profile = {"display_name": person.display_name, "real_name": person.name}
        wants_locale = str(given.get("include_locale", "")).lower() in {"1", "true"}
        return {"user": user | {"profile": profile} | ({"locale": person.locale} if wants_locale else {})}

    def _react(self, given: Arguments) -> Answer:
        self._workspace.message(given["channel"], given["timestamp"])
        self._workspace.reactions.append((given["channel"], given["timestamp"], given["name"]))
        return {}


def _paged(messages: list[Posted], given: Arguments) -> Answer:
    start, limit = int(given.get("cursor") or 0), int(given.get("limit") or PAGE)
    wants_metadata = str(given.get("include_all_metadata", "")).lower() in {"1", "true"}
    page = [message.payload() for message in messages[start : start + limit]]
    if not wants_metadata:
        page = [{key: value for key, value in message.items() if key != "metadata"} for message in page]
    end = start + limit
    more = end < len(messages)
    return {
        "messages": page,
        "has_more": more,
        "response_metadata": {"next_cursor": str(end) if more else ""},
    }


def _check_content(given: Arguments) -> None:
    blocks = given.get("blocks") or []
    if not given.get("text") and not blocks:
        raise SlackRefusal("no_text")
    if sum(_checked(block) for block in blocks) > BLOCKS_CHARACTERS:
        raise SlackRefusal("msg_blocks_too_long")


def _checked(node: Any) -> int:
    """The characters of a block and what is in it; empty texts are refused as Slack refuses them."""
    if not isinstance(node, dict) or "type" not in node:
        raise SlackRefusal("invalid_blocks")
    own = node.get("text")
    if isinstance(own, str):
        if not own:
            raise SlackRefusal("invalid_blocks")
        return len(own)
    children = [*node.get("elements", []), *([own] if isinstance(own, dict) else [])]
    if not children:
        raise SlackRefusal("invalid_blocks")
    return sum(_checked(child) for child in children)
