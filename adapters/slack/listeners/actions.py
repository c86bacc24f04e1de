"""The buttons below the model's text, and the form to edit it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck

from adapters.shared.double_clicks import DoubleClicks
from adapters.slack.delivery.act_notices import Acts
from adapters.slack.delivery.render import ACTION
from adapters.slack.listeners.settings_view import SettingsForm
from adapters.slack.payloads.events import Click, Place, message_id
from adapters.slack.payloads.views import INPUT_CHARACTERS, filled, form, kept, text_field
from adapters.slack.workspace import Workspace
from bot.aio.clock import Clock
from bot.core.services import Services
from bot.domain.chat import Author, Message
from bot.domain.errors import DeliveryError, NotYours, UserError
from bot.domain.jobs import GenerationOptions
from bot.domain.ports import Translate
from bot.domain.scopes import own_scope

EDIT_FORM = f"{ACTION}edit_form"
_ASKING = frozenset({"continue", "again", "retry", "several"})
_PATIENCE_S = 2.0
"""Slack waits three seconds for what becomes of a form."""

_log = logging.getLogger(__name__)


class Buttons:
    """Does what buttons say. What went wrong only the person who pressed one is told."""

    def __init__(
        self, services: Services, say: Translate, acts: Acts, settings: SettingsForm, clock: Clock
    ) -> None:
        self._services = services
        self._say = say
        self._acts = acts
        self._settings = settings
        self._clicks = DoubleClicks(clock)

    async def press(self, workspace: Workspace, click: Click) -> None:
        """A click that was acknowledged."""
        author = await workspace.people.author(click.user_id)
        if click.name in _ASKING:
            workspace.callers.remember(click.place.room, author)
        try:
            who, what = (click.place.room.id, click.user_id), (click.ts, click.name, click.value)
            with self._clicks.first(who, what) as first:
                if first:
                    await self._do(workspace, click, author)
        except UserError as error:
            await workspace.telling.privately(click.place, author, error.key, **error.values)
        except DeliveryError as error:
            _log.warning("A button could not be followed: %s", error)
            await workspace.telling.privately(click.place, author, "slack.later")
        except Exception:  # noqa: BLE001  a task's border: the person is told, the log has it
            _log.exception("A button could not be followed")
            await workspace.telling.privately(click.place, author, "slack.failed")

    async def _do(self, workspace: Workspace, click: Click, author: Author) -> None:
        room, value = click.place.room, click.value
        message = Message(click.event_id, room, author, "", after=value)
        match click.name:
            case "continue":
                await self._services.generation.receive_message(message, GenerationOptions())
            case "again":
                # What came to nothing is asked for anew once, however often it is pressed.
                once = f"{message_id(click.place.channel, click.ts)}:again"
                await self._services.generation.resubmit(Message(once, room, author, ""), value)
            case "retry":
                await self._services.generation.retry(message, GenerationOptions())
            case "several":
                wanted = (await self._services.settings.resolve(room)).candidates
                await self._services.generation.retry(message, GenerationOptions(candidates=max(2, wanted)))
            case "undo" | "choose" | "take_back":
                await self._move(workspace, click, author)
            case "edit" | "settings":
                await self._open_form(workspace, click, author)
            case "stop":
                if not await self._services.generation.stop(value, author):
                    await workspace.telling.privately(click.place, author, "slack.nothing_to_stop")
            case _:
                await workspace.telling.privately(click.place, author, "slack.unknown_button")

    async def _move(self, workspace: Workspace, click: Click, author: Author) -> None:
        if click.name == "undo":
            await self._acts.undo(workspace, click.place, author, click.value)
        elif click.name == "choose":
            await self._acts.choose(workspace, click.place, author, click.value)
        else:
            await self._acts.take_back(workspace, click, author)

    # The form

    async def _open_form(self, workspace: Workspace, click: Click, author: Author) -> None:
        if click.name == "edit":
            await self._open_edit(workspace, click, author)
            return
        told = click.place.thread(click.value)
        await self._settings.open(workspace, told, author, click.trigger_id, own_scope(told.room))

    async def _open_edit(self, workspace: Workspace, click: Click, author: Author) -> None:
        passage = await self._services.stories.passage(click.value)
        if author.person != (passage.asker or passage.author).person:
            raise NotYours
        if len(passage.text) > INPUT_CHARACTERS:
            limit = INPUT_CHARACTERS
            await workspace.telling.privately(click.place, author, "slack.too_long_to_edit", limit=limit)
            return

        def word(name: str) -> str:
            return self._say(f"slack.edit.{name}", author.locale)

        place = click.place
        what = {
            "team": place.team,
            "channel": place.channel,
            "thread": place.thread_ts,
            "passage": passage.id,
        }
        field = text_field("text", word("label"), passage.text)
        view = form(EDIT_FORM, word("title"), word("submit"), word("close"), what, [field])
        await workspace.api.open_view(click.trigger_id, view)

    async def edited(
        self, workspace: Workspace, ack: AsyncAck, view: Mapping[str, Any], user_id: str
    ) -> None:
        """The form came back. What is wrong with the text is said in the form, where there is time for it."""
        what = kept(view)
        place = Place(what["team"], what["channel"], what["thread"])
        author = await workspace.people.author(user_id)
        text = str(filled(view["state"]["values"], "text") or "")
        edit = asyncio.create_task(self._edit(place, author, what["passage"], text))
        done, _ = await asyncio.wait({edit}, timeout=_PATIENCE_S)
        wrong = edit.result() if done else None
        if wrong is None:
            await ack()
        else:
            await ack(response_action="errors", errors={"text": wrong})
        if not done and (late := await edit):
            await workspace.telling.privately(place, author, "slack.not_edited", reason=late)

    async def _edit(self, place: Place, author: Author, passage_id: str, text: str) -> str | None:
        """What is wrong, in the person's language; None where it was changed."""
        try:
            await self._services.editing.edit(place.room, author, passage_id, text)
        except UserError as error:
            return self._say(error.key, author.locale, **error.values)
        except Exception:  # noqa: BLE001  a task's border
            _log.exception("A passage could not be edited")
            return self._say("slack.failed", author.locale)
        return None
