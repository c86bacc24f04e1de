"""`/continue [text]`: begins a story in the channel, or goes on with its latest one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from adapters.slack.connection.manifest import COMMAND
from adapters.slack.delivery.ephemeral import Respond
from adapters.slack.delivery.notices import patiently
from adapters.slack.delivery.render import beginning
from adapters.slack.listeners.settings_view import SettingsForm
from adapters.slack.listeners.shortcuts import NOT_A_MEMBER
from adapters.slack.listeners.thread_commands import without_story
from adapters.slack.payloads.command_options import parse
from adapters.slack.payloads.events import PLATFORM, Command, Place, command, message_id
from adapters.slack.payloads.text import users_in
from adapters.slack.payloads.thread_words import Word, meaning
from adapters.slack.web_api.errors import Refused
from adapters.slack.workspace import Workspace
from bot.aio.clock import Clock
from bot.core.services import Services
from bot.domain.chat import Author, Message
from bot.domain.errors import DeliveryError, RetryLater, Undeliverable, UserError
from bot.domain.jobs import GenerationOptions
from bot.domain.ports import Translate
from bot.domain.story import Story

_log = logging.getLogger(__name__)


class Commands:
    """Answers slash commands. What only the person needs to know goes to their eyes only."""

    def __init__(self, services: Services, settings: SettingsForm, say: Translate, clock: Clock) -> None:
        self._services = services
        self._settings = settings
        self._say = say
        self._clock = clock

    async def go_on(self, workspace: Workspace, body: Mapping[str, Any], respond: Respond) -> None:
        """A command that was acknowledged."""
        given = command(body, workspace.bot)
        author = await workspace.people.author(given.user_id, given.user_name)
        try:
            await self._do(workspace, given, author, respond)
        except UserError as error:
            await respond(error.key, author, **error.values)
        except Refused as error:
            key = "slack.invite" if error.code in NOT_A_MEMBER else "slack.closed"
            await respond(key, author, command=COMMAND)
        except (RetryLater, Undeliverable) as error:
            _log.warning("A command could not be answered: %s", error)
            await respond("slack.later", author)
        except Exception:  # noqa: BLE001  a task's border: the person is told, the log has it
            _log.exception("A command could not be done")
            await respond("slack.failed", author)

    async def _do(self, workspace: Workspace, given: Command, author: Author, respond: Respond) -> None:
        word = meaning(given.raw)
        if word is Word.SETTINGS:
            await self._settings.open(workspace, given.place, author, given.trigger_id)
            return
        if word is not None and word is not Word.GO_ON:
            await respond(without_story(word), author, command=COMMAND)
            return
        typed = given.text(await workspace.people.names(users_in(given.raw)))
        text, ask = parse(typed, await self._services.settings.resolve(given.place.room), author.locale)
        if text.strip() and meaning(text) is not Word.GO_ON:
            await self._begin(workspace, given, author, text, ask)
            return
        story = await self._latest(given.place)
        if story is None:
            await respond("slack.help", author, command=COMMAND)
        else:
            await self._resume(workspace, given, author, story, ask, respond)

    async def _begin(
        self, workspace: Workspace, given: Command, author: Author, text: str, ask: GenerationOptions
    ) -> None:
        # The bot posts it under its own name: what may not be said must not get that far.
        await self._services.generation.validate(Message("", given.place.room, author, text))
        root = beginning(text, self._say("slack.by", author.locale, name=author.name))
        key = f"command:{given.place.channel}:{given.trigger_id}"
        ts = await patiently(lambda: workspace.postings.post(given.place, root, key), self._clock)
        thread = given.place.thread(ts)
        workspace.postings.born(thread)
        workspace.callers.remember(thread.room, author)
        event_id = message_id(thread.channel, ts)
        try:
            ticket = await self._services.generation.receive_message(
                Message(event_id, thread.room, author, text), ask
            )
        except UserError as error:
            # The text stands in the channel already: what is wrong with it belongs under it.
            await workspace.telling.once(thread, event_id, error.key, author, **error.values)
        else:
            if ticket and ticket.unknown:
                await workspace.telling.unknown(thread, author, ticket)
        await workspace.postings.tidy(given.place, event_id)

    async def _latest(self, place: Place) -> Story | None:
        stories = await self._services.stories.list_stories(PLATFORM, within=f"channel/{place.channel}")
        # A channel that workspaces share may hold stories of another one's bot.
        here = (story for story in stories if Place.of(story.room).team == place.team)
        return next((story for story in here if not story.closed), None)

    async def _resume(
        self,
        workspace: Workspace,
        given: Command,
        author: Author,
        story: Story,
        ask: GenerationOptions,
        respond: Respond,
    ) -> None:
        thread = Place.of(story.room)
        # Refused here already where the bot is no longer a member: the story's own message could not say so.
        link = await self._link(workspace, thread)
        workspace.callers.remember(thread.room, author)
        event_id = f"command:{given.place.channel}:{given.trigger_id}"
        await self._services.generation.receive_message(Message(event_id, thread.room, author, ""), ask)
        await respond("slack.going_on", author, title=story.title, link=link)

    async def _link(self, workspace: Workspace, place: Place) -> str:
        try:
            return await workspace.api.permalink(place.channel, place.thread_ts)
        except Refused as error:
            if error.code in NOT_A_MEMBER:
                raise
            return ""
        except DeliveryError:
            return ""
