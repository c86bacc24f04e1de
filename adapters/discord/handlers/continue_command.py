"""What the bot does when someone uses `/continue`."""

from __future__ import annotations

import asyncio
import logging

import discord

from adapters.discord.api.errors import delivery
from adapters.discord.catchup.thread_history import Lines, Past
from adapters.discord.delivery.interaction_response import PROMPTLY_S, Answers, Interaction
from adapters.discord.delivery.posts import Posts
from adapters.discord.delivery.threads import Threads
from adapters.discord.handlers.interaction_context import Scene, scene_of
from adapters.discord.payloads.messages import PLATFORM, names_told, self_in, story_text
from adapters.discord.payloads.rooms import (
    Place,
    awaiting_answer,
    awaits_answer,
    place_from,
    require_speech,
)
from adapters.discord.render.modals import begin_form
from adapters.discord.render.replies import MAX_CONTENT, indented
from adapters.discord.render.story_lines import split, unread
from adapters.shared.ports import Play
from bot.domain.chat import Message
from bot.domain.errors import DeliveryError, SpokenError
from bot.domain.jobs import GenerationOptions, JobReceipt
from bot.domain.ports import Translate

_log = logging.getLogger(__name__)


class Continuing:
    """Answers `/continue`: with text the answer shows the text, without it goes on with what is there.

    What is said is kept first, by the command's own id: an answer that Discord does not take, or that the
    process does not live to give, costs the answer and not the story.
    """

    def __init__(
        self, play: Play, say: Translate, posts: Posts, answers: Answers, threads: Threads, past: Past
    ) -> None:
        self._play = play
        self._say = say
        self._posts = posts
        self._answers = answers
        self._threads = threads
        self._past = past

    async def asked(self, interaction: Interaction, text: str, ask: GenerationOptions) -> None:
        """Let the story hear an interaction."""
        await self._answers.carry_out(interaction, self._continue(interaction, text, ask), text)

    async def _continue(self, interaction: Interaction, text: str, ask: GenerationOptions) -> None:
        scene = scene_of(interaction, self._posts)
        if not scene.abroad:
            require_speech(interaction.channel, interaction.app_permissions, self._say, scene.locale)
        if text.strip():
            await (self._add_abroad if scene.abroad else self._begin_or_add)(scene, text, ask)
        elif await self._play.read(scene.room) is not None:
            await self._go_on(scene, ask, Lines())
        elif (lines := await self._prompt_lines(scene)).messages:
            await self._go_on(scene, ask, lines)
        else:
            # There is nothing to go on from: a form takes the beginning, with its line breaks.
            with delivery():
                await interaction.response.send_modal(begin_form(ask, self._say, scene.locale))

    async def _lines(self, scene: Scene) -> Lines:
        """What was written in a thread that the bot is called into."""
        interaction = scene.interaction
        me = self_in(interaction.client, interaction.guild)
        if me is None or scene.abroad:
            return Lines()
        allowed, channel = interaction.app_permissions, interaction.channel
        return await self._past.lines(channel, interaction.id, me, scene.locale, allowed)

    async def _prompt_lines(self, scene: Scene) -> Lines:
        """The same, as far as it is there before Discord wants an answer."""
        try:
            async with asyncio.timeout(PROMPTLY_S):
                return await self._lines(scene)
        except (TimeoutError, DeliveryError) as error:
            _log.warning("A thread could not be read in time: %s", error)
            return Lines()

    async def _begin_or_add(self, scene: Scene, text: str, ask: GenerationOptions) -> None:
        place = self._place(scene)
        self._posts.speak(place.room, scene.aloud)
        with self._threads.answering(place.room):
            ticket, lines = await self._kept(scene, place, text, ask)
            await self._follow(scene, place, await self._shown(scene, place, text))
        for sentence in self._remarks(place, ticket, lines, scene.locale):
            await self._answers.whisper(scene.interaction, sentence)

    async def _add_abroad(self, scene: Scene, text: str, ask: GenerationOptions) -> None:
        """Where the bot may only answer, nothing can be shown before the answer."""
        # The bot shows it under its own name: what may not be said must not get that far.
        await self._play.check(scene.message(text))
        rest: list[discord.WebhookMessage] = []
        with delivery():
            shown = await self._answer(scene.interaction, text, rest)
        text = await self._named(scene, text)
        try:
            ticket = await self._play.receive_message(scene.message(text, event_id=str(shown or "")), ask)
        except SpokenError:
            await self._answers.take_back(scene.interaction, rest)
            raise
        if ticket is not None and ticket.unknown:
            await self._answers.whisper(scene.interaction, unread(ticket, self._say, scene.locale))

    def _place(self, scene: Scene) -> Place:
        """A thread that will hang on the answer is known by the command's id until then."""
        interaction = scene.interaction
        thread = awaiting_answer(interaction.id, scene.room)
        return place_from(interaction.channel, interaction.app_permissions, thread, scene.room)

    async def _kept(
        self, scene: Scene, place: Place, text: str, ask: GenerationOptions
    ) -> tuple[JobReceipt | None, Lines]:
        """Let the story hear the text. Where that takes long, people see that we think about it meanwhile."""
        keeping = asyncio.create_task(self._keep(scene, place, text, ask))
        done, _ = await asyncio.wait({keeping}, timeout=PROMPTLY_S)
        if done:
            return await keeping
        await self._answers.think_aloud(scene.interaction)
        try:
            return await keeping
        except SpokenError:
            # Else what is only for the person would take the place of what everybody sees.
            await self._answers.take_back(scene.interaction)
            raise

    async def _keep(
        self, scene: Scene, place: Place, text: str, ask: GenerationOptions
    ) -> tuple[JobReceipt | None, Lines]:
        said, lines = await self._named(scene, text), await self._lines(scene)
        message = Message(str(scene.interaction.id), place.room, scene.author, said)
        return await self._play.receive_message(message, ask, lines.messages), lines

    async def _named(self, scene: Scene, text: str) -> str:
        """The text with names for mentions: as an option of a command it comes without."""
        guild = None if scene.abroad else scene.interaction.guild
        me = self_in(scene.interaction.client, guild)
        return text if me is None else story_text(text, me, await names_told(text, guild))

    async def _shown(self, scene: Scene, place: Place, text: str) -> int | None:
        """The message that shows the text to everybody: the answer, or where that is refused one of ours."""
        try:
            with delivery():
                return await self._answer(scene.interaction, text, [])
        except DeliveryError as error:
            _log.warning("A command's answer was not taken: %s", error)
        try:
            with delivery():
                # It may have been taken all the same, and only the receipt got lost.
                return (await scene.interaction.original_response()).id
        except DeliveryError:
            return await self._shown_anyway(scene, place, text)

    async def _shown_anyway(self, scene: Scene, place: Place, text: str) -> int | None:
        if awaits_answer(place.room):
            return None  # who posts the reply shows it, before and after a restart
        key = f"command {scene.interaction.id}"
        try:
            return await self._threads.show_text(place.room, scene.author, text, key)
        except DeliveryError as error:
            _log.warning("A command's text could not be shown: %s", error)
            return None

    async def _follow(self, scene: Scene, place: Place, shown: int | None) -> None:
        """By the message that shows it, its menu and replies to it find the passage."""
        if shown is None:
            return
        if awaits_answer(place.room):
            self._threads.answered(place.room, shown)
            return
        await self._play.show_by(PLATFORM, str(scene.interaction.id), str(shown))
        if not isinstance(scene.interaction.channel, discord.Thread):
            self._posts.answer_to(place.room, shown)

    def _remarks(self, place: Place, ticket: JobReceipt | None, lines: Lines, locale: str) -> list[str]:
        remarks = [remark for remark in [lines.remark(self._say, locale)] if remark]
        if place.missing is not None:
            permission = self._say(f"discord.permission.{place.missing}", locale)
            remarks.append(self._say("discord.no_thread", locale, permission=permission))
        if ticket is not None and ticket.unknown:
            remarks.append(unread(ticket, self._say, locale))
        return remarks

    async def _go_on(self, scene: Scene, ask: GenerationOptions, lines: Lines) -> None:
        if scene.abroad:
            # The reply takes the place of this answer.
            await self._answers.think(scene.interaction)
            await self._play.receive_message(scene.message(), ask)
            return
        hearing = self._hear_more(scene, ask, lines)
        await self._answers.kept_first(scene.interaction, hearing, self._answers.think)
        await self._answers.take_back(scene.interaction)
        if (remark := lines.remark(self._say, scene.locale)) is not None:
            await self._answers.whisper(scene.interaction, remark)

    async def _hear_more(self, scene: Scene, ask: GenerationOptions, lines: Lines) -> JobReceipt | None:
        return await self._play.receive_message(scene.message(), ask, lines.messages)

    async def _answer(
        self, interaction: Interaction, text: str, rest: list[discord.WebhookMessage]
    ) -> int | None:
        """Show the text; the id of the message, and in `rest` those with what did not go into it."""
        quiet = discord.AllowedMentions.none()
        first, *pieces = split(indented(text), MAX_CONTENT - 1)

        async def further(content: str) -> discord.WebhookMessage:
            return await interaction.followup.send(
                content, allowed_mentions=quiet, suppress_embeds=True, wait=True
            )

        if interaction.response.is_done():
            message_id: int | None = (await further(first)).id
        else:
            answer = await interaction.response.send_message(
                first, allowed_mentions=quiet, suppress_embeds=True
            )
            message_id = answer.message_id
        for piece in pieces:
            rest += [await further(indented(piece))]
        return message_id
