"""What the bot does when someone uses `/continue`."""

from __future__ import annotations

import discord

from adapters.base import Play
from adapters.discord.answers import Answers, Interaction
from adapters.discord.failures import delivery
from adapters.discord.forms import begin_form
from adapters.discord.naming import names_told, self_in
from adapters.discord.places import Pause, Place, open_thread, opens_threads, require_speech
from adapters.discord.posts import Posts
from adapters.discord.render import MAX_CONTENT, indented
from adapters.discord.scene import Scene, scene_of
from adapters.discord.shown import split, unread
from adapters.discord.translate import story_text, thread_name
from bot.errors import SpokenError
from bot.messages import Ask, Message, Ticket
from bot.seams import Say

Shown = discord.InteractionMessage | None


class Continuing:
    """Answers `/continue`: with text the answer shows the text, without it goes on with what is there.

    Discord wants the first answer within three seconds, so nothing slow comes before it.
    """

    def __init__(self, play: Play, say: Say, posts: Posts, answers: Answers, pause: Pause) -> None:
        self._play = play
        self._say = say
        self._posts = posts
        self._answers = answers
        self._pause = pause

    async def asked(self, interaction: Interaction, text: str, ask: Ask) -> None:
        """Let the story hear an interaction."""
        await self._answers.carry_out(interaction, self._continue(interaction, text, ask), text)

    async def _continue(self, interaction: Interaction, text: str, ask: Ask) -> None:
        scene = scene_of(interaction, self._posts)
        if not scene.abroad:
            require_speech(interaction.channel, interaction.app_permissions, self._say, scene.locale)
        if text.strip():
            await self._begin_or_add(scene, text, ask)
        elif await self._play.read(scene.room) is None:
            # There is nothing to go on from: a form takes the beginning, with its line breaks.
            with delivery():
                await interaction.response.send_modal(begin_form(ask, self._say, scene.locale))
        else:
            await self._go_on(scene, ask)

    async def _begin_or_add(self, scene: Scene, text: str, ask: Ask) -> None:
        interaction = scene.interaction
        # The bot shows it under its own name: what may not be said must not get that far.
        await self._play.check(scene.message(text))
        shown, rest = await self._show(interaction, text)
        text = await self._named(scene, text)
        place = await self._place(scene, shown, text)
        self._posts.speak(place.room, scene.aloud)
        in_thread = place.opened or isinstance(interaction.channel, discord.Thread)
        if shown is not None and not in_thread and not scene.abroad:
            self._posts.answer_to(place.room, shown.id)
        # By the message's id, so that its menu and replies to it find the passage.
        event_id = str(shown.id if shown is not None else interaction.id)
        heard = Message(event_id, place.room, scene.author, text)
        try:
            ticket = await self._play.hear(heard, ask)
        except SpokenError:
            if not place.opened:
                if shown is not None:
                    self._posts.unanswered(place.room, shown.id)
                await self._answers.take_back(interaction, rest)
            raise
        for sentence in self._remarks(place, ticket, scene.locale):
            await self._answers.whisper(interaction, sentence)

    async def _named(self, scene: Scene, text: str) -> str:
        """The text with names for mentions: as an option of a command it comes without."""
        guild = None if scene.abroad else scene.interaction.guild
        me = self_in(scene.interaction.client, guild)
        return text if me is None else story_text(text, me, await names_told(text, guild))

    def _remarks(self, place: Place, ticket: Ticket | None, locale: str) -> list[str]:
        remarks = []
        if place.missing is not None:
            permission = self._say(f"discord.permission.{place.missing}", locale)
            remarks.append(self._say("discord.no_thread", locale, permission=permission))
        if ticket is not None and ticket.unknown:
            remarks.append(unread(ticket, self._say, locale))
        return remarks

    async def _go_on(self, scene: Scene, ask: Ask) -> None:
        await self._answers.think(scene.interaction)
        await self._play.hear(scene.message(), ask)
        if not scene.abroad:
            # The reply is a message of its own; abroad it takes the place of this answer.
            await self._answers.take_back(scene.interaction)

    async def _show(self, interaction: Interaction, text: str) -> tuple[Shown, list[discord.WebhookMessage]]:
        """The answer with the text, and the messages with what of it went into no message."""
        quiet = discord.AllowedMentions.none()
        first, *pieces = split(indented(text), MAX_CONTENT - 1)
        with delivery():
            answer = await interaction.response.send_message(
                first, allowed_mentions=quiet, suppress_embeds=True
            )
            rest = [
                await interaction.followup.send(
                    indented(piece), allowed_mentions=quiet, suppress_embeds=True, wait=True
                )
                for piece in pieces
            ]
        resource = answer.resource
        return resource if isinstance(resource, discord.InteractionMessage) else None, rest

    async def _place(self, scene: Scene, shown: discord.Message | None, text: str) -> Place:
        interaction = scene.interaction
        if shown is None or scene.abroad or not opens_threads(interaction.channel):
            return Place(scene.room)
        name = thread_name(text, self._say("discord.thread_name", scene.locale))
        return await open_thread(shown, name, interaction.app_permissions, self._pause, interaction.guild_id)
