"""What the buttons of a room do with its story, each by the name that the page sends."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from adapters.shared.double_clicks import DoubleClicks
from adapters.web import payloads
from adapters.web.payloads import BadRequest
from adapters.web.render import settings
from adapters.web.rooms.room_feed import RoomFeed
from adapters.web.visitor import Visitor
from bot.core.services import Services
from bot.core.settings_resolver import PresetChanged
from bot.domain.errors import NotesChanged, UserError
from bot.domain.room_settings import RoomSettings
from bot.domain.story import Notes

Payload = Mapping[str, object]


class NothingToStop(UserError):
    """Nothing is being written."""

    key = "web.nothing_to_stop"


@dataclass(frozen=True, slots=True)
class RoomActions:
    """Does one visitor's clicks in one room, and lets everybody there see what came of it."""

    services: Services
    visitor: Visitor
    feed: RoomFeed
    refresh_all: Callable[[], Awaitable[None]]
    """Lets everybody in every room see what is new."""
    on_notes_changed: Callable[[Notes], None]
    """Shows the notes as somebody else made them meanwhile."""
    on_presets_changed: Callable[[RoomSettings], None]
    """Shows the presets as somebody else made them meanwhile."""
    on_forgotten: Callable[[int], None]
    """Tells the visitor in how many passages their words were deleted."""
    clicks: DoubleClicks

    async def perform(self, payload: Payload) -> None:
        """Do what an event's `do` names.

        Raises:
            UserError: it cannot be done; the person is told why.
            BadRequest: no page of ours sends this.
        """
        actions: dict[str, Callable[[Payload], Awaitable[object]]] = {
            "undo": self._undo,
            "redo": self._redo,
            "choose": self._choose,
            "branch": self._branch,
            "edit": self._edit,
            "delete": self._delete,
            "stop": self._stop,
            "rename": self._rename,
            "begin": self._begin,
            "close": self._close,
            "reopen": self._reopen,
            "annotate": self._annotate,
            "rules": self._change_settings,
            "take_back": self._take_back,
            "forget": self._forget,
        }
        action = actions.get(str(payload.get("do")))
        if action is None:
            raise BadRequest("do")
        if action != self._stop:
            self.visitor.require_name()
        with self.clicks.first(self.visitor.id, json.dumps(payload, sort_keys=True)) as first:
            if first:
                await action(payload)
                await self.feed.refresh()

    async def _undo(self, payload: Payload) -> None:
        await self.services.editing.undo(
            self.feed.room, self.visitor.author, payloads.text_of(payload, "after") or None
        )

    async def _redo(self, payload: Payload) -> None:
        await self.services.editing.redo(
            self.feed.room, self.visitor.author, payloads.text_of(payload, "after") or None
        )

    async def _take_back(self, payload: Payload) -> None:
        await self.services.editing.take_back(
            self.feed.room, self.visitor.author, payloads.text_of(payload, "act")
        )

    async def _choose(self, payload: Payload) -> None:
        await self.services.editing.choose(self.feed.room, self.visitor.author, payloads.passage_of(payload))
        self.feed.end_comparison()

    async def _branch(self, payload: Payload) -> None:
        await self.services.editing.branch(self.feed.room, self.visitor.author, payloads.passage_of(payload))
        self.feed.end_comparison()

    async def _edit(self, payload: Payload) -> None:
        passage, text = payloads.passage_of(payload), payloads.text_of(payload)
        await self.services.editing.edit(self.feed.room, self.visitor.author, passage, text)

    async def _delete(self, payload: Payload) -> None:
        await self.services.editing.delete(self.feed.room, self.visitor.author, payloads.passage_of(payload))

    async def _stop(self, payload: Payload) -> None:
        job = payloads.text_of(payload, "job")
        # A reply that was posted before it was known whose it is can only be stopped with the room.
        by = self.visitor.author
        if not await (
            self.services.generation.stop(job, by)
            if job
            else self.services.generation.cancel(self.feed.room, by)
        ):
            raise NothingToStop

    async def _rename(self, payload: Payload) -> None:
        await self.services.editing.rename(self.feed.room, self.visitor.author, payloads.title_of(payload))

    async def _begin(self, payload: Payload) -> None:
        await self.services.editing.begin(self.feed.room, self.visitor.author, payloads.title_of(payload))

    async def _close(self, _: Payload) -> None:
        await self.services.editing.close(self.feed.room, self.visitor.author)

    async def _reopen(self, payload: Payload) -> None:
        await self.services.editing.reopen(
            self.feed.room, self.visitor.author, payloads.text_of(payload, "story")
        )

    async def _annotate(self, payload: Payload) -> None:
        seen = payload.get("seen")
        before = payloads.notes_of(seen) if isinstance(seen, dict) else Notes()
        try:
            await self.services.editing.save_notes(
                self.feed.room, self.visitor.author, payloads.notes_of(payload), before
            )
        except NotesChanged as error:
            self.on_notes_changed(error.notes)
            raise

    async def _change_settings(self, payload: Payload) -> None:
        changes, seen = settings.changes_of(payload), settings.seen_presets_of(payload)
        try:
            held = await self.services.settings.change(self.feed.room, "", changes, seen)
        except PresetChanged:  # what the other one saved is to be seen
            self.on_presets_changed(await self.services.settings.resolve(self.feed.room))
            raise
        self.feed.publish_settings(held)

    async def _forget(self, _: Payload) -> None:
        count = await self.services.editing.forget(self.visitor.author)
        await self.refresh_all()
        self.on_forgotten(count)
