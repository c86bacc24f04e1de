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
from bot.domain.chat import Author
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
        name = str(payload.get("do"))
        action = self._actions(payload).get(name)
        if action is None:
            raise BadRequest("do")
        if name != "stop":
            self.visitor.require_name()
        with self.clicks.first(self.visitor.id, json.dumps(payload, sort_keys=True)) as first:
            if first:
                await action()
                await self.feed.refresh()

    def _actions(self, payload: Payload) -> Mapping[str, Callable[[], Awaitable[object]]]:
        """What can be done, with what the event carries."""
        editing, room, by = self.services.editing, self.feed.room, self.visitor.author
        text, passage, title = payloads.text_of, payloads.passage_of, payloads.title_of
        return {
            "undo": lambda: editing.undo(room, by, text(payload, "after") or None),
            "redo": lambda: editing.redo(room, by, text(payload, "after") or None),
            "choose": lambda: self._choose(editing.choose(room, by, passage(payload))),
            "branch": lambda: self._choose(editing.branch(room, by, passage(payload))),
            "edit": lambda: editing.edit(room, by, passage(payload), text(payload)),
            "delete": lambda: editing.delete(room, by, passage(payload)),
            "stop": lambda: self._stop(text(payload, "job"), by),
            "rename": lambda: editing.rename(room, by, title(payload)),
            "begin": lambda: editing.begin(room, by, title(payload)),
            "close": lambda: editing.close(room, by),
            "reopen": lambda: editing.reopen(room, by, text(payload, "story")),
            "annotate": lambda: self._annotate(payload),
            "rules": lambda: self._change_settings(payload),
            "take_back": lambda: editing.take_back(room, by, text(payload, "act")),
            "forget": self._forget,
        }

    async def _choose(self, choosing: Awaitable[object]) -> None:
        await choosing
        self.feed.end_comparison()

    async def _stop(self, job: str, by: Author) -> None:
        # A reply that was posted before it was known whose it is can only be stopped with the room.
        generation = self.services.generation
        if not await (generation.stop(job, by) if job else generation.cancel(self.feed.room, by)):
            raise NothingToStop

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

    async def _forget(self) -> None:
        count = await self.services.editing.forget(self.visitor.author)
        await self.refresh_all()
        self.on_forgotten(count)
