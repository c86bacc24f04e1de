"""Undo, redo, choose and branch: everybody in the room gets a notice, with the button to take it back."""

from __future__ import annotations

import logging
from collections.abc import Coroutine, Sequence
from typing import Any

import discord

from adapters.discord.delivery.interaction_response import Answers
from adapters.discord.delivery.posts import Posts
from adapters.discord.handlers.interaction_context import Scene
from adapters.discord.render.replies import escape
from adapters.discord.render.story_lines import ending_of
from adapters.discord.render.views import Verb, row_of
from adapters.shared.acts import Acted, acted
from adapters.shared.ports import Play
from bot.domain.errors import DeliveryError, NothingToTakeBack, Undeliverable
from bot.domain.ports import Translate
from bot.domain.story import Story

_log = logging.getLogger(__name__)


class Telling:
    """Tells of acts where the story is told. A line carries its act's id, so it works after any restart."""

    def __init__(self, play: Play, say: Translate, posts: Posts, answers: Answers) -> None:
        self._play = play
        self._say = say
        self._posts = posts
        self._answers = answers

    async def acted(self, scene: Scene, doing: Coroutine[Any, Any, Story]) -> Acted:
        """Do it, and find what is kept of it."""
        return await acted(self._play, scene.room, scene.author, doing)

    async def aloud(
        self, scene: Scene, key: str, done: Acted, verbs: Sequence[Verb] = (), **values: object
    ) -> None:
        """Answer with the line. `verbs`: what else can be done from there. Raises DeliveryError."""
        view = self._buttons(scene, done, verbs)
        more = {"view": view} if view is not None else {}
        await self._answers.aloud(scene.interaction, self._line(scene, key, done, **values), **more)

    async def in_room(self, scene: Scene, key: str, done: Acted) -> None:
        """Say the line in the story's room, where the answer is somewhere else or only for the person."""
        line, view = self._line(scene, key, done), self._buttons(scene, done)
        nonce = f"act {done.act.id if done.act is not None else scene.interaction.id}"
        try:
            await self._posts.say(scene.room, line, key=nonce, view=view)
        except DeliveryError as error:
            _log.warning("What somebody did could not be told in Discord: %s", error)

    async def take_back(self, scene: Scene, act_id: str) -> None:
        """Take back what the pressed line tells of; it says so, and its buttons go."""
        try:
            await self._play.take_back(scene.room, scene.author, act_id)
        except NothingToTakeBack:
            await self._answers.amend(scene.interaction)
            raise
        message = scene.interaction.message
        line = self._say("discord.taken_back", scene.aloud, person=escape(scene.author.name))
        former = message.content if message is not None else ""
        try:
            await self._answers.amend(scene.interaction, f"{former}\n-# {line}".strip())
        except Undeliverable:
            await self._answers.aloud(scene.interaction, line)  # it was done: everybody must know

    def _line(self, scene: Scene, key: str, done: Acted, **values: object) -> str:
        ending = ending_of(done.story, self._say, scene.aloud)
        person = escape(scene.author.name)
        return self._say(key, scene.aloud, person=person, **{"ending": ending, **values})

    def _buttons(self, scene: Scene, done: Acted, verbs: Sequence[Verb] = ()) -> discord.ui.View | None:
        story, act = done.story, done.act
        about = {
            Verb.MORE: story.head,
            Verb.REDO: story.head or story.id,
            Verb.TAKE_BACK: act.id if act is not None else None,
        }
        presses = [(verb, wanted) for verb in (*verbs, Verb.TAKE_BACK) if (wanted := about[verb])]
        return row_of(presses, self._say, scene.aloud) if presses else None


class Moves:
    """Undo, redo, choose and branch, however they were asked for."""

    def __init__(self, play: Play, telling: Telling) -> None:
        self._play = play
        self._telling = telling

    async def undo(self, scene: Scene, passage: str = "") -> None:
        """Take the last passage back; `passage`: the one that the person meant."""
        undoing = self._play.undo(scene.room, scene.author, after=passage or None)
        done = await self._telling.acted(scene, undoing)
        # Taking the undo back is the way forth; a second button for the same would only puzzle people.
        verbs = (Verb.MORE,) if done.act is not None else (Verb.MORE, Verb.REDO)
        await self._telling.aloud(scene, "discord.undone", done, verbs)

    async def redo(self, scene: Scene, end: str = "") -> None:
        """Take an undo back; `end`: where the story ended by that undo."""
        redoing = self._play.redo(scene.room, scene.author, after=end or None)
        await self._telling.aloud(scene, "discord.redone", await self._telling.acted(scene, redoing))

    async def pick(self, scene: Scene, passage: str) -> None:
        """Go on with another candidate."""
        choosing = self._play.choose(scene.room, scene.author, passage)
        await self._telling.aloud(scene, "discord.picked", await self._telling.acted(scene, choosing))

    async def branch(self, scene: Scene, passage: str) -> None:
        """Go on from any passage."""
        branching = self._play.branch(scene.room, scene.author, passage)
        done = await self._telling.acted(scene, branching)
        await self._telling.aloud(scene, "discord.branched", done, (Verb.MORE,))

    async def branch_to_go_on(self, scene: Scene, passage: str) -> None:
        """Go on from any passage at once: the continuation follows the line in the story's room."""
        branching = self._play.branch(scene.room, scene.author, passage)
        done = await self._telling.acted(scene, branching)
        if not scene.abroad:  # there nobody else reads the story
            await self._telling.in_room(scene, "discord.branched", done)
