"""The Web API calls the adapter makes: one budget, one border for errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.delivery.render import Shown
from adapters.slack.payloads.events import Place
from adapters.slack.payloads.files import File, file_of
from adapters.slack.web_api.download import download
from adapters.slack.web_api.errors import TROUBLE, AnswerLost, Gone, Refused, translated
from adapters.slack.web_api.rate_budget import LITTLE_AT_ONCE, Budget
from bot.domain.errors import RetryLater

METADATA_TYPE = "tsuzuki"
Patience = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]
"""Makes a call, again where Slack says "later"."""

CHANNELS, DIRECT = "public_channel,private_channel,mpim", "im"
_PAGE = 200
_MAX_PAGES = 100


class WebApi:
    """Calls with the bot token.

    The client must have no retry handlers: a post whose answer was lost would be sent again blindly.
    Every method raises RetryLater (AnswerLost where the call may have been done) or Refused.
    """

    def __init__(self, client: AsyncWebClient, budget: Budget) -> None:
        self._client = client
        self._budget = budget

    async def identity(self) -> tuple[Mapping[str, Any], frozenset[str] | None]:
        """Who the token belongs to, and its scopes where Slack names them."""
        response = await self._call("auth.test", "", self._client.auth_test)
        granted = response.headers.get("x-oauth-scopes")
        return response.data, None if granted is None else frozenset(granted.replace(" ", "").split(","))

    async def post(self, place: Place, shown: Shown, key: str) -> str:
        """Post to a channel or thread; returns the message's ts. `key` travels in its metadata."""
        response = await self._call(
            "chat.postMessage",
            place.channel,
            lambda: self._client.chat_postMessage(
                channel=place.channel,
                thread_ts=place.thread_ts or None,
                text=shown.text,
                blocks=shown.blocks,
                metadata=_metadata(key),
                mrkdwn=False,
                parse="none",
                link_names=False,
                unfurl_links=False,
                unfurl_media=False,
            ),
        )
        return str(response["ts"])

    async def update(
        self, channel: str, ts: str, shown: Shown, key: str = "", *, patient: bool = False
    ) -> None:
        """Make an earlier message show something else; a stream that is open there ends. Metadata stays.

        `patient`: people have its text already, so that changes of a text go first.
        """
        try:
            await self._update(channel, ts, shown, patient=patient)
        except Refused as error:
            if error.code != "streaming_state_conflict":
                raise
            await self._end_stream(channel, ts, key or "ended")
            await self._update(channel, ts, shown, patient=False)

    async def _update(self, channel: str, ts: str, shown: Shown, *, patient: bool) -> None:
        await self._call(
            "chat.update",
            channel,
            lambda: self._client.chat_update(
                channel=channel, ts=ts, text=shown.text, blocks=shown.blocks, parse="none", link_names=False
            ),
            patient=patient,
        )

    def may_stream(self) -> bool:
        """Whether another stream could be started at once."""
        return self._budget.free("chat.startStream")

    def pace_s(self, method: str, messages: int) -> float:
        """How long each of so many messages that grow by `method` rests between two changes."""
        return self._budget.pace_s(method, messages)

    async def start_stream(self, place: Place, chunks: Sequence[Mapping[str, Any]], user_id: str) -> str:
        """Begin a message that grows, for a person; returns its ts, empty where Slack names none."""
        response = await self._call(
            "chat.startStream",
            place.channel,
            lambda: self._client.chat_startStream(
                channel=place.channel,
                thread_ts=place.thread_ts,
                chunks=_dicts(chunks),
                recipient_team_id=place.team,
                recipient_user_id=user_id,
            ),
        )
        return str(response.get("ts") or "")

    async def append_stream(self, channel: str, ts: str, chunks: Sequence[Mapping[str, Any]]) -> None:
        """Let a message grow."""
        await self._call(
            "chat.appendStream",
            channel,
            lambda: self._client.chat_appendStream(channel=channel, ts=ts, chunks=_dicts(chunks)),
        )

    async def stop_stream(
        self, channel: str, ts: str, key: str, chunks: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """A message that grew is an ordinary one from now on, with `key` in its metadata."""
        await self._call(
            "chat.stopStream",
            channel,
            lambda: self._client.chat_stopStream(
                channel=channel, ts=ts, metadata=_metadata(key), chunks=_dicts(chunks) or None
            ),
        )

    async def _end_stream(self, channel: str, ts: str, key: str) -> None:
        try:
            await self.stop_stream(channel, ts, key)
        except Refused as error:
            # It ended meanwhile: by itself, or by a stop whose answer was lost.
            if error.code != "message_not_in_streaming_state":
                raise

    async def remove(self, channel: str, ts: str) -> None:
        """Take a message of ours away; a stream that is open there ends."""
        try:
            await self._delete(channel, ts)
        except Gone:
            return
        except Refused as error:
            if error.code != "streaming_state_conflict":
                raise
            await self._end_stream(channel, ts, "removed")
            await self._delete(channel, ts)

    async def _delete(self, channel: str, ts: str) -> None:
        await self._call("chat.delete", channel, lambda: self._client.chat_delete(channel=channel, ts=ts))

    async def upload(self, place: Place, name: str, title: str, content: str) -> None:
        """Put a text file into a thread."""
        # The SDK makes both calls at once: both have their turn first.
        await self._budget.turn("files.getUploadURLExternal")
        await self._call(
            "files.completeUploadExternal",
            place.channel,
            lambda: self._client.files_upload_v2(
                filename=name,
                title=title,
                content=content.encode(),
                channel=place.channel,
                thread_ts=place.thread_ts or None,
            ),
        )

    async def file(self, file_id: str) -> File:
        """A file that a message only names."""
        response = await self._call("files.info", "", lambda: self._client.files_info(file=file_id))
        return file_of(response.get("file") or {})

    async def content(self, file: File) -> bytes:
        """What is in a file. Raises NoAccess, FileTooLarge."""
        return await download(self._client, file)

    async def open_view(self, trigger_id: str, view: Mapping[str, Any]) -> None:
        """Open a form before the person who just clicked or typed."""
        await self._call(
            "views.open", "", lambda: self._client.views_open(trigger_id=trigger_id, view=dict(view))
        )

    async def publish_home(self, user_id: str, view: Mapping[str, Any]) -> None:
        """Show a person their home tab."""
        await self._call(
            "views.publish", "", lambda: self._client.views_publish(user_id=user_id, view=dict(view))
        )

    async def direct_channel(self, user_id: str) -> str:
        """The channel of the bot's direct messages with a person."""
        response = await self._call(
            "conversations.open", "", lambda: self._client.conversations_open(users=user_id)
        )
        return str(response["channel"]["id"])

    async def channels_of(self, user_id: str) -> frozenset[str]:
        """The channels and group conversations that a person is a member of, as far as the bot may know."""
        return frozenset(await self._conversations(CHANNELS, user=user_id))

    async def own_channels(self, types: str) -> list[str]:
        """The conversations of some types (CHANNELS, DIRECT) that the bot is in."""
        return await self._conversations(types)

    async def _conversations(self, types: str, user: str | None = None) -> list[str]:
        found: list[str] = []
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            call = partial(
                self._client.users_conversations, types=types, limit=_PAGE, cursor=cursor, user=user
            )
            page = await self._call("users.conversations", "", call)
            found += [str(channel["id"]) for channel in page.get("channels") or ()]
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                break
        return found

    async def permalink(self, channel: str, ts: str) -> str:
        """The address of a message."""
        response = await self._call(
            "chat.getPermalink",
            channel,
            lambda: self._client.chat_getPermalink(channel=channel, message_ts=ts),
        )
        return str(response["permalink"])

    async def whisper(self, place: Place, user_id: str, shown: Shown) -> None:
        """Show one person something."""
        await self._call(
            "chat.postEphemeral",
            place.channel,
            lambda: self._client.chat_postEphemeral(
                channel=place.channel,
                thread_ts=place.thread_ts or None,
                user=user_id,
                text=shown.text,
                blocks=shown.blocks,
                parse="none",
            ),
        )

    async def user(self, user_id: str) -> Mapping[str, Any]:
        """A person, with their locale."""
        response = await self._call(
            "users.info", "", lambda: self._client.users_info(user=user_id, include_locale=True)
        )
        user: Mapping[str, Any] = response.get("user") or {}
        return user

    @property
    def reads_little(self) -> bool:
        """Whether this app may read a thread only once a minute, few messages at a time."""
        return self.reads_a_minute == 1

    @property
    def reads_a_minute(self) -> int:
        """How often this app may read a thread, as far as that is known."""
        return self._budget.calls_a_minute("conversations.replies")

    def reads_used_up(self) -> bool:
        """Whether reading a thread would have to wait for a minute's end."""
        return self._budget.used_up("conversations.replies")

    def may_read(self) -> bool:
        """Whether a thread could be read at once."""
        return self._budget.free("conversations.replies")

    async def messages(
        self,
        place: Place,
        patience: Patience | None = None,
        *,
        since: float = 0.0,
        patient: bool = False,
    ) -> AsyncIterator[Mapping[str, Any]]:
        """The messages of a thread, oldest first, or the latest of a channel, latest first; with metadata.

        `patience` tries a page again. Some apps get 15 messages a minute: beginning anew would never end.
        `since`: only later ones, in seconds since 1970, and a thread's first. `patient`: nobody waits for it.
        """
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            page = partial(self._page, place, cursor, since, patient=patient)
            response = await (page() if patience is None else patience(page))
            for message in response.get("messages") or ():
                yield message
            cursor = (response.get("response_metadata") or {}).get("next_cursor")
            # A post of our own in a channel is recent: its first page is enough.
            if not cursor or not place.thread_ts:
                return

    async def _page(self, place: Place, cursor: str | None, since: float, *, patient: bool) -> Any:
        within: dict[str, Any] = {
            "channel": place.channel,
            "include_all_metadata": True,
            "limit": _PAGE,
            "oldest": f"{since:.6f}" if since else None,
        }
        if place.thread_ts:
            method, replies = "conversations.replies", self._client.conversations_replies
            call = partial(replies, ts=place.thread_ts, cursor=cursor, **within)
        else:
            method = "conversations.history"
            call = partial(self._client.conversations_history, **within)
        page = await self._call(method, place.channel, call, patient=patient)
        more = (page.get("response_metadata") or {}).get("next_cursor")
        if more and len(page.get("messages") or ()) <= LITTLE_AT_ONCE:
            self._budget.narrow(method)
        return page

    async def _call(
        self, method: str, channel: str, call: Callable[[], Awaitable[Any]], *, patient: bool = False
    ) -> Any:
        await self._budget.turn(method, channel, patient=patient)
        try:
            return await call()
        except TROUBLE as error:
            told = translated(method, error)
            if isinstance(told, RetryLater) and not isinstance(told, AnswerLost) and told.after_s is not None:
                self._budget.rest(method, told.after_s)
            # `from None`: the SDK's error carries the request, and with it people's text.
            raise told from None


def _metadata(key: str) -> dict[str, Any]:
    return {"event_type": METADATA_TYPE, "event_payload": {"key": key}}


def _dicts(chunks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [dict(chunk) for chunk in chunks]
