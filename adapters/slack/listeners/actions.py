"""The buttons below the model's text: what each of them does, and the form to edit it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
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
from adapters.slack.workspaces import Workspace
from bot.aio.clock import Clock
from bot.core.services import Services
from bot.domain.chat import Author, Message, Room
from bot.domain.errors import NotYours
from bot.domain.jobs import GenerationOptions
from bot.domain.ports import Translate

EDIT_CALLBACK_ID = f"{ACTION_PREFIX}edit_form"
_PATIENCE_S = 2.0
"""Slack waits three seconds for what becomes of a form."""


@dataclass(frozen=True, slots=True)
class _Click:
    """A click on a button, and who made it where."""

    workspace: Workspace
    action: BlockAction
    author: Author

    @property
    def room(self) -> Room:
        return self.action.thread.room

    def message(self, after: str | None = None) -> Message:
        """The click as a story receives it."""
        return Message(self.action.event_id, self.room, self.author, "", after=after)

    async def notify(self, key: str, **values: object) -> None:
        """Say it to who clicked only."""
        await self.workspace.notices.send_ephemeral(self.action.thread, self.author, key, **values)


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
        self._handlers: Mapping[str, Callable[[_Click], Awaitable[None]]] = {
            CONTINUE.slack: self._continue,
            RETRY.slack: self._retry,
            SEVERAL.slack: self._retry_several,
            RESUBMIT.slack: self._resubmit,
            STOP.slack: self._stop,
            UNDO.slack: self._undo,
            CHOOSE: self._choose,
            TAKE_BACK: self._take_back,
            EDIT.slack: self._open_edit_view,
            SETTINGS: self._open_settings,
        }
        """Who handles which button, by its word in the action id."""

    async def on_action(self, workspace: Workspace, action: BlockAction) -> None:
        """A click that was acknowledged."""
        click = _Click(workspace, action, await workspace.users.author(action.user_id))

        async def tell(failure: Failure) -> None:
            await click.notify(failure.key, **failure.values)

        what_failed = "A button could not be followed"
        async with error_boundary(what_failed, tell, trouble="slack.failed", later="slack.later"):
            who, what = (click.room.id, action.user_id), (action.ts, action.name, action.value)
            with self._double_clicks.first(who, what) as first:
                if first:
                    await self._handlers.get(action.name, _unknown)(click)

    # More text

    async def _continue(self, click: _Click) -> None:
        click.workspace.recipients.record(click.room, click.author)
        await self._services.generation.receive_message(
            click.message(after=click.action.value), GenerationOptions()
        )

    async def _retry(self, click: _Click, options: GenerationOptions | None = None) -> None:
        click.workspace.recipients.record(click.room, click.author)
        await self._services.generation.retry(
            click.message(after=click.action.value), options or GenerationOptions()
        )

    async def _retry_several(self, click: _Click) -> None:
        wanted = (await self._services.settings.resolve(click.room)).candidates
        await self._retry(click, GenerationOptions(candidates=max(2, wanted)))

    async def _resubmit(self, click: _Click) -> None:
        click.workspace.recipients.record(click.room, click.author)
        # What came to nothing is asked for anew once, however often it is clicked.
        once = f"{message_id(click.action.thread.channel, click.action.ts)}:{RESUBMIT.slack}"
        message = Message(once, click.room, click.author, "")
        await self._services.generation.resubmit(message, click.action.value)

    async def _stop(self, click: _Click) -> None:
        if not await self._services.generation.stop(click.action.value, click.author):
            await click.notify("slack.nothing_to_stop")

    # Moves in the story

    async def _undo(self, click: _Click) -> None:
        change = self._services.editing.undo(click.room, click.author, after=click.action.value)
        await self._story_actions.announce(click.workspace, click.action.thread, click.author, change)

    async def _choose(self, click: _Click) -> None:
        change = self._services.editing.choose(click.room, click.author, click.action.value)
        await self._story_actions.announce(click.workspace, click.action.thread, click.author, change)

    async def _take_back(self, click: _Click) -> None:
        await self._story_actions.take_back(click.workspace, click.action, click.author)

    # Forms

    async def _open_settings(self, click: _Click) -> None:
        thread = click.action.thread.under(click.action.value)
        await self._settings.open(
            click.workspace, thread, click.author, click.action.trigger_id, thread.room.own_scope
        )

    async def _open_edit_view(self, click: _Click) -> None:
        passage, author = await self._services.passages.existing(click.action.value), click.author
        if author.person != (passage.asker or passage.author).person:
            raise NotYours
        if len(passage.text) > INPUT_CHARACTERS:
            await click.notify("slack.too_long_to_edit", limit=INPUT_CHARACTERS)
            return

        def label(name: str) -> str:
            return self._translate(f"slack.edit.{name}", author.locale)

        thread = click.action.thread
        what = {
            "team": thread.team,
            "channel": thread.channel,
            "thread": thread.thread_ts,
            "passage": passage.id,
        }
        field = text_input("text", label("label"), passage.text)
        view = modal(EDIT_CALLBACK_ID, label("title"), label("submit"), label("close"), what, [field])
        await click.workspace.api.open_view(click.action.trigger_id, view)

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


async def _unknown(click: _Click) -> None:
    await click.notify("slack.unknown_button")
