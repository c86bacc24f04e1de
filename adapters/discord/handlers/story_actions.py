"""`/story …`: the story of a room, and what belongs to it."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

import discord

from adapters.discord.api.errors import delivery
from adapters.discord.delivery.interaction_response import Answers, Interaction
from adapters.discord.delivery.posts import Posts
from adapters.discord.handlers.interaction_context import Scene, around, scene_of
from adapters.discord.handlers.settings_command import Settings
from adapters.discord.handlers.tree_actions import Moves, Telling
from adapters.discord.payloads.messages import PLATFORM
from adapters.discord.payloads.rooms import is_private
from adapters.discord.render.modals import AnotherIsOpen, anew_form, notes_form
from adapters.discord.render.replies import MAX_CONTENT, cut, escape, indented
from adapters.discord.render.story_lines import label_of
from adapters.discord.render.views import Verb, row_of
from adapters.shared.ports import Play
from bot.core.permissions import require
from bot.domain.errors import NoStory, NoSuchStory
from bot.domain.jobs import GenerationOptions
from bot.domain.ports import Translate
from bot.domain.story import Notes, Story
from bot.story.export_formats import file_name
from bot.story.joining import text_of, told_passages

Deed = Callable[[Scene], Awaitable[None]]
LISTED = 20
HEAD = 300
"""Characters beside a story's text where it is shown."""


class Stories:
    """The subcommands of `/story`, and `/help`."""

    def __init__(
        self,
        play: Play,
        say: Translate,
        posts: Posts,
        answers: Answers,
        moves: Moves,
        telling: Telling,
        settings: Settings,
    ) -> None:
        self._play = play
        self._say = say
        self._posts = posts
        self._answers = answers
        self._moves = moves
        self._telling = telling
        self._settings = settings

    async def _carry_out(self, interaction: Interaction, deed: Deed) -> None:
        async def with_scene() -> None:
            await deed(scene_of(interaction, self._posts))

        await self._answers.carry_out(interaction, with_scene())

    async def new(self, interaction: Interaction, title: str) -> None:
        """Begin a new story here; a form asks first where that closes one that has a text."""

        async def deed(scene: Scene) -> None:
            open_here = await self._play.read(scene.room)
            if open_here is None or not told_passages(open_here):
                await self._begin(scene, title)
                return
            require(await self._play.rules(scene.room), scene.room, scene.author)
            with delivery():
                await interaction.response.send_modal(anew_form(open_here, title, self._say, scene.locale))

        await self._carry_out(interaction, deed)

    async def begin_anew(self, scene: Scene, title: str, story_id: str) -> None:
        """The form came back: begin, where the story that it asked about is still the one to be closed.

        Raises:
            AnotherIsOpen: another one with a text is open by now.
        """
        open_here = await self._play.read(scene.room)
        if open_here is not None and open_here.id != story_id and told_passages(open_here):
            raise AnotherIsOpen
        await self._begin(scene, title)

    async def _begin(self, scene: Scene, title: str) -> None:
        await self._tell(scene, "discord.story.begun", self._play.begin(scene.room, scene.author, title))

    async def title(self, interaction: Interaction, text: str) -> None:
        """Give the story another title."""

        async def deed(scene: Scene) -> None:
            story = await self._play.rename(scene.room, scene.author, text)
            called, person = self._titled(story, scene.aloud), escape(scene.author.name)
            sentence = self._say("discord.story.renamed", scene.aloud, person=person, title=called)
            await self._answers.aloud(scene.interaction, sentence)

        await self._carry_out(interaction, deed)

    async def show(self, interaction: Interaction) -> None:
        """The story so far, to the person alone: as a message, and as a file where it is long."""

        async def deed(scene: Scene) -> None:
            await self._answers.think(scene.interaction)
            story = await self._story(scene)
            head = self._head(story, scene.locale)
            body = indented(escape(text_of(told_passages(story))))
            if len(head) + len(body) < MAX_CONTENT:
                await self._answers.whisper(scene.interaction, f"{head}\n\n{body}".strip())
            else:
                await self._hand_out(scene, story, head)

        await self._carry_out(interaction, deed)

    async def export(self, interaction: Interaction, form: str) -> None:
        """The story as a file of that form."""

        async def deed(scene: Scene) -> None:
            await self._answers.think(scene.interaction)
            story = await self._story(scene)
            await self._hand_out(scene, story, self._head(story, scene.locale), form)

        await self._carry_out(interaction, deed)

    async def catalogue(self, interaction: Interaction) -> None:
        """The stories of this server that the person can see, latest first."""

        async def deed(scene: Scene) -> None:
            await self._answers.think(scene.interaction)
            stories = await self._visible(scene)
            lines = [self._listed(story, scene.locale) for story in stories[:LISTED]]
            told = "\n".join(lines) or self._say("discord.story.none", scene.locale)
            await self._answers.whisper(scene.interaction, cut(told))

        await self._carry_out(interaction, deed)

    async def undo(self, interaction: Interaction) -> None:
        """Take the last passage back."""
        await self._carry_out(interaction, self._moves.undo)

    async def redo(self, interaction: Interaction) -> None:
        """Take an undo back."""
        await self._carry_out(interaction, self._moves.redo)

    async def branch(self, interaction: Interaction, passage: str) -> None:
        """Go on from another passage."""

        async def deed(scene: Scene) -> None:
            await self._moves.branch(scene, passage)

        await self._carry_out(interaction, deed)

    async def retry(self, interaction: Interaction) -> None:
        """Write the last passage anew."""

        async def deed(scene: Scene) -> None:
            await self._answers.think(scene.interaction)
            await self._play.retry(scene.message(), GenerationOptions())
            if not scene.abroad:
                await self._answers.take_back(scene.interaction)

        await self._carry_out(interaction, deed)

    async def notes(self, interaction: Interaction, verb: Verb) -> None:
        """A form for memory, author's note or lore, with what they are now."""

        async def deed(scene: Scene) -> None:
            story = await self._play.read(scene.room)
            notes = story.notes if story is not None else Notes()
            with delivery():
                await scene.interaction.response.send_modal(notes_form(verb, notes, self._say, scene.locale))

        await self._carry_out(interaction, deed)

    async def settings(self, interaction: Interaction, scope: str, rule: str, value: str) -> None:
        """What holds here, or another value for a rule."""

        async def deed(scene: Scene) -> None:
            await self._settings.asked(scene, scope, rule, value)

        await self._carry_out(interaction, deed)

    async def close(self, interaction: Interaction) -> None:
        """Close the story."""

        async def deed(scene: Scene) -> None:
            await self._tell(scene, "discord.story.closed", self._play.close(scene.room, scene.author))

        await self._carry_out(interaction, deed)

    async def forget_me(self, interaction: Interaction) -> None:
        """Ask once more before a person's words are taken out."""

        async def deed(scene: Scene) -> None:
            view = row_of([(Verb.FORGET, scene.author.id)], self._say, scene.locale)
            sentence = self._say("discord.story.forget", scene.locale)
            await self._answers.whisper(scene.interaction, sentence, view=view)

        await self._carry_out(interaction, deed)

    async def help(self, interaction: Interaction) -> None:
        """How it is done."""

        async def deed(scene: Scene) -> None:
            await self._answers.whisper(scene.interaction, self._say("discord.help", scene.locale))

        await self._carry_out(interaction, deed)

    async def reopen(self, interaction: Interaction, story_id: str) -> None:
        """Go on here with an earlier story, one that the person can see."""

        async def deed(scene: Scene) -> None:
            if story_id not in {story.id for story in await self._visible(scene)}:
                raise NoSuchStory(story=story_id)
            reopening = self._play.reopen(scene.room, scene.author, story_id)
            await self._tell(scene, "discord.story.reopened", reopening)

        await self._carry_out(interaction, deed)

    async def titles(self, interaction: Interaction, typed: str) -> list[tuple[str, str]]:
        """Stories that the person can see, by a part of their title: title and id."""
        scene = around(interaction)
        told = [story for story in await self._visible(scene) if typed in story.title]
        return [(story.title or story.id, story.id) for story in told]

    async def passages(self, interaction: Interaction, typed: str) -> list[tuple[str, str]]:
        """Passages of the room's story that have the typed words in them, latest first: label and id."""
        scene = around(interaction)
        story = await self._play.read(scene.room)
        if story is None:
            return []
        told = [p for p in reversed(await self._play.tree(scene.room)) if not p.deleted and typed in p.text]
        return [(label_of(story, passage), passage.id) for passage in told]

    async def _story(self, scene: Scene) -> Story:
        story = await self._play.read(scene.room)
        if story is None:
            raise NoStory
        return story

    async def _visible(self, scene: Scene) -> list[Story]:
        guild_id = scene.interaction.guild_id
        mine = await self._play.stories(PLATFORM, author=scene.author)
        if guild_id is None or scene.abroad:
            # What was told in a server stays there, whoever else is in this conversation.
            return [story for story in mine if not story.room.parent_scopes]
        there = await self._play.stories(PLATFORM, within=f"guild/{guild_id}")
        own = {story.id for story in mine}
        return [story for story in there if self._sees(scene, story, own=story.id in own)]

    def _sees(self, scene: Scene, story: Story, *, own: bool) -> bool:
        """Whether a person may know of a story: titles of hidden channels are told to nobody.

        `own`: they wrote in it. Of private threads only those who did are told, as long as they see the
        channel; of what they cannot see any more, they are not.
        """
        guild, person = scene.interaction.guild, scene.interaction.user
        if story.room == scene.room:
            return True
        if is_private(story.room) and not own:
            return False
        if guild is None or not isinstance(person, discord.Member) or not story.room.id.isdecimal():
            return False
        channel = guild.get_channel_or_thread(int(story.room.id))
        if channel is None:
            # Archived, perhaps: the channel that it lies in decides.
            parents = [
                where.partition("/")[2] for where in story.room.parent_scopes if where.startswith("channel/")
            ]
            channel = guild.get_channel(int(parents[0])) if parents else None
        if channel is None:
            return own  # it was deleted
        try:
            return channel.permissions_for(person).view_channel
        except discord.ClientException:
            return False

    def _listed(self, story: Story, locale: str) -> str:
        state = self._say("discord.story.is_closed", locale) if story.closed else ""
        where = f"<#{story.room.id}>" if story.room.id.isdecimal() else ""
        return " ".join(part for part in ("-", f"**{self._titled(story, locale)}**", where, state) if part)

    def _titled(self, story: Story, locale: str) -> str:
        return escape(story.title) or self._say("discord.thread_name", locale)

    def _head(self, story: Story, locale: str) -> str:
        passages = told_passages(story)
        figures = {"passages": len(passages), "characters": sum(len(p.text) for p in passages)}
        names = "、".join(_unique(p.author.name for p in passages if not p.by_model))
        told = self._say("discord.story.head", locale, people=escape(names), **figures)
        return cut(f"**{self._titled(story, locale)}**\n-# {told}", HEAD)

    async def _hand_out(self, scene: Scene, story: Story, head: str, form: str = "txt") -> None:
        text = await self._play.export(story.id, form)
        file = discord.File(io.BytesIO(text.encode()), filename=file_name(story, form))
        await self._answers.whisper(scene.interaction, head, file=file)

    async def _tell(self, scene: Scene, key: str, doing: Coroutine[Any, Any, Story]) -> None:
        """Do what opens or closes a story, and tell everybody."""
        done = await self._telling.acted(scene, doing)
        await self._telling.aloud(scene, key, done, title=self._titled(done.story, scene.aloud))


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
