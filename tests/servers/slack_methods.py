"""The Web API methods: what each checks, does and answers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

from tests.servers.slack_content import check_message, check_view
from tests.servers.slack_interactions import Interactions
from tests.servers.slack_streams import Streams
from tests.servers.slack_workspace import BOT_ID, BOT_USER, Posted, SlackRefusal, Workspace

UPDATE_BYTES = 4_000
POST_CHARACTERS = 40_000
PAGE = 100

_TYPES = {"channel": "public_channel", "group": "private_channel", "im": "im", "mpim": "mpim"}

_LISTING = {
    "public_channel": "channels:read",
    "private_channel": "groups:read",
    "mpim": "mpim:read",
    "im": "im:read",
}
"""What each type of conversation needs to be listed."""

Arguments = Mapping[str, Any]
Answer = dict[str, Any]


class Methods:
    """Every method with a bot token, on one workspace."""

    def __init__(
        self,
        workspace: Workspace,
        interactions: Interactions,
        clock: Callable[[], float],
        upload_url: Callable[[str], str],
        scopes: Collection[str],
    ) -> None:
        self._workspace = workspace
        self._scopes = scopes
        self._interactions = interactions
        self._upload_url = upload_url
        self._names: dict[str, str] = {}
        self.most_at_once = 1_000
        """Messages a page: new commercial apps get 15."""
        self.streams = Streams(workspace, clock)
        self.ephemeral: list[dict[str, Any]] = []
        self.by_name: dict[str, Callable[[Arguments], Answer]] = {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post_message,
            "chat.update": self._update,
            "chat.delete": self._delete,
            "chat.postEphemeral": self._post_ephemeral,
            "conversations.replies": self._replies,
            "conversations.history": self._history,
            "conversations.info": self._info,
            "users.conversations": self._conversations,
            "users.info": self._user,
            "reactions.add": self._react,
            "bots.info": self._bot,
            "chat.startStream": self.streams.start,
            "chat.appendStream": self.streams.append,
            "chat.stopStream": self.streams.stop,
            "chat.getPermalink": self._permalink,
            "conversations.open": self._open,
            "files.getUploadURLExternal": self._upload_begun,
            "files.completeUploadExternal": self._uploaded,
            "views.open": self._view,
            "views.publish": self._home,
        }

    def _auth_test(self, _: Arguments) -> Answer:
        return {
            "url": "http://127.0.0.1/",
            "team": "物語",
            "user": "tsuzuki",
            "team_id": self._workspace.team,
        } | {
            "user_id": BOT_USER,
            "bot_id": BOT_ID,
        }

    def _post_message(self, given: Arguments) -> Answer:
        channel = self._workspace.writable(given["channel"])
        check_message(given)
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
        if self.streams.is_open(message):
            raise SlackRefusal("streaming_state_conflict")
        text = str(given.get("text") or "")
        if len(text.encode()) > UPDATE_BYTES:
            raise SlackRefusal("msg_too_long")
        check_message(given)
        message.history.append(message.shown)
        message.text, message.blocks = text, list(given.get("blocks") or [])
        message.metadata = dict(given.get("metadata") or message.metadata)
        return {"channel": channel.id, "ts": message.ts, "text": text, "message": message.payload()}

    def _delete(self, given: Arguments) -> Answer:
        message = self._workspace.message(given["channel"], given["ts"])
        if message.user != BOT_USER:
            raise SlackRefusal("cant_delete_message")
        if self.streams.is_open(message):
            raise SlackRefusal("streaming_state_conflict")
        self._workspace.delete(message)
        return {"channel": message.channel, "ts": message.ts}

    def _post_ephemeral(self, given: Arguments) -> Answer:
        self._workspace.writable(given["channel"])
        check_message(given)
        if given["user"] not in self._workspace.people:
            raise SlackRefusal("user_not_in_channel")
        self.ephemeral.append(dict(given))
        return {"message_ts": self._workspace.next_ts()}

    def _replies(self, given: Arguments) -> Answer:
        channel = self._workspace.readable(given["channel"])
        thread = self._workspace.thread(channel.id, given["ts"])
        if not thread:
            raise SlackRefusal("thread_not_found")
        first = [message for message in thread[:1] if message.ts == given["ts"]]
        return self._paged(first + _later(thread[len(first) :], given), given)

    def _history(self, given: Arguments) -> Answer:
        channel = self._workspace.readable(given["channel"])
        top = [m for m in self._workspace.messages if m.channel == channel.id and not m.thread_ts]
        return self._paged(_later(top, given)[::-1], given)

    def _paged(self, messages: list[Posted], given: Arguments) -> Answer:
        wants_metadata = str(given.get("include_all_metadata", "")).lower() in {"1", "true"}
        found, more = _page_of(messages, given, self.most_at_once)
        page = [self._workspace.told(message) for message in found]
        if not wants_metadata:
            page = [{key: value for key, value in message.items() if key != "metadata"} for message in page]
        return {"messages": page, "has_more": bool(more["response_metadata"]["next_cursor"])} | more

    def _info(self, given: Arguments) -> Answer:
        channel = self._workspace.channel(given["channel"])
        flags = {f"is_{kind}": channel.kind == kind for kind in ("channel", "group", "im", "mpim")}
        return {"channel": {"id": channel.id, "name": channel.name, "is_member": channel.has_bot} | flags}

    def _user(self, given: Arguments) -> Answer:
        person = self._workspace.people.get(given["user"])
        if person is None:
            raise SlackRefusal("user_not_found")
        user: Answer = {"id": person.id, "team_id": self._workspace.team, "name": person.name}
        user |= {"real_name": person.name, "is_admin": person.is_admin, "is_restricted": person.is_restricted}
        profile = {"display_name": person.display_name, "real_name": person.name}
        wants_locale = str(given.get("include_locale", "")).lower() in {"1", "true"}
        return {"user": user | {"profile": profile} | ({"locale": person.locale} if wants_locale else {})}

    def _conversations(self, given: Arguments) -> Answer:
        user, wanted = given.get("user"), str(given.get("types") or "public_channel").split(",")
        if user is not None and user not in self._workspace.people:
            raise SlackRefusal("user_not_found")
        if not all(_LISTING[kind] in self._scopes for kind in wanted):
            raise SlackRefusal("missing_scope")
        # Private ones only where the bot is a member, too.
        found = [
            {"id": channel.id, "name": channel.name}
            for channel in self._workspace.channels.values()
            if _TYPES[channel.kind] in wanted
            and user not in channel.left
            and (channel.has_bot or (channel.kind == "channel" and user is not None))
        ]
        page, more = _page_of(found, given, self.most_at_once)
        return {"channels": page} | more

    def _react(self, given: Arguments) -> Answer:
        self._workspace.message(given["channel"], given["timestamp"])
        self._workspace.reactions.append((given["channel"], given["timestamp"], given["name"]))
        return {}

    def _bot(self, given: Arguments) -> Answer:
        if given.get("bot") != BOT_ID:
            raise SlackRefusal("bot_not_found")
        return {"bot": {"id": BOT_ID, "app_id": "A1", "user_id": BOT_USER, "name": "tsuzuki"}}

    def _permalink(self, given: Arguments) -> Answer:
        channel = self._workspace.writable(given["channel"])
        message = self._workspace.message(channel.id, given["message_ts"])
        link = f"https://monogatari.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
        return {"channel": channel.id, "permalink": link}

    def _open(self, given: Arguments) -> Answer:
        if given["users"] not in self._workspace.people:
            raise SlackRefusal("user_not_found")
        return {"channel": {"id": "D1"}}

    def _upload_begun(self, given: Arguments) -> Answer:
        file_id = f"F{uuid.uuid4().hex[:8]}"
        self._names[file_id] = str(given["filename"])
        return {"file_id": file_id, "upload_url": self._upload_url(file_id)}

    def _uploaded(self, given: Arguments) -> Answer:
        channel = self._workspace.writable(given["channel_id"])
        done = []
        for file in given["files"]:
            if file["id"] not in self._workspace.files:
                raise SlackRefusal("file_not_found")
            done.append({"id": file["id"], "title": file["title"], "name": self._names[file["id"]]})
        thread = str(given.get("thread_ts") or "")
        message = Posted(channel.id, self._workspace.next_ts(), BOT_USER, "", thread)
        message.files, message.subtype = done, "file_share"
        self._workspace.add(message)
        return {"files": done}

    def _view(self, given: Arguments) -> Answer:
        check_view(given["view"])
        return self._interactions.open_view(str(given["trigger_id"]), dict(given["view"]))

    def _home(self, given: Arguments) -> Answer:
        check_view(given["view"])
        self._interactions.homes[given["user_id"]] = dict(given["view"])
        return {"view": dict(given["view"])}


def _later(messages: list[Posted], given: Arguments) -> list[Posted]:
    oldest, latest = float(given.get("oldest") or 0), float(given.get("latest") or "inf")
    return [message for message in messages if oldest < float(message.ts) < latest]


def _page_of(everything: list[Any], given: Arguments, most: int) -> tuple[list[Any], Answer]:
    start, limit = int(given.get("cursor") or 0), min(most, int(given.get("limit") or PAGE))
    end = start + limit
    cursor = str(end) if end < len(everything) else ""
    return everything[start:end], {"response_metadata": {"next_cursor": cursor}}
