"""Sentences of ours in a thread: what a person did wrong, what went wrong here."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from adapters.slack.delivery.posts import Postings
from adapters.slack.delivery.render import Shown, offer, sentence
from adapters.slack.payloads.events import Place
from adapters.slack.payloads.recent import Recent
from adapters.slack.web_api.client import WebApi
from adapters.slack.web_api.errors import Misunderstood
from bot.aio.clock import Clock
from bot.domain.chat import Author
from bot.domain.errors import DeliveryError, RetryLater
from bot.domain.jobs import JobReceipt
from bot.domain.ports import Translate
from bot.text.character_names import names

TRIES = 4
LONGEST_WAIT_S = 30.0
_FIRST_WAIT_S = 1.0

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


async def patiently(
    call: Callable[[], Awaitable[Result]],
    clock: Clock,
    meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> Result:
    """`call`, tried again while Slack says "later"; `meanwhile` is done before the first wait.

    Raises:
        RetryLater: it said so too often; Undeliverable.
    """
    wait_s = _FIRST_WAIT_S
    for _ in range(TRIES - 1):
        try:
            return await call()
        except Misunderstood:
            raise  # asking again changes nothing
        except RetryLater as error:
            if meanwhile is not None:
                await meanwhile()
                meanwhile = None
            await clock.sleep(min(LONGEST_WAIT_S, wait_s if error.after_s is None else error.after_s))
            wait_s *= 2
    return await call()


class Telling:
    """Says things to people, in their language. What cannot be said is logged, nothing more."""

    def __init__(self, api: WebApi, postings: Postings, say: Translate, clock: Clock) -> None:
        self._api = api
        self._postings = postings
        self._say = say
        self._clock = clock
        self._told = Recent()

    async def once(self, place: Place, event_id: str, key: str, author: Author, **values: object) -> None:
        """Say it in the thread, once for an event however often it is delivered."""
        if not self._told.add(event_id):
            return
        note = sentence(self._say(key, author.locale, **values))
        await self._quietly(lambda: self._postings.post(place, note, f"told:{event_id}"))

    async def privately(self, place: Place, author: Author, key: str, **values: object) -> None:
        """Say it to one person only, where they are."""
        note = sentence(self._say(key, author.locale, **values))
        await self._quietly(lambda: self._api.whisper(place, author.id, note))

    async def aloud(self, place: Place, key: str, shown: Shown) -> None:
        """Say something to everybody in the thread that was just now found worth saying, under a new key."""
        self._postings.new(key)
        await self._quietly(lambda: self._postings.post(place, shown, key))

    async def amend(self, place: Place, ts: str, key: str, shown: Shown) -> None:
        """Let what was said aloud say this."""
        await self._quietly(lambda: self._api.update(place.channel, ts, shown, key))

    async def offer(self, place: Place, author: Author, key: str, button: str, **values: object) -> None:
        """Say it to one person only, with a button about this thread."""

        def label(name: str) -> str:
            return self._say(f"slack.button.{name}", author.locale)

        note = offer(self._say(key, author.locale, **values), button, place.thread_ts, label)
        await self._quietly(lambda: self._api.whisper(place, author.id, note))

    async def unknown(self, place: Place, author: Author, ticket: JobReceipt) -> None:
        """Tell only the writer which of their characters the model cannot see, and what it reads instead."""
        key = "slack.unknown_as" if ticket.read_as else "slack.unknown"
        characters = " ".join(names(ticket.unknown))
        await self.privately(place, author, key, characters=characters, read_as=ticket.read_as)

    async def _quietly(self, call: Callable[[], Awaitable[object]]) -> None:
        try:
            await patiently(call, self._clock)
        except DeliveryError as error:
            _log.warning("A sentence could not be said in Slack: %s", error)
