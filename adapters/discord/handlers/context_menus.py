"""Commands in a message's menu: go on from it, or take it into the story."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import discord
from discord import app_commands

from adapters.discord.delivery.interaction_response import Answers, Interaction
from adapters.discord.delivery.posts import Posts
from adapters.discord.delivery.threads import Threads
from adapters.discord.handlers.command_sync import CONTEXTS, INSTALLS, Phrase
from adapters.discord.handlers.component_interactions import Presses
from adapters.discord.handlers.interaction_context import Scene, scene_of, where_told
from adapters.discord.handlers.tree_actions import Moves
from adapters.discord.payloads.messages import PLATFORM, Self, author_of, names_in, story_text, with_roles
from adapters.discord.payloads.rooms import Place, opens_threads, place_from, require_speech, thread_of
from adapters.shared.ports import Play
from bot.core.permissions import names_roles
from bot.domain.chat import Author, Message
from bot.domain.errors import EmptyPrompt, PassageGone
from bot.domain.jobs import GenerationOptions
from bot.domain.ports import Translate
from bot.domain.story import Passage
from bot.story.joining import ends_with

Deed = Callable[[Scene, discord.Message], Any]


class Menus:
    """What the menu's commands do."""

    def __init__(
        self,
        play: Play,
        say: Translate,
        posts: Posts,
        answers: Answers,
        presses: Presses,
        moves: Moves,
        threads: Threads,
    ) -> None:
        self._play = play
        self._say = say
        self._posts = posts
        self._answers = answers
        self._presses = presses
        self._moves = moves
        self._threads = threads

    def commands(self) -> list[app_commands.ContextMenu]:
        """The commands."""
        deeds = {"go_on": self._go_on, "add": self._add, "edit": self._edit}
        return [self._command(name, deed) for name, deed in deeds.items()]

    def _command(self, name: str, deed: Deed) -> app_commands.ContextMenu:
        async def chosen(interaction: Interaction, message: discord.Message) -> None:
            async def with_scene() -> None:
                await deed(scene_of(interaction, self._posts), message)

            await self._answers.carry_out(interaction, with_scene())

        return app_commands.ContextMenu(
            name=Phrase(self._say, f"discord.menu.{name}"),
            callback=chosen,
            allowed_installs=INSTALLS,
            allowed_contexts=CONTEXTS,
        )

    async def _go_on(self, scene: Scene, message: discord.Message) -> None:
        """Branch from the message's passage and go on; a message that is in no story begins or joins one."""
        self._require_speech(scene)
        await self._answers.think(scene.interaction)
        passage = await self._passage(message)
        if passage is None:
            place = await self._take_in(scene, message)
            await self._play.receive_message(replace(scene, room=place.room).message(), GenerationOptions())
            done = self._say("discord.menu.added", scene.locale, where=f"<#{place.room.id}>")
        else:
            scene = await where_told(self._play, scene, passage)
            story = await self._play.read(scene.room)
            if story is None or not ends_with(story, passage.id):
                await self._moves.branch_to_go_on(scene, passage.id)
            await self._play.receive_message(scene.message(after=passage.id), GenerationOptions())
            done = self._say("discord.menu.going_on", scene.locale, where=f"<#{scene.room.id}>")
        if not scene.abroad:
            await self._answers.whisper(scene.interaction, done)

    async def _add(self, scene: Scene, message: discord.Message) -> None:
        """Take a message into the story of its room, as its writer's."""
        self._require_speech(scene)
        await self._answers.think(scene.interaction)
        if await self._passage(message) is not None:
            await self._answers.whisper(
                scene.interaction, self._say("discord.menu.there_already", scene.locale)
            )
            return
        place = await self._take_in(scene, message)
        if place.room != scene.room:
            place = Place(await self._threads.open(place.room))  # no reply will
        where = f"<#{place.room.id}>" if place.room.id.isdecimal() else ""
        await self._answers.whisper(
            scene.interaction, self._say("discord.menu.added", scene.locale, where=where)
        )

    async def _take_in(self, scene: Scene, message: discord.Message) -> Place:
        """Let a message be its writer's passage, where whoever chose it may write, too."""
        heard = await self._heard(scene, message)
        await self._play.check(scene.message(heard.text))
        place = await self._place(scene, message)
        if place.room != scene.room:
            self._threads.expect(place.room)
        self._posts.speak(place.room, scene.aloud)
        await self._play.receive_message(replace(heard, room=place.room), None)
        return place

    async def _edit(self, scene: Scene, message: discord.Message) -> None:
        """Bring the form for a passage's text."""
        passage = await self._passage(message)
        if passage is None:
            raise PassageGone
        await self._presses.open_edit(scene, passage)

    async def _passage(self, message: discord.Message) -> Passage | None:
        return await self._play.passage_of_message(PLATFORM, str(message.id))

    async def _place(self, scene: Scene, message: discord.Message) -> Place:
        if scene.abroad or not opens_threads(scene.interaction.channel):
            return Place(scene.room)
        if await self._play.read(scene.room) is not None:
            return Place(scene.room)
        interaction = scene.interaction
        thread = thread_of(message.id, scene.room)
        return place_from(interaction.channel, interaction.app_permissions, thread, scene.room)

    async def _heard(self, scene: Scene, message: discord.Message) -> Message:
        bot = scene.interaction.client.user
        if bot is not None and message.author.id == bot.id:
            raise PassageGone  # a word of ours that is no part of a story
        text = story_text(message.content, Self(bot.id if bot else 0), names_in(message))
        if not text.strip():
            raise EmptyPrompt
        return Message(str(message.id), scene.room, await self._writer(scene, message), text)

    async def _writer(self, scene: Scene, message: discord.Message) -> Author:
        """Who wrote a message; of others than who chose it, the choice tells no roles."""
        if message.author.id == scene.interaction.user.id:
            return scene.author
        author = author_of(message.author, scene.locale)
        if names_roles(await self._play.rules(scene.room)):
            author = await with_roles(author, scene.interaction.guild)
        return author

    def _require_speech(self, scene: Scene) -> None:
        if not scene.abroad:
            interaction = scene.interaction
            require_speech(interaction.channel, interaction.app_permissions, self._say, scene.locale)
