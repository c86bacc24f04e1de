"""The buttons below the model's text, and the form to edit it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck

from adapters.shared.double_clicks import DoubleClicks
from adapters.slack.delivery.render import ACTION_PREFIX
from adapters.slack.listeners.settings_view import SettingsView
from adapters.slack.listeners.story_actions import StoryActions
from adapters.slack.payloads.events import BlockAction, SlackThread, message_id
from adapters.slack.payloads.views import INPUT_CHARACTERS, input_value, modal, read_metadata, text_input
from adapters.slack.workspaces import Workspace
from bot.aio.clock import Clock
from bot.core.services import Services
from bot.domain.chat import Author, Message
from bot.domain.errors import DeliveryError, NotYours, UserError
from bot.domain.jobs import GenerationOptions
from bot.domain.ports import Translate

EDIT_CALLBACK_ID = f"{ACTION_PREFIX}edit_form"
_GENERATING = frozenset({"continue", "again", "retry", "several"})
_PATIENCE_S = 2.0
"""Slack waits three seconds for what becomes of a form."""

_log = structlog.get_logger(__name__)


class ActionListeners:
    """Does what buttons say. What went wrong only the person who pressed one is told."""

    def __init__(
        self,
        services: Services,
        translate: Translate,
        story_actions: StoryActions,
        settings: SettingsView,
        clock: Clock,
    ) -> None:
        self._services = services
        self._translate = translate
        self._story_actions = story_actions
        self._settings = settings
        self._double_clicks = DoubleClicks(clock)

    async def on_action(self, workspace: Workspace, action: BlockAction) -> None:
        """A click that was acknowledged."""
        author = await workspace.users.author(action.user_id)
        if action.name in _GENERATING:
            workspace.recipients.record(action.thread.room, author)
        try:
            who, what = (action.thread.room.id, action.user_id), (action.ts, action.name, action.value)
            with self._double_clicks.first(who, what) as first:
                if first:
                    await self._handle(workspace, action, author)
        except UserError as error:
            await workspace.notices.send_ephemeral(action.thread, author, error.key, **error.values)
        except DeliveryError as error:
            _log.warning("A button could not be followed: %s", error)
            await workspace.notices.send_ephemeral(action.thread, author, "slack.later")
        except Exception:  # noqa: BLE001  a task's border: the person is told, the log has it
            _log.exception("A button could not be followed")
            await workspace.notices.send_ephemeral(action.thread, author, "slack.failed")

    async def _handle(self, workspace: Workspace, action: BlockAction, author: Author) -> None:
        room, value = action.thread.room, action.value
        message = Message(action.event_id, room, author, "", after=value)
        match action.name:
            case "continue":
                await self._services.generation.receive_message(message, GenerationOptions())
            case "again":
                # What came to nothing is asked for anew once, however often it is pressed.
                once = f"{message_id(action.thread.channel, action.ts)}:again"
                await self._services.generation.resubmit(Message(once, room, author, ""), value)
            case "retry":
                await self._services.generation.retry(message, GenerationOptions())
            case "several":
                wanted = (await self._services.settings.resolve(room)).candidates
                await self._services.generation.retry(message, GenerationOptions(candidates=max(2, wanted)))
            case "undo" | "choose" | "take_back":
                await self._move(workspace, action, author)
            case "edit" | "settings":
                await self._open_view(workspace, action, author)
            case "stop":
                if not await self._services.generation.stop(value, author):
                    await workspace.notices.send_ephemeral(action.thread, author, "slack.nothing_to_stop")
            case _:
                await workspace.notices.send_ephemeral(action.thread, author, "slack.unknown_button")

    async def _move(self, workspace: Workspace, action: BlockAction, author: Author) -> None:
        if action.name == "undo":
            await self._story_actions.undo(workspace, action.thread, author, action.value)
        elif action.name == "choose":
            await self._story_actions.choose(workspace, action.thread, author, action.value)
        else:
            await self._story_actions.take_back(workspace, action, author)

    # The form

    async def _open_view(self, workspace: Workspace, action: BlockAction, author: Author) -> None:
        if action.name == "edit":
            await self._open_edit_view(workspace, action, author)
            return
        thread = action.thread.under(action.value)
        await self._settings.open(workspace, thread, author, action.trigger_id, thread.room.own_scope)

    async def _open_edit_view(self, workspace: Workspace, action: BlockAction, author: Author) -> None:
        passage = await self._services.stories.passage(action.value)
        if author.person != (passage.asker or passage.author).person:
            raise NotYours
        if len(passage.text) > INPUT_CHARACTERS:
            limit = INPUT_CHARACTERS
            await workspace.notices.send_ephemeral(
                action.thread, author, "slack.too_long_to_edit", limit=limit
            )
            return

        def label(name: str) -> str:
            return self._translate(f"slack.edit.{name}", author.locale)

        thread = action.thread
        what = {
            "team": thread.team,
            "channel": thread.channel,
            "thread": thread.thread_ts,
            "passage": passage.id,
        }
        field = text_input("text", label("label"), passage.text)
        view = modal(EDIT_CALLBACK_ID, label("title"), label("submit"), label("close"), what, [field])
        await workspace.api.open_view(action.trigger_id, view)

    async def on_edit_submitted(
        self, workspace: Workspace, ack: AsyncAck, view: Mapping[str, Any], user_id: str
    ) -> None:
        """The form came back. What is wrong with the text is said in the form, where there is time for it."""
        what = read_metadata(view)
        thread = SlackThread(what["team"], what["channel"], what["thread"])
        author = await workspace.users.author(user_id)
        text = str(input_value(view["state"]["values"], "text") or "")
        edit = asyncio.create_task(self._edit(thread, author, what["passage"], text))
        done, _ = await asyncio.wait({edit}, timeout=_PATIENCE_S)
        wrong = edit.result() if done else None
        if wrong is None:
            await ack()
        else:
            await ack(response_action="errors", errors={"text": wrong})
        if not done and (late := await edit):
            await workspace.notices.send_ephemeral(thread, author, "slack.not_edited", reason=late)

    async def _edit(self, thread: SlackThread, author: Author, passage_id: str, text: str) -> str | None:
        """What is wrong, in the person's language; None where it was changed."""
        try:
            await self._services.editing.edit(thread.room, author, passage_id, text)
        except UserError as error:
            return self._translate(error.key, author.locale, **error.values)
        except Exception:  # noqa: BLE001  a task's border
            _log.exception("A passage could not be edited")
            return self._translate("slack.failed", author.locale)
        return None
