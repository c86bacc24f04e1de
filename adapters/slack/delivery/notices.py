"""Sentences of ours: in a thread, for one person only, or as the answer to what somebody did."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from slack_bolt.async_app import AsyncRespond

from adapters.shared.bounded_set import BoundedSet
from adapters.shared.error_boundary import Failure, Tell
from adapters.slack.connection.manifest import COMMAND
from adapters.slack.delivery.posts import IdempotentPosts
from adapters.slack.delivery.render import MessageContent, render_notice, render_notice_with_button
from adapters.slack.payloads.events import SlackThread
from adapters.slack.web_api.client import WebApi
from adapters.slack.web_api.errors import SDK_ERRORS, Refused, retry_briefly
from bot.aio.clock import Clock
from bot.domain.chat import Author
from bot.domain.errors import DeliveryError
from bot.domain.jobs import JobReceipt
from bot.domain.ports import Translate
from bot.text.code_points import names

NOT_A_MEMBER = {"not_in_channel", "channel_not_found"}
"""A private channel without the bot looks to it as if it were not there."""

_log = structlog.get_logger(__name__)


class Respond(Protocol):
    """Says a sentence to whoever did something."""

    def __call__(self, key: str, author: Author, **values: object) -> Awaitable[None]:
        """The sentence `key`, in their language."""
        ...


def ephemeral_responder(respond: AsyncRespond, translate: Translate) -> Respond:
    """A Respond by a payload's `response_url`. What cannot be sent is logged, nothing more."""

    async def send(key: str, author: Author, **values: object) -> None:
        shown = render_notice(translate(key, author.locale, **values))
        try:
            await respond(
                text=shown.text, blocks=shown.blocks, response_type="ephemeral", replace_original=False
            )
        except SDK_ERRORS as error:
            _log.warning("A person could not be answered: %s", type(error).__name__)

    return send


def private_teller(respond: Respond, author: Author) -> Tell:
    """Tells whoever did something what failed, and to invite the bot where it may not be."""

    async def tell(failure: Failure) -> None:
        if isinstance(failure.error, Refused):
            key = "slack.invite" if failure.error.code in NOT_A_MEMBER else "slack.closed"
            await respond(key, author, command=COMMAND)
        else:
            await respond(failure.key, author, **failure.values)

    return tell


class Notices:
    """Sends notices to people, in their language. What cannot be sent is logged, nothing more."""

    def __init__(self, api: WebApi, posts: IdempotentPosts, translate: Translate, clock: Clock) -> None:
        self._api = api
        self._posts = posts
        self._translate = translate
        self._clock = clock
        self._sent = BoundedSet()

    async def post_once(
        self, thread: SlackThread, event_id: str, key: str, author: Author, **values: object
    ) -> None:
        """Say it in the thread, once for an event however often it is delivered."""
        if not self._sent.add(event_id):
            return
        note = render_notice(self._translate(key, author.locale, **values))
        await self._quietly(lambda: self._posts.post(thread, note, f"told:{event_id}"))

    async def send_ephemeral(self, thread: SlackThread, author: Author, key: str, **values: object) -> None:
        """Say it to one person only, where they are."""
        note = render_notice(self._translate(key, author.locale, **values))
        await self._quietly(lambda: self._api.post_ephemeral(thread, author.id, note))

    async def send_public(self, thread: SlackThread, key: str, shown: MessageContent) -> None:
        """Say something to everybody in the thread that was just now found worth saying, under a new key."""
        self._posts.mark_new_key(key)
        await self._quietly(lambda: self._posts.post(thread, shown, key))

    async def update(self, thread: SlackThread, ts: str, key: str, shown: MessageContent) -> None:
        """Change an earlier public notice."""
        await self._quietly(lambda: self._api.update(thread.channel, ts, shown, key))

    async def send_ephemeral_with_button(
        self, thread: SlackThread, author: Author, key: str, button: str, **values: object
    ) -> None:
        """Say it to one person only, with a button about this thread."""

        def label(name: str) -> str:
            return self._translate(f"slack.button.{name}", author.locale)

        note = render_notice_with_button(
            self._translate(key, author.locale, **values), button, thread.thread_ts, label
        )
        await self._quietly(lambda: self._api.post_ephemeral(thread, author.id, note))

    async def warn_unknown_characters(self, thread: SlackThread, author: Author, receipt: JobReceipt) -> None:
        """Tell only the writer which of their characters the model cannot see, and which it may not write."""
        if receipt.unknown:
            key = "slack.unknown_as" if receipt.read_as else "slack.unknown"
            characters = " ".join(names(receipt.unknown))
            await self.send_ephemeral(thread, author, key, characters=characters, read_as=receipt.read_as)
        if receipt.unwritable:
            characters, needed = " ".join(names(receipt.unwritable)), ", ".join(receipt.languages_needed)
            await self.send_ephemeral(
                thread, author, "languages.unwritable", characters=characters, languages=needed
            )

    async def _quietly(self, call: Callable[[], Awaitable[object]]) -> None:
        try:
            await retry_briefly(call, self._clock)
        except DeliveryError as error:
            _log.warning("A sentence could not be said in Slack: %s", error)
