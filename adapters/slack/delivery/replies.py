"""The model's replies as messages: streamed where that is possible and leaves more for the others."""

from __future__ import annotations

from adapters.slack.delivery.edit_pace import Pace
from adapters.slack.delivery.posts import Postings
from adapters.slack.delivery.render import Label, Shown, shown
from adapters.slack.delivery.stream_recipients import Callers
from adapters.slack.delivery.streams import Streams
from adapters.slack.payloads.events import Place, message_id, ts_of
from adapters.slack.web_api.client import WebApi
from bot.aio.clock import Clock
from bot.domain.ports import Translate
from bot.domain.replies import Reply, ReplyState


class Replies:
    """Shows drafts in one workspace."""

    def __init__(
        self,
        api: WebApi,
        postings: Postings,
        streams: Streams,
        callers: Callers,
        say: Translate,
        clock: Clock,
    ) -> None:
        self._api = api
        self._postings = postings
        self._streams = streams
        self._callers = callers
        self._say = say
        self._pace = Pace(api, streams, clock)

    async def post(self, place: Place, draft: Reply, key: str) -> str:
        """Post a draft, once for a key; returns the message's id.

        Raises:
            RetryLater, Undeliverable
        """
        plain = self._shown(draft)
        try:
            ts = await self._postings.post(place, plain, key, lambda: self._begin(place, draft, key))
        finally:
            self._pace.forget(key)
        posted = message_id(place.channel, ts)
        self._pace.note(posted, draft.state)
        return posted

    async def edit(self, place: Place, message_id: str, draft: Reply) -> None:
        """Make a message show a draft.

        Raises:
            RetryLater, Undeliverable
        """
        # Who waits knows it already, and what has lost its buttons has shown its text.
        patient = not draft.interactive or (draft.state is ReplyState.WAITING and not draft.text)
        self._pace.note(message_id, draft.state)
        if message_id in self._streams:
            if await self._streams.follow(place, message_id, draft):
                return
            patient = await self._streams.end(place, message_id, draft)
        await self._api.update(place.channel, ts_of(message_id), self._shown(draft), patient=patient)
        if not draft.state.is_open:
            await self._postings.tidy(place, message_id)

    async def remove(self, place: Place, message_id: str) -> None:
        """Take a message away, also one that is streamed.

        Raises:
            RetryLater, Undeliverable
        """
        if message_id in self._streams:
            await self._streams.end(place, message_id)
        self._pace.forget(message_id)
        await self._api.remove(place.channel, ts_of(message_id))

    def rest_s(self, message_id: str) -> float:
        """For how many seconds yet a growing text leaves the budget to the others."""
        return self._pace.rest_s(message_id)

    async def _begin(self, place: Place, draft: Reply, key: str) -> str | None:
        """Begin a stream where one shall be."""
        reader = self._callers.of(place.room)
        fits = (
            draft.state.is_open
            and draft.interactive
            and draft.job
            and not draft.other_candidates
            and place.thread_ts
        )
        if reader is None or not fits or not self._streams.possible or not self._pace.streams_are_lighter():
            # Counted before it is there: others decide meanwhile.
            self._pace.note(key, draft.state)
            return None
        return await self._streams.begin(place, draft, key, reader, self._label(draft))

    def _shown(self, draft: Reply) -> Shown:
        return shown(draft, self._label(draft))

    def _label(self, draft: Reply) -> Label:
        return lambda name: self._say(f"slack.button.{name}", draft.locale)
