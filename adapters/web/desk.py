"""What becomes of what a person sends: heard, or kindly refused with the text left in the box."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from nicegui import ui
from nicegui.events import GenericEventArguments

from adapters.base import Play
from adapters.web import translate
from adapters.web.elements import ComposerPart
from adapters.web.visitor import Visitor
from bot.errors import EmptyPrompt, SpokenError, UserError
from bot.messages import Room, Say, Ticket

NOTICE_MS = 7000

_log = logging.getLogger(__name__)


class NoName(UserError):
    """Whoever writes tells their name first."""

    key = "web.no_name"


@dataclass(frozen=True, slots=True)
class Desk:
    """Takes the events of one composer. `then` runs once a message was taken, before the box is emptied."""

    play: Play
    say: Say
    visitor: Visitor
    room: Room
    composer: ComposerPart
    then: Callable[[], Awaitable[None]]

    async def take(self, event: GenericEventArguments) -> None:
        """Hear what the composer sent."""
        payload: Mapping[str, object] = event.args if isinstance(event.args, dict) else {}
        event_id = str(payload.get("event_id", ""))
        try:
            ticket = await self._hear(payload)
            await self.then()
        except SpokenError as error:
            self._refuse(event_id, self.say(error.key, self.visitor.locale, **error.values))
        except Exception:  # noqa: BLE001 the border of one click: the person is told, the cause is logged once
            _log.exception("A message from the web room could not be heard")
            self._refuse(event_id, self.say("web.trouble", self.visitor.locale))
        else:
            self._warn_of_unseen(ticket)
            self.composer.accepted(event_id)

    async def _hear(self, payload: Mapping[str, object]) -> Ticket | None:
        self.visitor.rename(payload)
        if not self.visitor.name:
            raise NoName
        message = translate.message_of(payload, self.room, self.visitor.author)
        ask = translate.ask_of(payload)
        if ask is None and not message.text.strip():
            raise EmptyPrompt
        return await self.play.hear(message, ask)

    def _warn_of_unseen(self, ticket: Ticket | None) -> None:
        if ticket and ticket.unknown:
            characters = "".join(ticket.unknown)
            notify(self.say("web.unseen", self.visitor.locale, characters=characters))

    def _refuse(self, event_id: str, sentence: str) -> None:
        notify(sentence)
        self.composer.refused(event_id)


def notify(sentence: str) -> None:
    """Show a sentence to the person of the current page, long enough to read it."""
    # At the top, away from the box and its buttons; as text, for it may hold what somebody typed.
    # `textColor` names no colour of Quasar's, whose own would win over the style sheet.
    ui.notify(
        sentence,
        position="top",
        classes="tz-notice",
        textColor="ink",
        timeout=NOTICE_MS,
        multi_line=True,
        html=False,
    )
