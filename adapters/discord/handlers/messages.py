"""What the bot does when people write: acknowledge, find the room, let the story hear it."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

import discord

from adapters.discord.api.errors import delivery
from adapters.discord.catchup.thread_history import Lines, Past
from adapters.discord.delivery.interaction_response import sentence_of
from adapters.discord.delivery.posts import Posts, nonce_of
from adapters.discord.delivery.threads import Threads
from adapters.discord.handlers.proxy_bots import Proxies
from adapters.discord.payloads.attachments import Attachments, Brought, may_be_text
from adapters.discord.payloads.messages import (
    PLATFORM,
    Self,
    author_of,
    locale_of,
    names_in,
    story_text,
    with_roles,
)
from adapters.discord.payloads.rooms import (
    Place,
    opens_threads,
    place_from,
    require_speech,
    room_of_message,
    thread_of,
)
from adapters.discord.render.replies import escape
from adapters.discord.render.story_lines import unread
from adapters.shared.ports import Play
from bot.aio.keyed_lock import InOrder
from bot.core.permissions import names_roles
from bot.domain.chat import Author, Message, Room, with_attached
from bot.domain.errors import (
    DeliveryError,
    NotAllowed,
    NotPermitted,
    PassageGone,
    SpokenError,
)
from bot.domain.jobs import GenerationOptions, JobReceipt
from bot.domain.ports import Translate
from bot.domain.story import Passage
from bot.story.joining import ends_with, is_read

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Line:
    """What a person wrote in one message, what its files say, and whether it asks for an answer."""

    text: str
    attached: str = ""
    asks: bool = True

    @property
    def whole(self) -> str:
        """The text with that of the files behind it."""
        return with_attached(self.text, self.attached)


class Conversation:
    """Messages that mention the bot, direct messages, and what is written in a story's thread."""

    def __init__(
        self,
        play: Play,
        say: Translate,
        posts: Posts,
        threads: Threads,
        past: Past,
        proxies: Proxies,
        in_order: InOrder,
        attachments: Attachments,
    ) -> None:
        self._play = play
        self._say = say
        self._posts = posts
        self._threads = threads
        self._past = past
        self._proxies = proxies
        self._in_order = in_order
        self._attachments = attachments
        self._typing: set[asyncio.Task[None]] = set()

    async def heard(self, message: discord.Message, me: Self, *, answer: bool = True) -> None:
        """Let the story hear a message that is meant for the bot. `answer` False: it is kept, and no more."""
        text = story_text(message.content, me, names_in(message))
        locale = message_locale(message, text)
        deed = self._answer(message, Line(text, asks=answer), locale, me)
        await self._carry_out(message, locale, deed, typing=answer)

    async def overheard(self, message: discord.Message, me: Self, *, answer: bool = True) -> None:
        """In a thread that has a story, what people write is a passage, unless it shall be left alone."""
        text = story_text(message.content, me, names_in(message))
        room = room_of_message(message)
        nothing = not text.strip() and not any(map(may_be_text, message.attachments))
        if nothing or await self._play.read(room) is None:
            return
        if not (await self._play.rules(room)).listens:
            return
        locale = message_locale(message, text)
        deed = self._answer(message, Line(text, asks=answer), locale, me)
        await self._carry_out(message, locale, deed, by_name=False, typing=answer)

    async def tell_kept(self, message: discord.Message) -> None:
        """Say that a message came to its story too late to be answered."""
        passage = await self._play.passage_of_message(PLATFORM, str(message.id))
        if passage is None:
            return
        room = (await self._play.story(passage.story_id)).room
        sentence = self._say("discord.kept_while_away", message_locale(message, passage.text))
        try:
            await self._posts.say(room, sentence, key=f"{message.id} kept")
        except DeliveryError as error:
            _log.warning("A sentence could not be said in Discord: %s", error)

    async def tell_unread_lines(self, message: discord.Message, count: int) -> None:
        """Say how many lines around a message came without their text."""
        locale = message_locale(message, message.content)
        await self._tell(message, self._say("discord.unread_lines", locale, count=count))

    async def changed(self, message: discord.Message, me: Self) -> None:
        """A message was edited, by its writer or their proxy: where it is a passage, that follows."""
        passage = await self._play.passage_of_message(PLATFORM, str(message.id))
        text = story_text(message.content, me, names_in(message))
        if passage is None or passage.by_model or text == passage.text:
            return
        locale = message_locale(message, text)
        brought = await self._attachments.read(message.attachments)
        text = Line(text, brought.text).whole
        if brought.lacks_text:
            await self._tell_unread(message, brought, locale)
        if brought.lacks_text or text in {"", passage.text}:
            return
        room = (await self._play.story(passage.story_id)).room
        if message.webhook_id is None:
            author = author_of(message.author, locale)
        else:
            author = await self._as_they_are(passage.author, room, message.guild)
        await self._carry_out(message, locale, self._edit(room, author, passage, text), by_name=False)

    async def _edit(self, room: Room, author: Author, passage: Passage, text: str) -> None:
        await self._play.edit(room, author, passage.id, text)

    async def deleted(
        self, message_id: int, channel_id: int, guild: discord.Guild | None, *, alone: bool = True
    ) -> None:
        """A message is gone: a person's passage leaves the story, a reply is written no further.

        Where it went `alone`, a proxy bot may have posted it again, and nothing was taken back.
        """
        if await self._play.withdraw(PLATFORM, str(message_id)):
            return
        passage = await self._play.passage_of_message(PLATFORM, str(message_id))
        if passage is None or passage.by_model or passage.deleted:
            return
        # Of many that a moderator takes away at once a line each would be noise.
        delete = partial(self._delete, passage, guild, tell=alone)
        if alone:
            await self._proxies.deleted(message_id, channel_id, passage, delete)
        else:
            await delete()

    async def _delete(self, passage: Passage, guild: discord.Guild | None, *, tell: bool) -> None:
        story = await self._play.story(passage.story_id)
        author = await self._as_they_are(passage.author, story.room, guild)
        try:
            await self._play.delete(story.room, author, passage.id)
        except SpokenError as error:
            _log.info("A deleted message stays in its story: %s", error)
            return
        if tell and is_read(story, passage):
            await self._tell_deleted(story.room, author, passage)

    async def _tell_deleted(self, room: Room, author: Author, passage: Passage) -> None:
        """Say in one line that the story lacks something now.

        Discord does not tell who deleted a message, and asks them itself; brought back, the passage would
        stand in the story and nowhere in the thread. So there is no button to take it back.
        """
        locale = self._posts.locale(room, author.locale)
        sentence = self._say("discord.deleted", locale, person=escape(author.name))
        try:
            await self._posts.say(room, sentence, key=f"{passage.id} deleted")
        except DeliveryError as error:
            _log.warning("A sentence could not be said in Discord: %s", error)

    async def _as_they_are(self, author: Author, room: Room, guild: discord.Guild | None) -> Author:
        """With their roles, where rules name any: what is kept of a person says nothing of them."""
        return await with_roles(author, guild) if names_roles(await self._play.rules(room)) else author

    async def _carry_out(
        self,
        message: discord.Message,
        locale: str,
        deed: Awaitable[None],
        *,
        by_name: bool = True,
        typing: bool = True,
    ) -> None:
        if typing:
            self._show_typing(message.channel)
        try:
            await deed
        except NotAllowed as error:
            if by_name:
                await self._tell_privately(message, locale, error)
        except SpokenError as error:
            if by_name or not isinstance(error, NotPermitted):
                await self._tell(message, self._say(error.key, locale, **error.values))
            # Else they may talk there all the same: nobody asked the bot for a word.
        except Exception:  # noqa: BLE001 - a task's end: people see a sentence, the log the rest
            _log.exception("A message in channel %s could not be answered", message.channel.id)
            await self._tell(message, self._say("discord.trouble", locale))

    def _show_typing(self, channel: discord.abc.Messageable) -> None:
        # Beside the rest: whoever writes next in the channel does not wait for it.
        typing = asyncio.create_task(_show_typing(self._posts, channel))
        self._typing.add(typing)
        typing.add_done_callback(self._typing.discard)

    async def _answer(self, message: discord.Message, line: Line, locale: str, me: Self) -> None:
        allowed = allowed_in(message)
        require_speech(message.channel, allowed, self._say, locale)
        brought = await self._attachments.read(message.attachments)
        line = Line(line.text, brought.text, asks=line.asks and not brought.lacks_text)
        if line.whole.strip() or not brought.unread:
            pointed = await self._pointed_at(message)
            place = await self._place(message, line.whole, pointed)
            lines = await self._past.lines(message.channel, message.id, me, locale, allowed)
            async with self._turn_in(place.room, message):
                await self._tell_on(message, line, locale, place, pointed, lines)
        if brought.unread:
            await self._tell_unread(message, brought, locale, kept=bool(line.whole.strip()))

    async def _tell_unread(
        self, message: discord.Message, brought: Brought, locale: str, *, kept: bool = False
    ) -> None:
        sentences = [self._say(unread.key, locale, **unread.values) for unread in brought.unread]
        if kept and brought.lacks_text:
            sentences.append(self._say("discord.file.kept", locale))
        await self._tell(message, "\n".join(dict.fromkeys(sentences)))

    def _turn_in(self, room: Room, message: discord.Message) -> AbstractAsyncContextManager[None]:
        """The turn at a story told elsewhere; where the message is, and in a thread of its own, it has it."""
        held = {str(message.channel.id), str(message.id)}
        return nullcontext() if room.id in held else self._in_order.at(room.id)

    async def _tell_on(
        self,
        message: discord.Message,
        line: Line,
        locale: str,
        place: Place,
        pointed: Passage | None,
        lines: Lines,
    ) -> None:
        self._posts.speak(place.room, locale)
        opening = place.room.id == str(message.id) and place.room.id != str(message.channel.id)
        if place.missing is not None and await self._play.read(place.room) is None:
            permission = self._say(f"discord.permission.{place.missing}", locale)
            await self._tell(message, self._say("discord.no_thread", locale, permission=permission))
        if opening:
            self._threads.expect(place.room)
        elif place.room.id == str(message.channel.id) and not isinstance(message.channel, discord.Thread):
            self._posts.answer_to(place.room, message.id)
        if (remark := lines.remark(self._say, locale)) is not None:
            await self._tell(message, remark)
        ticket: JobReceipt | None = None
        try:
            ticket = await self._hear(message, line, locale, place.room, pointed, lines)
        finally:
            if ticket is None or ticket.repeated:
                self._posts.unanswered(place.room, message.id)
        if ticket is None and opening:
            await self._threads.open(place.room)  # what is only said beside a story has no reply to open it
        elif ticket is not None and ticket.unknown and not ticket.repeated:
            await self._tell(message, unread(ticket, self._say, locale))

    async def _hear(
        self,
        message: discord.Message,
        line: Line,
        locale: str,
        room: Room,
        pointed: Passage | None,
        lines: Lines,
    ) -> JobReceipt | None:
        author = author_of(message.author, locale)
        heard = Message(str(message.id), room, author, line.text, attached=line.attached)
        # What is only said between the writers is kept; the model has nothing to add to it.
        ask = GenerationOptions() if line.asks and not await self._play.is_aside(heard) else None
        story = await self._play.read(room) if pointed is not None else None
        if pointed is None or story is None or ends_with(story, pointed.id):
            return await self._play.receive_message(heard, ask, lines.messages)
        if await self._play.passage_of_message(PLATFORM, heard.event_id) is not None:
            return await self._play.receive_message(
                heard, ask
            )  # told again: the story branched the first time
        if pointed.story_id != story.id:
            raise PassageGone
        await self._play.branch(room, author, pointed.id)
        try:
            return await self._play.receive_message(heard, ask)
        except SpokenError:
            if story.head is not None:
                # Nothing came of it: the story ends where it did.
                await self._play.branch(room, author, story.head)
            raise

    async def _pointed_at(self, message: discord.Message) -> Passage | None:
        """The passage that a message replies to. What is forwarded from elsewhere is no reply."""
        reference = message.reference
        if reference is None or reference.message_id is None or reference.channel_id != message.channel.id:
            return None
        return await self._play.passage_of_message(PLATFORM, str(reference.message_id))

    async def _place(self, message: discord.Message, text: str, pointed: Passage | None) -> Place:
        here = room_of_message(message)
        if not opens_threads(message.channel):
            return Place(here)
        if pointed is not None:
            told = (await self._play.story(pointed.story_id)).room
            # This channel's threads are for adults only where it is; another channel's are as they were.
            return Place(
                dataclasses.replace(told, adult=here.adult)
                if told.parent_scopes == here.parent_scopes
                else told
            )
        if text.strip():
            return place_from(message.channel, allowed_in(message), thread_of(message.id, here), here)
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

    async def _tell_privately(self, message: discord.Message, locale: str, error: NotAllowed) -> None:
        # Where the bot may not talk, a direct message is the only way left to say why.
        sentence = sentence_of(error, self._say, locale)
        await _say_plainly(message.author, sentence, nonce_of(f"{message.id} {sentence}"))


async def _say_plainly(to: discord.abc.Messageable, sentence: str, nonce: str) -> None:
    try:
        with delivery():
            await to.send(sentence, allowed_mentions=discord.AllowedMentions.none(), nonce=nonce)
    except DeliveryError as error:
        _log.warning("A sentence could not be said in Discord: %s", error)


async def _show_typing(posts: Posts, channel: discord.abc.Messageable) -> None:
    try:
        await posts.show_typing(channel)
    except DeliveryError as error:
        _log.debug("No typing sign: %s", error)


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
