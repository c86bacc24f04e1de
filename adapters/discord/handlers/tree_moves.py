"""Moves in a story's tree: everybody in the room is told where the story ends now, and how to go on."""

from __future__ import annotations

from adapters.discord.delivery.act_notices import Telling
from adapters.discord.payloads.interaction_context import Scene
from adapters.discord.render.buttons import Verb
from adapters.shared.ports import Play


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
