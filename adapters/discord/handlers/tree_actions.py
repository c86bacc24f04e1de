"""Undo, redo, choose and branch: everybody in the room gets a notice, with the button to take it back."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import discord

from adapters.discord.delivery.interaction_response import InteractionResponses
from adapters.discord.delivery.posts import Posts
from adapters.discord.handlers.interaction_context import InteractionContext
from adapters.discord.render.replies import escape
from adapters.discord.render.story_lines import story_ending
from adapters.discord.render.views import Action, row_view
from adapters.shared.undoable_acts import ActResult, run_act
from bot.core.services import Services
from bot.domain.errors import NothingToTakeBack, Undeliverable
from bot.domain.ports import Translate
from bot.domain.story import Story


@dataclass(frozen=True, slots=True)
class ActNotices:
    """Tells of acts where the story is told. A line carries its act's id, so it works after any restart."""

    services: Services
    translate: Translate
    posts: Posts
    responses: InteractionResponses

    async def perform(self, context: InteractionContext, doing: Coroutine[Any, Any, Story]) -> ActResult:
        """Do it, and find what is kept of it."""
        return await run_act(self.services, context.room, context.author, doing)

    async def send_public(
        self,
        context: InteractionContext,
        key: str,
        done: ActResult,
        actions: Sequence[Action] = (),
        **values: object,
    ) -> None:
        """Answer with the line. `verbs`: what else can be done from there. Raises DeliveryError."""
        view = self._buttons(context, done, actions)
        more = {"view": view} if view is not None else {}
        await self.responses.send_public(
            context.interaction, self._line(context, key, done, **values), **more
        )

    async def send_to_room(self, context: InteractionContext, key: str, done: ActResult) -> None:
        """Say the line in the story's room, where the answer is somewhere else or only for the person."""
        line, view = self._line(context, key, done), self._buttons(context, done)
        nonce = f"act {done.act.id if done.act is not None else context.interaction.id}"
        await self.posts.notify(context.room, line, key=nonce, view=view)

    async def take_back(self, context: InteractionContext, act_id: str) -> None:
        """Take back what the pressed line tells of; it says so, and its buttons go."""
        try:
            await self.services.editing.take_back(context.room, context.author, act_id)
        except NothingToTakeBack:
            await self.responses.edit_original(context.interaction)
            raise
        message = context.interaction.message
        line = self.translate("discord.taken_back", context.public_locale, person=escape(context.author.name))
        former = message.content if message is not None else ""
        try:
            await self.responses.edit_original(context.interaction, f"{former}\n-# {line}".strip())
        except Undeliverable:
            await self.responses.send_public(context.interaction, line)  # it was done: everybody must know

    def _line(self, context: InteractionContext, key: str, done: ActResult, **values: object) -> str:
        ending = story_ending(done.story, self.translate, context.public_locale)
        person = escape(context.author.name)
        return self.translate(key, context.public_locale, person=person, **{"ending": ending, **values})

    def _buttons(
        self, context: InteractionContext, done: ActResult, actions: Sequence[Action] = ()
    ) -> discord.ui.View | None:
        story, act = done.story, done.act
        about = {
            Action.MORE: story.head,
            Action.REDO: story.head or story.id,
            Action.TAKE_BACK: act.id if act is not None else None,
        }
        buttons = [(action, wanted) for action in (*actions, Action.TAKE_BACK) if (wanted := about[action])]
        return row_view(buttons, self.translate, context.public_locale) if buttons else None


@dataclass(frozen=True, slots=True)
class TreeActions:
    """Undo, redo, choose and branch, however they were asked for."""

    services: Services
    notices: ActNotices

    async def undo(self, context: InteractionContext, passage: str = "") -> None:
        """Take the last passage back; `passage`: the one that the person meant."""
        undoing = self.services.editing.undo(context.room, context.author, after=passage or None)
        done = await self.notices.perform(context, undoing)
        # Taking the undo back is the way forth; a second button for the same would only puzzle people.
        actions = (Action.MORE,) if done.act is not None else (Action.MORE, Action.REDO)
        await self.notices.send_public(context, "discord.undone", done, actions)

    async def redo(self, context: InteractionContext, end: str = "") -> None:
        """Take an undo back; `end`: where the story ended by that undo."""
        redoing = self.services.editing.redo(context.room, context.author, after=end or None)
        await self.notices.send_public(
            context, "discord.redone", await self.notices.perform(context, redoing)
        )

    async def pick(self, context: InteractionContext, passage: str) -> None:
        """Go on with another candidate."""
        choosing = self.services.editing.choose(context.room, context.author, passage)
        await self.notices.send_public(
            context, "discord.picked", await self.notices.perform(context, choosing)
        )

    async def branch(self, context: InteractionContext, passage: str) -> None:
        """Go on from any passage."""
        branching = self.services.editing.branch(context.room, context.author, passage)
        done = await self.notices.perform(context, branching)
        await self.notices.send_public(context, "discord.branched", done, (Action.MORE,))

    async def branch_and_continue(self, context: InteractionContext, passage: str) -> None:
        """Go on from any passage at once: the continuation follows the line in the story's room."""
        branching = self.services.editing.branch(context.room, context.author, passage)
        done = await self.notices.perform(context, branching)
        if not context.user_installed:  # there nobody else reads the story
            await self.notices.send_to_room(context, "discord.branched", done)
