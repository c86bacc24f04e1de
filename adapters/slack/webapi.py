"""The Web API calls the adapter makes: one budget, one border for errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.budget import Budget
from adapters.slack.render import Shown
from adapters.slack.translate import Place
from adapters.slack.trouble import TROUBLE, AnswerLost, translated
from bot.errors import RetryLater

METADATA_TYPE = "tsuzuki"
_PAGE = 200
_MAX_PAGES = 20


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
                metadata={"event_type": METADATA_TYPE, "event_payload": {"key": key}},
                mrkdwn=False,
                parse="none",
                link_names=False,
                unfurl_links=False,
                unfurl_media=False,
            ),
        )
        return str(response["ts"])

    async def update(self, channel: str, ts: str, shown: Shown) -> None:
        """Make an earlier message show something else. Its metadata stays."""
        await self._call(
            "chat.update",
            channel,
            lambda: self._client.chat_update(
                channel=channel, ts=ts, text=shown.text, blocks=shown.blocks, parse="none", link_names=False
            ),
        )

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

    async def messages(self, place: Place) -> AsyncIterator[Mapping[str, Any]]:
        """The messages of a thread, or the latest of a channel, with metadata."""
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            response = await self._page(place, cursor)
            for message in response.get("messages") or ():
                yield message
            cursor = (response.get("response_metadata") or {}).get("next_cursor")
            # A post of our own in a channel is recent: its first page is enough.
            if not cursor or not place.thread_ts:
                return

    async def _page(self, place: Place, cursor: str | None) -> Any:
        if not place.thread_ts:
            return await self._call(
                "conversations.history",
                place.channel,
                lambda: self._client.conversations_history(
                    channel=place.channel, include_all_metadata=True, limit=_PAGE
                ),
            )
        return await self._call(
            "conversations.replies",
            place.channel,
            lambda: self._client.conversations_replies(
                channel=place.channel,
                ts=place.thread_ts,
                include_all_metadata=True,
                limit=_PAGE,
                cursor=cursor,
            ),
        )

    async def _call(self, method: str, channel: str, call: Callable[[], Awaitable[Any]]) -> Any:
        await self._budget.turn(method, channel)
        try:
            return await call()
        except TROUBLE as error:
            told = translated(method, error)
            if isinstance(told, RetryLater) and not isinstance(told, AnswerLost) and told.after_s is not None:
                self._budget.rest(method, told.after_s)
            # `from None`: the SDK's error carries the request, and with it people's text.
            raise told from None
