"""`/continue text`: the text begins a story in the channel, the continuation comes in its thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import aiohttp
from slack_bolt.async_app import AsyncRespond
from slack_sdk.errors import SlackClientError

from adapters.base import Play
from adapters.slack.entities import users_in
from adapters.slack.options import parse
from adapters.slack.people import People
from adapters.slack.postings import Postings
from adapters.slack.render import beginning, shown
from adapters.slack.surface import COMMAND
from adapters.slack.telling import Telling, patiently
from adapters.slack.translate import Bot, Command, command
from adapters.slack.trouble import Refused
from bot.clock import Clock
from bot.errors import RetryLater, Undeliverable, UserError
from bot.messages import Ask, Author, Draft, DraftState, Message, Say

_NOT_A_MEMBER = {"not_in_channel", "channel_not_found"}
"""A private channel without the bot looks to it as if it were not there."""

_log = logging.getLogger(__name__)


class Commands:
    """Answers slash commands. What only the person needs to know goes to their eyes only."""

    def __init__(
        self,
        play: Play,
        bot: Callable[[], Bot],
        people: People,
        postings: Postings,
        telling: Telling,
        say: Say,
        clock: Clock,
    ) -> None:
        self._play = play
        self._bot = bot
        self._people = people
        self._postings = postings
        self._telling = telling
        self._say = say
        self._clock = clock

    async def go_on(self, body: dict[str, Any], respond: AsyncRespond) -> None:
        """A command that was acknowledged."""
        given = command(body, self._bot())
        author = await self._people.author(given.user_id, given.user_name)
        try:
            text, ask = parse(given.text(await self._people.names(users_in(given.raw))))
            if not text.strip():
                return await self._whisper(respond, "slack.help", author, command=COMMAND)
            await self._begin(given, author, text, ask)
        except UserError as error:
            await self._whisper(respond, error.key, author, **error.values)
        except Refused as error:
            key = "slack.invite" if error.code in _NOT_A_MEMBER else "slack.closed"
            await self._whisper(respond, key, author, command=COMMAND)
        except (RetryLater, Undeliverable) as error:
            _log.warning("A command could not be answered: %s", error)
            await self._whisper(respond, "slack.later", author)
        except Exception:  # noqa: BLE001  a task's border: the person is told, the log has it
            _log.exception("A command could not be done")
            await self._whisper(respond, "slack.failed", author)
        return None

    async def _begin(self, given: Command, author: Author, text: str, ask: Ask) -> None:
        root = beginning(text, self._say("slack.by", author.locale, name=author.name))
        key = f"command:{given.place.channel}:{given.trigger_id}"
        ts = await patiently(lambda: self._postings.post(given.place, root, key), self._clock)
        thread = replace(given.place, thread_ts=ts)
        self._postings.born(thread)
        event_id = f"{thread.channel}:{ts}"
        try:
            ticket = await self._play.hear(Message(event_id, thread.room, author, text), ask)
        except UserError as error:
            # The text stands in the channel already: what is wrong with it belongs under it.
            await self._telling.once(thread, event_id, error.key, author, **error.values)
        else:
            if ticket and ticket.unknown:
                await self._telling.unknown(thread, author, ticket.unknown)

    async def _whisper(self, respond: AsyncRespond, key: str, author: Author, **values: object) -> None:
        # The response_url works where the bot is no member, which chat.postEphemeral does not.
        draft = shown(Draft(DraftState.DONE, note=self._say(key, author.locale, **values)))
        try:
            await respond(text=draft.text, blocks=draft.blocks, response_type="ephemeral")
        except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
            _log.warning("A command's person could not be answered: %s", type(error).__name__)
