"""Commands in a message's menu: go on from it, or take it into the story."""

from __future__ import annotations

from dataclasses import dataclass, replace

import discord
from discord import app_commands

from adapters.discord.delivery.posts import Posts
from adapters.discord.delivery.threads import StoryThreads
from adapters.discord.handlers.command_tree import CONTEXTS, INSTALLS, phrase
from adapters.discord.handlers.component_interactions import ComponentHandler
from adapters.discord.handlers.interaction_context import (
    Interaction,
    InteractionContext,
    in_story_room,
    open_context,
)
from adapters.discord.handlers.tree_actions import TreeActions
from adapters.discord.payloads.messages import (
    PLATFORM,
    BotIdentity,
    author_of,
    mention_names_of,
    story_text,
    with_roles,
)
from adapters.discord.payloads.rooms import (
    ThreadRef,
    choose_thread,
    opens_threads,
    thread_room,
)
from adapters.discord.render.components import Action, ComponentId
from bot.core.permissions import depends_on_roles
from bot.core.services import Services
from bot.domain.chat import Author, Message
from bot.domain.errors import EmptyPrompt, PassageGone
from bot.domain.jobs import GenerationOptions
from bot.domain.story import Passage
from bot.story.joining import ends_with


@dataclass(frozen=True, slots=True)
class ContextMenus:
    """The commands and what they do. The command tree tells what they raise."""

    services: Services
    posts: Posts
    components: ComponentHandler
    tree_actions: TreeActions
    threads: StoryThreads

    def commands(self) -> list[app_commands.ContextMenu]:
        """The commands."""
        callbacks = {"go_on": self._continue, "add": self._add, "edit": self._edit}
        return [
            app_commands.ContextMenu(
                name=phrase(f"menu.{name}", self.posts.translate(f"discord.menu.{name}", "en")),
                callback=callback,
                allowed_installs=INSTALLS,
                allowed_contexts=CONTEXTS,
            )
            for name, callback in callbacks.items()
        ]

    async def _continue(self, interaction: Interaction, message: discord.Message) -> None:
        """Branch from the message's passage and go on; a message that is in no story begins or joins one."""
        context = open_context(interaction, self.posts)
        context.require_send_permission()
        await context.defer_ephemeral()
        passage = await self._passage(message)
        if passage is None:
            place = await self._add_as_passage(context, message)
            await self.services.generation.receive_message(
                replace(context, room=place.room).message(), GenerationOptions()
            )
            done, where = "discord.menu.added", place.room
        else:
            context = await in_story_room(self.services, context, passage)
            story = await self.services.stories.open_in(context.room)
            if story is None or not ends_with(story, passage.id):
                await self.tree_actions.branch_and_continue(context, passage.id)
            await self.services.generation.receive_message(
                context.message(after=passage.id), GenerationOptions()
            )
            done, where = "discord.menu.going_on", context.room
        if not context.user_installed:
            await context.send_phrase(done, where=f"<#{where.id}>")

    async def _add(self, interaction: Interaction, message: discord.Message) -> None:
        """Take a message into the story of its room, as its writer's."""
        context = open_context(interaction, self.posts)
        context.require_send_permission()
        await context.defer_ephemeral()
        if await self._passage(message) is not None:
            await context.send_phrase("discord.menu.there_already")
            return
        place = await self._add_as_passage(context, message)
        if place.room != context.room:
            place = ThreadRef(await self.threads.open(place.room))  # no reply will
        where = f"<#{place.room.id}>" if place.room.id.isdecimal() else ""
        await context.send_phrase("discord.menu.added", where=where)

    async def _add_as_passage(self, context: InteractionContext, message: discord.Message) -> ThreadRef:
        """Let a message be its writer's passage, where whoever chose it may write, too."""
        received = await self._message_of(context, message)
        await self.services.generation.validate(context.message(received.text))
        place = await self._choose_thread(context, message)
        if place.room != context.room:
            self.threads.expect_thread(place.room)
        self.posts.set_locale(place.room, context.public_locale)
        await self.services.generation.receive_message(replace(received, room=place.room), None)
        return place

    async def _edit(self, interaction: Interaction, message: discord.Message) -> None:
        """Bring the form for a passage's text."""
        context = open_context(interaction, self.posts)
        passage = await self._passage(message)
        if passage is None:
            raise PassageGone
        await self.components.press(context, ComponentId(Action.EDIT, passage.id))

    async def _passage(self, message: discord.Message) -> Passage | None:
        return await self.services.passages.by_message(PLATFORM, str(message.id))

    async def _choose_thread(self, context: InteractionContext, message: discord.Message) -> ThreadRef:
        if context.user_installed or not opens_threads(context.interaction.channel):
            return ThreadRef(context.room)
        if await self.services.stories.open_in(context.room) is not None:
            return ThreadRef(context.room)
        interaction = context.interaction
        thread = thread_room(message.id, context.room)
        return choose_thread(interaction.channel, interaction.app_permissions, thread, context.room)

    async def _message_of(self, context: InteractionContext, message: discord.Message) -> Message:
        bot = context.interaction.client.user
        if bot is not None and message.author.id == bot.id:
            raise PassageGone  # a word of ours that is no part of a story
        text = story_text(message.content, BotIdentity(bot.id if bot else 0), mention_names_of(message))
        if not text.strip():
            raise EmptyPrompt
        return Message(str(message.id), context.room, await self._writer(context, message), text)

    async def _writer(self, context: InteractionContext, message: discord.Message) -> Author:
        """Who wrote a message; of others than who chose it, the choice tells no roles."""
        if message.author.id == context.interaction.user.id:
            return context.author
        author = author_of(message.author, context.locale)
        if depends_on_roles(await self.services.settings.resolve(context.room)):
            author = await with_roles(author, context.interaction.guild)
        return author
