"""The buttons below the model's text: what each of them does, and the form to edit it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck

from adapters.shared.double_clicks import DoubleClicks
from adapters.shared.error_boundary import Failure, error_boundary
from adapters.shared.reply_buttons import CONTINUE, EDIT, RESUBMIT, RETRY, SEVERAL, STOP, UNDO
from adapters.slack.delivery.render import ACTION_PREFIX, CHOOSE, SETTINGS, TAKE_BACK
from adapters.slack.listeners.settings_view import SettingsView
from adapters.slack.listeners.story_actions import StoryActions
from adapters.slack.payloads.events import BlockAction, SlackThread, message_id
from adapters.slack.payloads.views import INPUT_CHARACTERS, input_value, modal, read_metadata, text_input
from adapters.slack.workspaces import ThreadContext, Workspace
from bot.aio.clock import Clock
from bot.core.services import Services
from bot.domain.chat import Author, Message
from bot.domain.errors import NotYours
from bot.domain.jobs import GenerationOptions
from bot.domain.ports import Translate

EDIT_CALLBACK_ID = f"{ACTION_PREFIX}edit_form"
_PATIENCE_S = 2.0
"""Slack waits three seconds for what becomes of a form."""


Handler = Callable[[ThreadContext, BlockAction], Awaitable[None]]
"""Does what a button says."""


class ActionListeners:
    """Does what buttons say. What went wrong only the person who clicked one is told."""

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
        self._handlers: Mapping[str, Handler] = {
            CONTINUE.slack: self._continue,
            RETRY.slack: self._retry,
            SEVERAL.slack: self._retry_several,
            RESUBMIT.slack: self._resubmit,
            STOP.slack: self._stop,
            UNDO.slack: self._undo,
            CHOOSE: self._choose,
            TAKE_BACK: story_actions.take_back,
            EDIT.slack: self._open_edit_view,
            SETTINGS: self._open_settings,
        }
        """Who handles which button, by its word in the action id."""

    async def on_action(self, workspace: Workspace, action: BlockAction) -> None:
        """A click that was acknowledged."""
        context = ThreadContext(workspace, action.thread, await workspace.users.author(action.user_id))
        what_failed = "A button could not be followed"
        async with error_boundary(what_failed, context.tell, trouble="slack.failed", later="slack.later"):
            who, what = (context.room.id, action.user_id), (action.ts, action.name, action.value)
            with self._double_clicks.first(who, what) as first:
                if first:
                    await self._handlers.get(action.name, _unknown)(context, action)

    # More text

    async def _continue(self, context: ThreadContext, action: BlockAction) -> None:
        context.record_recipient()
        await self._services.generation.receive_message(_request(context, action), GenerationOptions())

    async def _retry(self, context: ThreadContext, action: BlockAction) -> None:
        context.record_recipient()
        await self._services.generation.retry(_request(context, action), GenerationOptions())

    async def _retry_several(self, context: ThreadContext, action: BlockAction) -> None:
        context.record_recipient()
        wanted = (await self._services.settings.resolve(context.room)).candidates
        options = GenerationOptions(candidates=max(2, wanted))
        await self._services.generation.retry(_request(context, action), options)

    async def _resubmit(self, context: ThreadContext, action: BlockAction) -> None:
        context.record_recipient()
        # What came to nothing is asked for anew once, however often it is clicked.
        once = f"{message_id(action.thread.channel, action.ts)}:{RESUBMIT.slack}"
        await self._services.generation.resubmit(
            Message(once, context.room, context.author, ""), action.value
        )

    async def _stop(self, context: ThreadContext, action: BlockAction) -> None:
        if not await self._services.generation.stop(action.value, context.author):
            await context.notify("slack.nothing_to_stop")

    # Moves in the story

    async def _undo(self, context: ThreadContext, action: BlockAction) -> None:
        change = self._services.editing.undo(context.room, context.author, after=action.value)
        await self._story_actions.announce(context, change)

    async def _choose(self, context: ThreadContext, action: BlockAction) -> None:
        change = self._services.editing.choose(context.room, context.author, action.value)
        await self._story_actions.announce(context, change)

    # Forms

    async def _open_settings(self, context: ThreadContext, action: BlockAction) -> None:
        thread = action.thread.under(action.value)
        await self._settings.open(
            context.workspace, thread, context.author, action.trigger_id, thread.room.own_scope
        )

    async def _open_edit_view(self, context: ThreadContext, action: BlockAction) -> None:
        passage, author = await self._services.passages.existing(action.value), context.author
        if author.person != (passage.asker or passage.author).person:
            raise NotYours
        if len(passage.text) > INPUT_CHARACTERS:
            await context.notify("slack.too_long_to_edit", limit=INPUT_CHARACTERS)
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
        await context.workspace.api.open_view(action.trigger_id, view)

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
        wrong: list[str] = []

        async def tell(failure: Failure) -> None:
            wrong.append(self._translate(failure.key, author.locale, **failure.values))

        async with error_boundary("A passage could not be edited", tell, trouble="slack.failed"):
            await self._services.editing.edit(thread.room, author, passage_id, text)
        return wrong[0] if wrong else None


def _request(context: ThreadContext, action: BlockAction) -> Message:
    return Message(action.event_id, context.room, context.author, "", after=action.value)


async def _unknown(context: ThreadContext, _: BlockAction) -> None:
    await context.notify("slack.unknown_button")
