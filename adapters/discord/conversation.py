"""What the bot does when it is spoken to: acknowledge, find the room, let the story hear it."""

from __future__ import annotations

import asyncio
import logging

import discord

from adapters.base import Play
from adapters.discord.failures import delivery
from adapters.discord.places import Pause, Place, open_thread, opens_threads, require_speech, room_of
from adapters.discord.posts import Posts, nonce_of
from adapters.discord.translate import PLATFORM, Names, Self, locale_of, story_text, thread_name
from bot.errors import DeliveryError, EmptyPrompt, NotAllowed, SpokenError
from bot.messages import Ask, Author, Message, Say, Ticket

_log = logging.getLogger(__name__)


class Conversation:
    """Messages that mention the bot, and direct messages."""

    def __init__(self, play: Play, say: Say, posts: Posts, pause: Pause) -> None:
        self._play = play
        self._say = say
        self._posts = posts
        self._pause = pause

    async def heard(self, message: discord.Message, me: Self) -> None:
        """Let the story hear a message that is meant for the bot."""
        text = story_text(message.content, me, names_in(message))
        locale = message_locale(message, text)
        typing = asyncio.create_task(_show_typing(message.channel))
        try:
            await self._answer(message, text, locale)
        except NotAllowed as error:
            await self._tell_privately(message, locale, error)
        except SpokenError as error:
            await self._tell(message, self._say(error.key, locale, **error.values))
        except Exception:  # noqa: BLE001 - a task's end: people see a sentence, the log the rest
            _log.exception("A message in channel %s could not be answered", message.channel.id)
            await self._tell(message, self._say("discord.trouble", locale))
        finally:
            await typing

    async def _answer(self, message: discord.Message, text: str, locale: str) -> None:
        require_speech(message.channel, allowed_in(message), self._say, locale)
        place = await self._place(message, text, locale)
        in_thread = place.opened or isinstance(message.channel, discord.Thread)
        if place.missing is not None and await self._play.read(place.room) is None:
            permission = self._say(f"discord.permission.{place.missing}", locale)
            await self._tell(message, self._say("discord.no_thread", locale, permission=permission))
        if not in_thread:
            self._posts.answer_to(place.room, message.id)
        author = Author(PLATFORM, str(message.author.id), message.author.display_name, locale)
        ticket: Ticket | None = None
        try:
            ticket = await self._play.hear(Message(str(message.id), place.room, author, text), Ask())
        except SpokenError as error:
            if not place.opened:
                raise
            # Said in the new thread: a mention there tries again and uses it.
            await self._tell_in(place, self._say(error.key, locale, **error.values))
        finally:
            if ticket is None or ticket.repeated:
                self._posts.unanswered(place.room, message.id)
        if ticket is not None and ticket.unknown and not ticket.repeated:
            characters = " ".join(ticket.unknown)
            await self._tell(message, self._say("discord.unknown", locale, characters=characters))

    async def _place(self, message: discord.Message, text: str, locale: str) -> Place:
        here = room_of(message.channel.id)
        if not opens_threads(message.channel):
            return Place(here)
        if text.strip():
            name = thread_name(text, self._say("discord.thread_name", locale))
            return await open_thread(message, name, allowed_in(message), self._pause)
        if await self._play.read(here) is None:
            # Told before a thread is opened: an empty thread would stay behind.
            raise EmptyPrompt
        return Place(here)

    async def _tell(self, message: discord.Message, sentence: str) -> None:
        quiet = discord.AllowedMentions.none()
        reference = message.to_reference(fail_if_not_exists=False)
        # The nonce keeps it from being said twice, when an answer gets lost or a message is dispatched again.
        nonce = nonce_of(f"{message.id} {sentence}")
        try:
            with delivery():
                await message.channel.send(sentence, reference=reference, allowed_mentions=quiet, nonce=nonce)
        except DeliveryError:
            await _say_plainly(message.channel, sentence, nonce)

    async def _tell_in(self, place: Place, sentence: str) -> None:
        try:
            await self._posts.say(place.room, sentence)
        except DeliveryError as error:
            _log.warning("A sentence could not be said in Discord: %s", error)

    async def _tell_privately(self, message: discord.Message, locale: str, error: NotAllowed) -> None:
        # Where the bot may not talk, a direct message is the only way left to say why.
        sentence = self._say(error.key, locale, **error.values)
        await _say_plainly(message.author, sentence, nonce_of(f"{message.id} {sentence}"))


async def _say_plainly(to: discord.abc.Messageable, sentence: str, nonce: str) -> None:
    try:
        with delivery():
            await to.send(sentence, allowed_mentions=discord.AllowedMentions.none(), nonce=nonce)
    except DeliveryError as error:
        _log.warning("A sentence could not be said in Discord: %s", error)


async def _show_typing(channel: discord.abc.Messageable) -> None:
    try:
        with delivery():
            await channel.typing()
    except DeliveryError as error:
        _log.debug("No typing sign: %s", error)


def names_in(message: discord.Message) -> Names:
    """What the mentions in a message are called."""
    return Names(
        users={user.id: user.display_name for user in message.mentions},
        roles={role.id: role.name for role in message.role_mentions},
        channels={channel.id: getattr(channel, "name", "") for channel in message.channel_mentions},
    )


def message_locale(message: discord.Message, text: str) -> str:
    """The language to answer a message in."""
    guild = message.guild
    if guild is None:
        return locale_of(None, [], text)
    return locale_of(guild.preferred_locale.value, list(guild.features), text)


def allowed_in(message: discord.Message) -> discord.Permissions:
    """What the bot may do where a message was written; everything where that is not known."""
    guild, channel = message.guild, message.channel
    unknown = isinstance(channel, (discord.DMChannel, discord.PartialMessageable))
    if guild is None or guild.me is None or guild.default_role is None or unknown:
        return discord.Permissions.all()
    try:
        return channel.permissions_for(guild.me)
    except discord.ClientException:
        # A thread asks its parent, which the bot may not see.
        return discord.Permissions.all()
