"""What the bot does when someone uses `/continue`."""

from __future__ import annotations

import logging

import discord

from adapters.base import Play
from adapters.discord.failures import delivery
from adapters.discord.places import Pause, Place, open_thread, opens_threads, require_speech, room_of
from adapters.discord.posts import Posts
from adapters.discord.render import MAX_CONTENT, indented
from adapters.discord.translate import PLATFORM, known_locale, thread_name
from bot.errors import DeliveryError, EmptyPrompt, NotAllowed, SpokenError
from bot.messages import Ask, Author, Message, Room, Say, Ticket

_log = logging.getLogger(__name__)

Interaction = discord.Interaction[discord.Client]


class Continuing:
    """Answers `/continue`: with text the answer shows the text, without it goes on with what is there.

    Discord wants the first answer within three seconds, so nothing slow comes before it.
    """

    def __init__(self, play: Play, say: Say, posts: Posts, pause: Pause) -> None:
        self._play = play
        self._say = say
        self._posts = posts
        self._pause = pause

    async def asked(self, interaction: Interaction, text: str, ask: Ask) -> None:
        """Let the story hear an interaction."""
        locale = known_locale(interaction.locale.value)
        try:
            require_speech(interaction.channel, interaction.app_permissions, self._say, locale)
            if text.strip():
                await self._begin_or_add(interaction, text, ask, locale)
            else:
                await self._go_on(interaction, ask, locale)
        except NotAllowed as error:
            await self._give_back(interaction, error, text, locale)
        except SpokenError as error:
            await self._whisper(interaction, self._say(error.key, locale, **error.values))
        except DeliveryError as error:
            _log.warning("An interaction could not be answered: %s", error)
            await self._whisper(interaction, self._say("discord.trouble", locale))
        except Exception:  # noqa: BLE001 - a task's end: people see a sentence, the log the rest
            _log.exception("An interaction could not be answered")
            await self._whisper(interaction, self._say("discord.trouble", locale))

    async def _begin_or_add(self, interaction: Interaction, text: str, ask: Ask, locale: str) -> None:
        shown = await self._show(interaction, text)
        place = await self._place(interaction, shown, text, locale)
        if shown is not None and not place.opened and not isinstance(interaction.channel, discord.Thread):
            self._posts.answer_to(place.room, shown.id)
        try:
            ticket = await self._hear(interaction, place.room, text, ask, locale)
        except SpokenError as error:
            if place.opened:
                raise  # the text stands above the new thread, where a mention tries again
            if shown is not None:
                self._posts.unanswered(place.room, shown.id)
            await self._take_back(interaction)
            await self._give_back(interaction, error, text, locale)
            return
        for sentence in self._remarks(place, ticket, locale):
            await self._whisper(interaction, sentence)

    def _remarks(self, place: Place, ticket: Ticket | None, locale: str) -> list[str]:
        remarks = []
        if place.missing is not None:
            permission = self._say(f"discord.permission.{place.missing}", locale)
            remarks.append(self._say("discord.no_thread", locale, permission=permission))
        if ticket is not None and ticket.unknown:
            characters = " ".join(ticket.unknown)
            remarks.append(self._say("discord.unknown", locale, characters=characters))
        return remarks

    async def _go_on(self, interaction: Interaction, ask: Ask, locale: str) -> None:
        with delivery():
            await interaction.response.defer(ephemeral=True, thinking=True)
        room = room_of(interaction.channel_id or 0)
        if opens_threads(interaction.channel) and await self._play.read(room) is None:
            raise EmptyPrompt
        await self._hear(interaction, room, "", ask, locale)
        await self._take_back(interaction)

    async def _show(self, interaction: Interaction, text: str) -> discord.InteractionMessage | None:
        content = indented(text)
        if len(content) > MAX_CONTENT:
            content = content[: MAX_CONTENT - 1] + "…"
        quiet = discord.AllowedMentions.none()
        with delivery():
            answer = await interaction.response.send_message(
                content, allowed_mentions=quiet, suppress_embeds=True
            )
        resource = answer.resource
        return resource if isinstance(resource, discord.InteractionMessage) else None

    async def _place(
        self, interaction: Interaction, shown: discord.Message | None, text: str, locale: str
    ) -> Place:
        if shown is None or not opens_threads(interaction.channel):
            return Place(room_of(interaction.channel_id or 0))
        name = thread_name(text, self._say("discord.thread_name", locale))
        return await open_thread(shown, name, interaction.app_permissions, self._pause)

    async def _hear(
        self, interaction: Interaction, room: Room, text: str, ask: Ask, locale: str
    ) -> Ticket | None:
        person = interaction.user
        author = Author(PLATFORM, str(person.id), person.display_name, locale)
        return await self._play.hear(Message(str(interaction.id), room, author, text), ask)

    async def _whisper(self, interaction: Interaction, sentence: str) -> None:
        quiet = discord.AllowedMentions.none()
        try:
            with delivery():
                if interaction.response.is_done():
                    await interaction.followup.send(sentence, ephemeral=True, allowed_mentions=quiet)
                else:
                    await interaction.response.send_message(sentence, ephemeral=True, allowed_mentions=quiet)
        except DeliveryError as error:
            _log.warning("A sentence could not be said in Discord: %s", error)

    async def _give_back(self, interaction: Interaction, error: SpokenError, text: str, locale: str) -> None:
        """Say why the text was not taken, with the text, so that it need not be typed again."""
        sentence = self._say(error.key, locale, **error.values)
        quoted = f"\n>>> {text}" if text.strip() else ""
        await self._whisper(interaction, f"{sentence}{quoted}"[:MAX_CONTENT])

    async def _take_back(self, interaction: Interaction) -> None:
        try:
            with delivery():
                await interaction.delete_original_response()
        except DeliveryError as error:
            _log.debug("An answer could not be taken back: %s", error)
