"""What the app does with what it hears: one code path for Socket Mode and HTTP.

Slack sends an event again when it is not acknowledged within three seconds, so everything is acknowledged
first and done after. The event id makes a second delivery harmless.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_bolt.request.async_request import AsyncBoltRequest

from adapters.base import Play
from adapters.slack.commands import Commands
from adapters.slack.inflight import Inflight
from adapters.slack.people import People
from adapters.slack.postings import Postings
from adapters.slack.surface import COMMAND, COMMAND_PATTERN
from adapters.slack.telling import Telling
from adapters.slack.translate import Bot, Incoming, incoming
from bot.errors import EmptyPrompt, UserError
from bot.messages import Ask

_log = logging.getLogger(__name__)


class Listeners:
    """Hears events and commands, and lets the play have them in the order they came."""

    def __init__(
        self,
        play: Play,
        bot: Callable[[], Bot],
        people: People,
        postings: Postings,
        telling: Telling,
        commands: Commands,
    ) -> None:
        self._play = play
        self._bot = bot
        self._people = people
        self._postings = postings
        self._telling = telling
        self._commands = commands
        self.inflight = Inflight()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def register(self, app: AsyncApp) -> None:
        """Tie the listeners to the app."""
        app.event("app_mention")(self.on_event)
        app.event("message")(self.on_event)
        # Slack may send what a later manifest asks for; Bolt would log it with its whole body.
        app.event(re.compile(".*"))(_ignore)
        app.command(re.compile(COMMAND_PATTERN))(self.on_command)

    async def on_event(self, body: dict[str, Any], request: AsyncBoltRequest) -> None:
        """A message or a mention. Bolt has acknowledged it already."""
        heard = incoming(body, self._bot())
        if heard is None:
            return
        # Socket Mode counts its first delivery as retry 0.
        again = request.headers.get("x-slack-retry-num", ["0"])[0] != "0"
        async with self.inflight, self._turn(heard.place.room.id):
            if heard.begins and not again:
                self._postings.born(heard.place)
            await self._hear(heard)

    async def on_command(self, ack: AsyncAck, body: dict[str, Any], respond: AsyncRespond) -> None:
        """`/continue`."""
        await ack()
        async with self.inflight:
            await self._commands.go_on(body, respond)

    async def _hear(self, heard: Incoming) -> None:
        author = await self._people.author(heard.user_id)
        names = await self._people.names(heard.mentioned)
        try:
            ticket = await self._play.hear(heard.message(author, names), Ask())
        except EmptyPrompt:
            await self._telling.once(heard.place, heard.event_id, "slack.help", author, command=COMMAND)
        except UserError as error:
            await self._telling.once(heard.place, heard.event_id, error.key, author, **error.values)
        except Exception:  # noqa: BLE001  a task's border: the person is told, the log has it
            _log.exception("A message could not be heard")
            await self._telling.once(heard.place, heard.event_id, "slack.failed", author)
        else:
            if ticket and ticket.repeated:
                self._postings.not_born(heard.place)
            elif ticket and ticket.unknown:
                await self._telling.unknown(heard.place, author, ticket.unknown)

    @asynccontextmanager
    async def _turn(self, room_id: str) -> AsyncIterator[None]:
        # Two quick messages of one thread: looking up a name must not let the second overtake the first.
        lock = self._turns.setdefault(room_id, asyncio.Lock())
        async with lock:
            yield


async def _ignore() -> None:
    """Nothing to do."""
