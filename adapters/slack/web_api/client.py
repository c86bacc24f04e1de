"""The Web API calls the adapter makes: one budget, one border for errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.delivery.render import MessageContent
from adapters.slack.payloads.events import SlackThread
from adapters.slack.payloads.files import File, parse_file
from adapters.slack.web_api.errors import (
    SDK_ERRORS,
    MessageNotFound,
    Refused,
    ResponseLost,
    to_delivery_error,
)
from adapters.slack.web_api.rate_limits import RESTRICTED_PAGE, MethodRateLimits
from bot.domain.errors import RetryLater

METADATA_TYPE = "tsuzuki"
Retry = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]
"""Makes a call, again where Slack says "later"."""

CHANNELS, DIRECT = "public_channel,private_channel,mpim", "im"
_PAGE = 200
_MAX_PAGES = 100


class WebApi:
    """Calls with the bot token.

    The client must have no retry handlers: a post whose answer was lost would be sent again blindly.
    Every method raises RetryLater (ResponseLost where the call may have been done) or Refused.
    """

    def __init__(self, client: AsyncWebClient, rate_limits: MethodRateLimits) -> None:
        self._client = client
        self.rate_limits = rate_limits

    async def identity(self) -> tuple[Mapping[str, Any], frozenset[str] | None]:
        """Who the token belongs to, and its scopes where Slack names them."""
        response = await self._call("auth.test", self._client.auth_test)
        granted = response.headers.get("x-oauth-scopes")
        return response.data, None if granted is None else frozenset(granted.replace(" ", "").split(","))

    async def post(self, thread: SlackThread, shown: MessageContent, key: str) -> str:
        """Post to a channel or thread; returns the message's ts. `key` travels in its metadata."""
        response = await self._call(
            "chat.postMessage",
            self._client.chat_postMessage,
            channel=thread.channel,
            thread_ts=thread.thread_ts or None,
            text=shown.text,
            blocks=shown.blocks,
            metadata=_metadata(key),
            mrkdwn=False,
            parse="none",
            link_names=False,
            unfurl_links=False,
            unfurl_media=False,
        )
        return str(response["ts"])

    async def update(
        self, channel: str, ts: str, shown: MessageContent, key: str = "", *, low_priority: bool = False
    ) -> None:
        """Make an earlier message show something else; a stream that is open there ends. Metadata stays.

        `low_priority`: people have its text already, so that changes of a text go first.
        """
        try:
            await self._update(channel, ts, shown, low_priority=low_priority)
        except Refused as error:
            if error.code != "streaming_state_conflict":
                raise
            await self._end_stream(channel, ts, key or "ended")
            await self._update(channel, ts, shown, low_priority=False)

    async def _update(self, channel: str, ts: str, shown: MessageContent, *, low_priority: bool) -> None:
        await self._call(
            "chat.update",
            self._client.chat_update,
            low_priority=low_priority,
            channel=channel,
            ts=ts,
            text=shown.text,
            blocks=shown.blocks,
            parse="none",
            link_names=False,
        )

    async def start_stream(self, thread: SlackThread, chunks: Sequence[dict[str, Any]], user_id: str) -> str:
        """Begin a message that grows, for a person; returns its ts, empty where Slack names none."""
        response = await self._call(
            "chat.startStream",
            self._client.chat_startStream,
            channel=thread.channel,
            thread_ts=thread.thread_ts,
            chunks=chunks,
            recipient_team_id=thread.team,
            recipient_user_id=user_id,
        )
        return str(response.get("ts") or "")

    async def append_stream(self, channel: str, ts: str, chunks: Sequence[dict[str, Any]]) -> None:
        """Let a message grow."""
        await self._call(
            "chat.appendStream", self._client.chat_appendStream, channel=channel, ts=ts, chunks=chunks
        )

    async def stop_stream(
        self, channel: str, ts: str, key: str, chunks: Sequence[dict[str, Any]] = ()
    ) -> None:
        """A message that grew is an ordinary one from now on, with `key` in its metadata."""
        await self._call(
            "chat.stopStream",
            self._client.chat_stopStream,
            channel=channel,
            ts=ts,
            metadata=_metadata(key),
            chunks=chunks or None,
        )

    async def _end_stream(self, channel: str, ts: str, key: str) -> None:
        try:
            await self.stop_stream(channel, ts, key)
        except Refused as error:
            # It ended meanwhile: by itself, or by a stop whose answer was lost.
            if error.code != "message_not_in_streaming_state":
                raise

    async def delete(self, channel: str, ts: str) -> None:
        """Take a message of ours away; a stream that is open there ends."""
        try:
            await self._delete_once(channel, ts)
        except MessageNotFound:
            return
        except Refused as error:
            if error.code != "streaming_state_conflict":
                raise
            await self._end_stream(channel, ts, "removed")
            await self._delete_once(channel, ts)

    async def _delete_once(self, channel: str, ts: str) -> None:
        await self._call("chat.delete", self._client.chat_delete, channel=channel, ts=ts)

    async def upload(self, thread: SlackThread, name: str, title: str, content: str) -> None:
        """Put a text file into a thread."""
        # The SDK makes both calls at once: both have their turn first.
        await self.rate_limits.acquire("files.getUploadURLExternal")
        await self._call(
            "files.completeUploadExternal",
            self._client.files_upload_v2,
            filename=name,
            title=title,
            content=content.encode(),
            channel=thread.channel,
            thread_ts=thread.thread_ts or None,
        )

    async def file_info(self, file_id: str) -> File:
        """A file that a message only names."""
        response = await self._call("files.info", self._client.files_info, file=file_id)
        return parse_file(response.get("file") or {})

    async def open_view(self, trigger_id: str, view: Mapping[str, Any]) -> None:
        """Open a form before the person who just clicked or typed."""
        await self._call("views.open", self._client.views_open, trigger_id=trigger_id, view=view)

    async def publish_home(self, user_id: str, view: Mapping[str, Any]) -> None:
        """Show a person their home tab."""
        await self._call("views.publish", self._client.views_publish, user_id=user_id, view=view)

    async def direct_channel(self, user_id: str) -> str:
        """The channel of the bot's direct messages with a person."""
        response = await self._call("conversations.open", self._client.conversations_open, users=user_id)
        return str(response["channel"]["id"])

    async def channels_of(self, user_id: str) -> frozenset[str]:
        """The channels and group conversations that a person is a member of, as far as the bot may know."""
        return frozenset(await self.conversations(CHANNELS, user=user_id))

    async def conversations(self, types: str, user: str | None = None) -> list[str]:
        """The conversations of some types (CHANNELS, DIRECT) that the bot or a person is in."""
        found: list[str] = []
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            page = await self._call(
                "users.conversations",
                self._client.users_conversations,
                types=types,
                limit=_PAGE,
                cursor=cursor,
                user=user,
            )
            found += [str(channel["id"]) for channel in page.get("channels") or ()]
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                break
        return found

    async def permalink(self, channel: str, ts: str) -> str:
        """The address of a message."""
        response = await self._call(
            "chat.getPermalink", self._client.chat_getPermalink, channel=channel, message_ts=ts
        )
        return str(response["permalink"])

    async def post_ephemeral(self, thread: SlackThread, user_id: str, shown: MessageContent) -> None:
        """Show one person something."""
        await self._call(
            "chat.postEphemeral",
            self._client.chat_postEphemeral,
            channel=thread.channel,
            thread_ts=thread.thread_ts or None,
            user=user_id,
            text=shown.text,
            blocks=shown.blocks,
            parse="none",
        )

    async def user(self, user_id: str) -> Mapping[str, Any]:
        """A person, with their locale."""
        response = await self._call("users.info", self._client.users_info, user=user_id, include_locale=True)
        user: Mapping[str, Any] = response.get("user") or {}
        return user

    async def messages(
        self,
        thread: SlackThread,
        retry: Retry | None = None,
        *,
        since: float = 0.0,
        low_priority: bool = False,
    ) -> AsyncIterator[Mapping[str, Any]]:
        """The messages of a thread, oldest first, or the latest of a channel, latest first; with metadata.

        `retry` tries a page again. Some apps get 15 messages a minute: beginning anew would never end.
        `since`: only later ones, in seconds since 1970, and a thread's first.
        """
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            page = partial(self._page, thread, cursor, since, low_priority=low_priority)
            response = await (page() if retry is None else retry(page))
            for message in response.get("messages") or ():
                yield message
            cursor = (response.get("response_metadata") or {}).get("next_cursor")
            # A post of our own in a channel is recent: its first page is enough.
            if not cursor or not thread.thread_ts:
                return

    async def _page(
        self, thread: SlackThread, cursor: str | None, since: float, *, low_priority: bool
    ) -> Any:
        within: dict[str, Any] = {
            "channel": thread.channel,
            "include_all_metadata": True,
            "limit": _PAGE,
            "oldest": f"{since:.6f}" if since else None,
        }
        call: Callable[..., Awaitable[Any]]
        method, call = "conversations.history", self._client.conversations_history
        if thread.thread_ts:
            method, call = "conversations.replies", self._client.conversations_replies
            within |= {"ts": thread.thread_ts, "cursor": cursor}
        page = await self._call(method, call, low_priority=low_priority, **within)
        more = (page.get("response_metadata") or {}).get("next_cursor")
        if more and len(page.get("messages") or ()) <= RESTRICTED_PAGE:
            self.rate_limits.restrict(method)
        return page

    async def _call(
        self,
        method: str,
        call: Callable[..., Awaitable[Any]],
        *,
        low_priority: bool = False,
        **arguments: Any,
    ) -> Any:
        await self.rate_limits.acquire(method, arguments.get("channel", ""), low_priority=low_priority)
        try:
            return await call(**arguments)
        except SDK_ERRORS as error:
            failure = to_delivery_error(method, error)
            if (
                isinstance(failure, RetryLater)
                and not isinstance(failure, ResponseLost)
                and failure.after_s is not None
            ):
                self.rate_limits.block(method, failure.after_s)
            # `from None`: the SDK's error carries the request, and with it people's text.
            raise failure from None


def _metadata(key: str) -> dict[str, Any]:
    return {"event_type": METADATA_TYPE, "event_payload": {"key": key}}
