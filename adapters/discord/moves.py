"""Moves in a story's tree: everybody in the room is told where the story ends now, and how to go on."""

from __future__ import annotations

from adapters.base import Play
from adapters.discord.answers import Answers
from adapters.discord.buttons import Verb, row_of
from adapters.discord.escape import escape
from adapters.discord.scene import Scene
from adapters.discord.shown import ending_of
from bot.messages import Story
from bot.seams import Say


class Moves:
    """Undo, redo, choose and branch, however they were asked for."""

    def __init__(self, play: Play, say: Say, answers: Answers) -> None:
        self._play = play
        self._say = say
        self._answers = answers

    async def undo(self, scene: Scene, passage: str = "") -> None:
        """Take the last passage back; `passage`: the one that the person meant."""
        story = await self._play.undo(scene.room, scene.author, after=passage or None)
        await self._tell(scene, "discord.undone", story, (Verb.MORE, Verb.REDO))

    async def redo(self, scene: Scene, end: str = "") -> None:
        """Take an undo back; `end`: where the story ended by that undo."""
        story = await self._play.redo(scene.room, scene.author, after=end or None)
        await self._tell(scene, "discord.redone", story)

    async def pick(self, scene: Scene, passage: str) -> None:
        """Go on with another candidate."""
        await self._tell(scene, "discord.picked", await self._play.choose(scene.room, scene.author, passage))

    async def branch(self, scene: Scene, passage: str) -> None:
        """Go on from any passage."""
        story = await self._play.branch(scene.room, scene.author, passage)
        await self._tell(scene, "discord.branched", story, (Verb.MORE,))

    async def _tell(self, scene: Scene, key: str, story: Story, verbs: tuple[Verb, ...] = ()) -> None:
        ending = ending_of(story, self._say, scene.aloud)
        sentence = self._say(key, scene.aloud, person=escape(scene.author.name), ending=ending)
        about = {Verb.MORE: story.head, Verb.REDO: story.head or story.id}
        presses = [(verb, wanted) for verb in verbs if (wanted := about[verb]) is not None]
        more = {"view": row_of(presses, self._say, scene.aloud)} if presses else {}
        await self._answers.aloud(scene.interaction, sentence, **more)
