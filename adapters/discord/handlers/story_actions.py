"""`/story …`: the story of a room, and what belongs to it."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

import discord

from adapters.discord.api.errors import as_delivery_errors
from adapters.discord.delivery.interaction_response import Interaction, InteractionResponses
from adapters.discord.delivery.posts import Posts
from adapters.discord.handlers.interaction_context import InteractionContext, context_of, open_context
from adapters.discord.handlers.settings_command import SettingsCommand
from adapters.discord.handlers.tree_actions import ActNotices, TreeActions
from adapters.discord.payloads.messages import PLATFORM
from adapters.discord.payloads.rooms import is_private
from adapters.discord.render.modals import AnotherIsOpen, begin_anew_modal, notes_modal
from adapters.discord.render.replies import MAX_CONTENT, escape, keep_indent, truncate
from adapters.discord.render.story_lines import passage_label
from adapters.discord.render.views import Action, row_view
from bot.core.permissions import require
from bot.core.services import Services
from bot.domain.errors import NoStory, NoSuchStory
from bot.domain.jobs import GenerationOptions
from bot.domain.ports import Translate
from bot.domain.story import Notes, Story
from bot.story.export_formats import file_name
from bot.story.joining import text_of, told_passages

Handler = Callable[[InteractionContext], Awaitable[None]]
LISTED = 20
HEAD = 300
"""Characters beside a story's text where it is shown."""


class Stories:
    """The subcommands of `/story`, and `/help`."""

    def __init__(
        self,
        services: Services,
        translate: Translate,
        posts: Posts,
        responses: InteractionResponses,
        tree_actions: TreeActions,
        notices: ActNotices,
        settings: SettingsCommand,
    ) -> None:
        self._services = services
        self._translate = translate
        self._posts = posts
        self._responses = responses
        self._tree_actions = tree_actions
        self._notices = notices
        self._settings = settings

    async def _carry_out(self, interaction: Interaction, handler: Handler) -> None:
        async def with_context() -> None:
            await handler(open_context(interaction, self._posts))

        await self._responses.run(interaction, with_context())

    async def new(self, interaction: Interaction, title: str) -> None:
        """Begin a new story here; a form asks first where that closes one that has a text."""

        async def handler(context: InteractionContext) -> None:
            open_here = await self._services.stories.read(context.room)
            if open_here is None or not told_passages(open_here):
                await self._begin(context, title)
                return
            require(await self._services.settings.resolve(context.room), context.room, context.author)
            with as_delivery_errors():
                await interaction.response.send_modal(
                    begin_anew_modal(open_here, title, self._translate, context.locale)
                )

        await self._carry_out(interaction, handler)

    async def begin_anew(self, context: InteractionContext, title: str, story_id: str) -> None:
        """The form came back: begin, where the story that it asked about is still the one to be closed.

        Raises:
            AnotherIsOpen: another one with a text is open by now.
        """
        open_here = await self._services.stories.read(context.room)
        if open_here is not None and open_here.id != story_id and told_passages(open_here):
            raise AnotherIsOpen
        await self._begin(context, title)

    async def _begin(self, context: InteractionContext, title: str) -> None:
        await self._tell(
            context, "discord.story.begun", self._services.stories.begin(context.room, context.author, title)
        )

    async def title(self, interaction: Interaction, text: str) -> None:
        """Give the story another title."""

        async def handler(context: InteractionContext) -> None:
            story = await self._services.stories.rename(context.room, context.author, text)
            called, person = self._titled(story, context.public_locale), escape(context.author.name)
            sentence = self._translate(
                "discord.story.renamed", context.public_locale, person=person, title=called
            )
            await self._responses.send_public(context.interaction, sentence)

        await self._carry_out(interaction, handler)

    async def show(self, interaction: Interaction) -> None:
        """The story so far, to the person alone: as a message, and as a file where it is long."""

        async def handler(context: InteractionContext) -> None:
            await self._responses.defer_ephemeral(context.interaction)
            story = await self._story(context)
            head = self._head(story, context.locale)
            body = keep_indent(escape(text_of(told_passages(story))))
            if len(head) + len(body) < MAX_CONTENT:
                await self._responses.send_ephemeral(context.interaction, f"{head}\n\n{body}".strip())
            else:
                await self._hand_out(context, story, head)

        await self._carry_out(interaction, handler)

    async def export(self, interaction: Interaction, form: str) -> None:
        """The story as a file of that form."""

        async def handler(context: InteractionContext) -> None:
            await self._responses.defer_ephemeral(context.interaction)
            story = await self._story(context)
            await self._hand_out(context, story, self._head(story, context.locale), form)

        await self._carry_out(interaction, handler)

    async def catalogue(self, interaction: Interaction) -> None:
        """The stories of this server that the person can see, latest first."""

        async def handler(context: InteractionContext) -> None:
            await self._responses.defer_ephemeral(context.interaction)
            stories = await self._visible(context)
            lines = [self._listed(story, context.locale) for story in stories[:LISTED]]
            told = "\n".join(lines) or self._translate("discord.story.none", context.locale)
            await self._responses.send_ephemeral(context.interaction, truncate(told))

        await self._carry_out(interaction, handler)

    async def undo(self, interaction: Interaction) -> None:
        """Take the last passage back."""
        await self._carry_out(interaction, self._tree_actions.undo)

    async def redo(self, interaction: Interaction) -> None:
        """Take an undo back."""
        await self._carry_out(interaction, self._tree_actions.redo)

    async def branch(self, interaction: Interaction, passage: str) -> None:
        """Go on from another passage."""

        async def handler(context: InteractionContext) -> None:
            await self._tree_actions.branch(context, passage)

        await self._carry_out(interaction, handler)

    async def retry(self, interaction: Interaction) -> None:
        """Write the last passage anew."""

        async def handler(context: InteractionContext) -> None:
            await self._responses.defer_ephemeral(context.interaction)
            await self._services.generation.retry(context.message(), GenerationOptions())
            if not context.user_installed:
                await self._responses.delete_original(context.interaction)

        await self._carry_out(interaction, handler)

    async def notes(self, interaction: Interaction, action: Action) -> None:
        """A form for memory, author's note or lore, with what they are now."""

        async def handler(context: InteractionContext) -> None:
            story = await self._services.stories.read(context.room)
            notes = story.notes if story is not None else Notes()
            with as_delivery_errors():
                await context.interaction.response.send_modal(
                    notes_modal(action, notes, self._translate, context.locale)
                )

        await self._carry_out(interaction, handler)

    async def settings(self, interaction: Interaction, scope: str, rule: str, value: str) -> None:
        """What holds here, or another value for a rule."""

        async def handler(context: InteractionContext) -> None:
            await self._settings.run(context, scope, rule, value)

        await self._carry_out(interaction, handler)

    async def close(self, interaction: Interaction) -> None:
        """Close the story."""

        async def handler(context: InteractionContext) -> None:
            await self._tell(
                context, "discord.story.closed", self._services.stories.close(context.room, context.author)
            )

        await self._carry_out(interaction, handler)

    async def forget_me(self, interaction: Interaction) -> None:
        """Ask once more before a person's words are taken out."""

        async def handler(context: InteractionContext) -> None:
            view = row_view([(Action.FORGET, context.author.id)], self._translate, context.locale)
            sentence = self._translate("discord.story.forget", context.locale)
            await self._responses.send_ephemeral(context.interaction, sentence, view=view)

        await self._carry_out(interaction, handler)

    async def help(self, interaction: Interaction) -> None:
        """How it is done."""

        async def handler(context: InteractionContext) -> None:
            await self._responses.send_ephemeral(
                context.interaction, self._translate("discord.help", context.locale)
            )

        await self._carry_out(interaction, handler)

    async def reopen(self, interaction: Interaction, story_id: str) -> None:
        """Go on here with an earlier story, one that the person can see."""

        async def handler(context: InteractionContext) -> None:
            if story_id not in {story.id for story in await self._visible(context)}:
                raise NoSuchStory(story=story_id)
            reopening = self._services.stories.reopen(context.room, context.author, story_id)
            await self._tell(context, "discord.story.reopened", reopening)

        await self._carry_out(interaction, handler)

    async def titles(self, interaction: Interaction, typed: str) -> list[tuple[str, str]]:
        """Stories that the person can see, by a part of their title: title and id."""
        context = context_of(interaction)
        told = [story for story in await self._visible(context) if typed in story.title]
        return [(story.title or story.id, story.id) for story in told]

    async def passages(self, interaction: Interaction, typed: str) -> list[tuple[str, str]]:
        """Passages of the room's story that have the typed words in them, latest first: label and id."""
        context = context_of(interaction)
        story = await self._services.stories.read(context.room)
        if story is None:
            return []
        told = [
            p
            for p in reversed(await self._services.stories.tree(context.room))
            if not p.deleted and typed in p.text
        ]
        return [(passage_label(story, passage), passage.id) for passage in told]

    async def _story(self, context: InteractionContext) -> Story:
        story = await self._services.stories.read(context.room)
        if story is None:
            raise NoStory
        return story

    async def _visible(self, context: InteractionContext) -> list[Story]:
        guild_id = context.interaction.guild_id
        mine = await self._services.stories.list_stories(PLATFORM, author=context.author)
        if guild_id is None or context.user_installed:
            # What was told in a server stays there, whoever else is in this conversation.
            return [story for story in mine if not story.room.parent_scopes]
        there = await self._services.stories.list_stories(PLATFORM, within=f"guild/{guild_id}")
        own = {story.id for story in mine}
        return [story for story in there if self._sees(context, story, own=story.id in own)]

    def _sees(self, context: InteractionContext, story: Story, *, own: bool) -> bool:
        """Whether a person may know of a story: titles of hidden channels are told to nobody.

        `own`: they wrote in it. Of private threads only those who did are told, as long as they see the
        channel; of what they cannot see any more, they are not.
        """
        guild, person = context.interaction.guild, context.interaction.user
        if story.room == context.room:
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
        state = self._translate("discord.story.is_closed", locale) if story.closed else ""
        where = f"<#{story.room.id}>" if story.room.id.isdecimal() else ""
        return " ".join(part for part in ("-", f"**{self._titled(story, locale)}**", where, state) if part)

    def _titled(self, story: Story, locale: str) -> str:
        return escape(story.title) or self._translate("discord.thread_name", locale)

    def _head(self, story: Story, locale: str) -> str:
        passages = told_passages(story)
        figures = {"passages": len(passages), "characters": sum(len(p.text) for p in passages)}
        names = "、".join(_unique(p.author.name for p in passages if not p.by_model))
        told = self._translate("discord.story.head", locale, people=escape(names), **figures)
        return truncate(f"**{self._titled(story, locale)}**\n-# {told}", HEAD)

    async def _hand_out(
        self, context: InteractionContext, story: Story, head: str, form: str = "txt"
    ) -> None:
        text = await self._services.stories.export(story.id, form)
        file = discord.File(io.BytesIO(text.encode()), filename=file_name(story, form))
        await self._responses.send_ephemeral(context.interaction, head, file=file)

    async def _tell(self, context: InteractionContext, key: str, doing: Coroutine[Any, Any, Story]) -> None:
        """Do what opens or closes a story, and tell everybody."""
        done = await self._notices.perform(context, doing)
        await self._notices.send_public(
            context, key, done, title=self._titled(done.story, context.public_locale)
        )


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
