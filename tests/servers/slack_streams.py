"""Native streams: messages that grow until they are stopped, or for five minutes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.servers.slack_content import check_blocks
from tests.servers.slack_workspace import BOT_USER, Posted, SlackRefusal, Workspace

EXPIRES_S = 300.0
CALL_CHARACTERS = 12_000

Arguments = Mapping[str, Any]
Answer = dict[str, Any]


class Streams:
    """The streaming methods of one workspace."""

    def __init__(self, workspace: Workspace, clock: Callable[[], float]) -> None:
        self._workspace = workspace
        self._clock = clock
        self.nameless = False
        """The answer to a stream's start leaves its ts out."""

    def start(self, given: Arguments) -> Answer:
        """chat.startStream."""
        channel = self._workspace.writable(given["channel"])
        if not given.get("thread_ts"):
            raise SlackRefusal("invalid_thread_ts")
        if channel.kind != "im" and not (given.get("recipient_user_id") and given.get("recipient_team_id")):
            raise SlackRefusal("missing_recipient_user_id")
        text, blocks = _content(given)
        message = self._workspace.add(
            Posted(
                channel.id,
                self._workspace.next_ts(),
                BOT_USER,
                text,
                str(given["thread_ts"]),
                blocks,
                arguments=dict(given),
                streaming_since=self._clock(),
                streamed=True,
            )
        )
        return {"channel": channel.id} | ({} if self.nameless else {"ts": message.ts})

    def append(self, given: Arguments) -> Answer:
        """chat.appendStream."""
        message = self._streaming(given)
        text, blocks = _content(given)
        message.history.append(message.text)
        message.text += text
        message.blocks = message.blocks + blocks
        return {"channel": message.channel, "ts": message.ts}

    def stop(self, given: Arguments) -> Answer:
        """chat.stopStream."""
        message = self._streaming(given)
        if given.get("chunks") or given.get("markdown_text"):
            text, _ = _content(given)
            message.text += text
        message.blocks = list(given.get("blocks") or message.blocks)
        message.metadata = dict(given.get("metadata") or {})
        message.streaming_since = None
        return {"channel": message.channel, "ts": message.ts, "message": message.payload()}

    def is_open(self, message: Posted) -> bool:
        """Whether a message still grows."""
        since = message.streaming_since
        return since is not None and self._clock() - since < EXPIRES_S

    def _streaming(self, given: Arguments) -> Posted:
        message = self._workspace.message(given["channel"], given["ts"])
        if not self.is_open(message):
            raise SlackRefusal("message_not_in_streaming_state")
        return message


def _content(given: Arguments) -> tuple[str, list[dict[str, Any]]]:
    chunks, text = given.get("chunks"), str(given.get("markdown_text") or "")
    if chunks and text:
        raise SlackRefusal("invalid_arguments")
    if not chunks and not text:
        raise SlackRefusal("no_text")
    blocks: list[dict[str, Any]] = []
    for chunk in chunks or ():
        if chunk.get("type") == "markdown_text":
            text += chunk["text"]
        elif chunk.get("type") == "blocks":
            check_blocks(chunk["blocks"])
            blocks += chunk["blocks"]
        else:
            raise SlackRefusal("invalid_chunks")
    if len(text) > CALL_CHARACTERS:
        raise SlackRefusal("msg_too_long")
    return text, blocks
