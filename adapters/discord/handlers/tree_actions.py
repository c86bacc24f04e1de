"""Undo, redo, choose and branch: everybody in the room gets a notice, with the button to take it back."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import discord

from adapters.discord.delivery.posts import Posts
from adapters.discord.handlers.interaction_context import InteractionContext
from adapters.discord.render.components import Action, row_view
from adapters.discord.render.replies import escape, story_ending
from adapters.shared.undoable_acts import ActResult, run_act
from bot.core.services import Services
from bot.domain.errors import NothingToTakeBack, Undeliverable
from bot.domain.story import Story


@dataclass(frozen=True, slots=True)
class TreeActions:
    """The acts, however they were asked for. A notice carries its act's id, so it works after any restart."""

    services: Services
    posts: Posts

    async def undo(self, context: InteractionContext, passage: str = "") -> None:
        """Take the last passage back; `passage`: the one that the person meant."""
        undoing = self.services.editing.undo(context.room, context.author, after=passage or None)
        done = await self.perform(context, undoing)
        # Taking the undo back is the way forth; a second button for the same would only puzzle people.
        actions = (Action.MORE,) if done.act is not None else (Action.MORE, Action.REDO)
        await self.notify(context, "discord.undone", done, actions)

    async def redo(self, context: InteractionContext, end: str = "") -> None:
        """Take an undo back; `end`: where the story ended by that undo."""
        redoing = self.services.editing.redo(context.room, context.author, after=end or None)
        await self.notify(context, "discord.redone", await self.perform(context, redoing))

    async def pick(self, context: InteractionContext, passage: str) -> None:
        """Go on with another candidate."""
        choosing = self.services.editing.choose(context.room, context.author, passage)
        await self.notify(context, "discord.picked", await self.perform(context, choosing))

    async def branch(self, context: InteractionContext, passage: str) -> None:
        """Go on from any passage."""
        await self.notify(context, "discord.branched", await self._branch(context, passage), (Action.MORE,))

    async def branch_and_continue(self, context: InteractionContext, passage: str) -> None:
        """Go on from any passage at once: the continuation follows the notice in the story's room."""
        done = await self._branch(context, passage)
        if context.user_installed:
            return  # there nobody else reads the story
        sentence, view = _sentence(context, "discord.branched", done), _buttons(context, done)
        nonce = f"act {done.act.id if done.act is not None else context.interaction.id}"
        await self.posts.notify(context.room, sentence, key=nonce, view=view)

    async def _branch(self, context: InteractionContext, passage: str) -> ActResult:
        branching = self.services.editing.branch(context.room, context.author, passage)
        return await self.perform(context, branching)

    async def take_back(self, context: InteractionContext, act_id: str) -> None:
        """Take back what the pressed notice tells of; it says so, and its buttons go."""
        try:
            await self.services.editing.take_back(context.room, context.author, act_id)
        except NothingToTakeBack:
            await context.edit_original()
            raise
        message = context.interaction.message
        person = escape(context.author.name)
        sentence = context.translate("discord.taken_back", context.public_locale, person=person)
        former = message.content if message is not None else ""
        try:
            await context.edit_original(f"{former}\n-# {sentence}".strip())
        except Undeliverable:
            await context.send_public(sentence)  # it was done: everybody must know

    async def perform(self, context: InteractionContext, doing: Coroutine[Any, Any, Story]) -> ActResult:
        """Do it, and find what is kept of it."""
        return await run_act(self.services, context.room, context.author, doing)

    async def notify(
        self,
        context: InteractionContext,
        key: str,
        done: ActResult,
        actions: Sequence[Action] = (),
        **values: object,
    ) -> None:
        """Answer with the notice. `actions`: what else can be done from there. Raises DeliveryError."""
        view = _buttons(context, done, actions)
        more = {"view": view} if view is not None else {}
        await context.send_public(_sentence(context, key, done, **values), **more)


def _sentence(context: InteractionContext, key: str, done: ActResult, **values: object) -> str:
    ending = story_ending(done.story, context.public_phrase)
    person = escape(context.author.name)
    return context.translate(key, context.public_locale, person=person, **{"ending": ending, **values})


def _buttons(
    context: InteractionContext, done: ActResult, actions: Sequence[Action] = ()
) -> discord.ui.View | None:
    story, act = done.story, done.act
    about = {
        Action.MORE: story.head,
        Action.REDO: story.head or story.id,
        Action.TAKE_BACK: act.id if act is not None else None,
    }
    buttons = [(action, wanted) for action in (*actions, Action.TAKE_BACK) if (wanted := about[action])]
    return row_view(buttons, context.public_phrase) if buttons else None
