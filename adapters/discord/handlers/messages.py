"""What the bot does when people write: acknowledge, find the room, add it to the story."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial

import discord
import structlog

from adapters.discord.api.requests import as_delivery_errors, logged_delivery_errors
from adapters.discord.delivery.posts import UNSENT, Posts, nonce_of
from adapters.discord.delivery.threads import StoryThreads
from adapters.discord.handlers.proxy_bots import ProxyMessages
from adapters.discord.payloads.attachments import AttachmentReader, AttachmentTexts, may_be_text
from adapters.discord.payloads.messages import (
    PLATFORM,
    BotIdentity,
    author_of,
    mention_names_of,
    message_locale,
    story_text,
    with_roles,
)
from adapters.discord.payloads.rooms import (
    ThreadRef,
    choose_thread,
    opens_threads,
    permissions_in,
    require_send_permission,
    room_of_message,
    thread_room,
)
from adapters.discord.payloads.thread_history import ThreadHistory, ThreadLines
from adapters.discord.render.replies import TROUBLE, escape, failure_sentence, unread_characters
from adapters.shared.error_boundary import Failure, error_boundary
from bot.aio.keyed_lock import KeyedLock
from bot.core.permissions import depends_on_roles
from bot.core.services import Services
from bot.domain.chat import Author, Message, Room, with_attached
from bot.domain.errors import DeliveryError, NotAllowed, NotPermitted, PassageGone, SpokenError
from bot.domain.jobs import GenerationOptions, JobReceipt
from bot.domain.ports import Translate
from bot.domain.story import Passage
from bot.story.joining import ends_with, is_in_story

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WrittenMessage:
    """What a person wrote in one message, what its files say, and whether it asks for an answer."""

    message: discord.Message
    me: BotIdentity
    text: str
    translate: Translate
    locale: str
    wants_reply: bool = True
    attached: str = ""

    @property
    def whole(self) -> str:
        """The text with that of the files behind it."""
        return with_attached(self.text, self.attached)

    @property
    def author(self) -> Author:
        """Who wrote it."""
        return author_of(self.message.author, self.locale)

    def phrase(self, key: str, **values: object) -> str:
        """A sentence in the language to answer it in."""
        return self.translate(key, self.locale, **values)


class MessageHandler:
    """Messages that mention the bot, direct messages, and what is written in a story's thread."""

    def __init__(
        self,
        services: Services,
        translate: Translate,
        posts: Posts,
        threads: StoryThreads,
        thread_history: ThreadHistory,
        proxy_messages: ProxyMessages,
        in_order: KeyedLock,
        attachments: AttachmentReader,
    ) -> None:
        self._services = services
        self._translate = translate
        self._posts = posts
        self._threads = threads
        self._thread_history = thread_history
        self._proxy_messages = proxy_messages
        self._in_order = in_order
        self._attachments = attachments
        self._typing: set[asyncio.Task[None]] = set()

    async def on_message(self, message: discord.Message, me: BotIdentity, *, answer: bool = True) -> None:
        """Add a message that is meant for the bot to its story. `answer` False: it is kept, and no more."""
        incoming = self._incoming(message, me, answer=answer)
        await self._run(incoming, self._answer(incoming))

    async def on_thread_message(
        self, message: discord.Message, me: BotIdentity, *, answer: bool = True
    ) -> None:
        """In a thread that has a story, what people write is a passage, unless it shall be left alone."""
        incoming, room = self._incoming(message, me, answer=answer), room_of_message(message)
        nothing = not incoming.text.strip() and not any(map(may_be_text, message.attachments))
        if nothing or await self._services.stories.open_in(room) is None:
            return
        if (await self._services.settings.resolve(room)).listens:
            await self._run(incoming, self._answer(incoming), by_name=False)

    def _incoming(self, message: discord.Message, me: BotIdentity, *, answer: bool = True) -> WrittenMessage:
        text = story_text(message.content, me, mention_names_of(message))
        return WrittenMessage(message, me, text, self._translate, message_locale(message, text), answer)

    async def notify_kept(self, message: discord.Message) -> None:
        """Say that a message came to its story too late to be answered."""
        passage = await self._services.passages.by_message(PLATFORM, str(message.id))
        if passage is None:
            return
        room = (await self._services.stories.get(passage.story_id)).room
        sentence = self._translate("discord.kept_while_away", message_locale(message, passage.text))
        await self._posts.notify(room, sentence, key=f"{message.id} kept")

    async def notify_unread_lines(self, message: discord.Message, count: int) -> None:
        """Say how many lines around a message came without their text."""
        locale = message_locale(message, message.content)
        await self._notify(message, self._translate("discord.unread_lines", locale, count=count))

    async def on_edit(self, message: discord.Message, me: BotIdentity) -> None:
        """A message was edited, by its writer or their proxy: where it is a passage, that follows."""
        passage = await self._services.passages.by_message(PLATFORM, str(message.id))
        incoming = self._incoming(message, me)
        if passage is None or passage.by_model or incoming.text == passage.text:
            return
        attached = await self._attachments.read(message.attachments)
        incoming = replace(incoming, attached=attached.text)
        if attached.lacks_text:
            await self._notify_unread_attachments(incoming, attached)
        if attached.lacks_text or incoming.whole in {"", passage.text}:
            return
        room = (await self._services.stories.get(passage.story_id)).room
        author = incoming.author
        if message.webhook_id is not None:
            author = await self._with_current_roles(passage.author, room, message.guild)
        editing = self._services.editing.edit(room, author, passage.id, incoming.whole)
        await self._run(incoming, editing, by_name=False)

    async def on_delete(
        self, message_id: int, channel_id: int, guild: discord.Guild | None, *, alone: bool = True
    ) -> None:
        """A message is gone: a person's passage leaves the story, a reply is written no further.

        Where it went `alone`, a proxy bot may have posted it again, and nothing was taken back.
        """
        if await self._services.generation.withdraw(PLATFORM, str(message_id)):
            return
        passage = await self._services.passages.by_message(PLATFORM, str(message_id))
        if passage is None or passage.by_model or passage.deleted:
            return
        # Of many that a moderator takes away at once a line each would be noise.
        delete = partial(self._delete, passage, guild, notify=alone)
        if alone:
            await self._proxy_messages.on_delete(message_id, channel_id, passage, delete)
        else:
            await delete()

    async def _delete(self, passage: Passage, guild: discord.Guild | None, *, notify: bool) -> None:
        story = await self._services.stories.get(passage.story_id)
        author = await self._with_current_roles(passage.author, story.room, guild)
        try:
            await self._services.editing.delete(story.room, author, passage.id)
        except SpokenError as error:
            _log.info("A deleted message stays in its story: %s", error)
            return
        if notify and is_in_story(story, passage):
            await self._notify_deleted(story.room, author, passage)

    async def _notify_deleted(self, room: Room, author: Author, passage: Passage) -> None:
        """Say in one line that the story lacks something now.

        Discord does not tell who deleted a message, and asks them itself; brought back, the passage would
        stand in the story and nowhere in the thread. So there is no button to take it back.
        """
        locale = self._posts.locale(room, author.locale)
        sentence = self._translate("discord.deleted", locale, person=escape(author.name))
        await self._posts.notify(room, sentence, key=f"{passage.id} deleted")

    async def _with_current_roles(self, author: Author, room: Room, guild: discord.Guild | None) -> Author:
        """With their roles, where rules name any: what is kept of a person says nothing of them."""
        return (
            await with_roles(author, guild)
            if depends_on_roles(await self._services.settings.resolve(room))
            else author
        )

    async def _run(self, incoming: WrittenMessage, work: Awaitable[object], *, by_name: bool = True) -> None:
        message = incoming.message
        if incoming.wants_reply:
            self._show_typing(message.channel)

        async def tell(failure: Failure) -> None:
            if not by_name and isinstance(failure.error, NotAllowed | NotPermitted):
                return  # they may talk there all the same: nobody asked the bot for a word
            sentence = failure_sentence(failure, incoming.phrase)
            if isinstance(failure.error, NotAllowed):
                # Where the bot may not talk, a direct message is the only way left to say why.
                await _send_plain(message.author, sentence, nonce_of(f"{message.id} {sentence}"))
            else:
                await self._notify(message, sentence)

        what_failed = f"A message in channel {message.channel.id} could not be answered"
        async with error_boundary(what_failed, tell, trouble=TROUBLE):
            await work

    def _show_typing(self, channel: discord.abc.Messageable) -> None:
        # Beside the rest: whoever writes next in the channel does not wait for it.
        typing = asyncio.create_task(_show_typing(self._posts, channel))
        self._typing.add(typing)
        typing.add_done_callback(self._typing.discard)

    async def _answer(self, incoming: WrittenMessage) -> None:
        message = incoming.message
        allowed = permissions_in(message)
        require_send_permission(message.channel, allowed, incoming.phrase)
        attached = await self._attachments.read(message.attachments)
        wants_reply = incoming.wants_reply and not attached.lacks_text
        incoming = replace(incoming, attached=attached.text, wants_reply=wants_reply)
        if incoming.whole.strip() or not attached.unread:
            pointed = await self._replied_to(message)
            place = await self._choose_thread(incoming, pointed)
            lines = await self._thread_history.lines(
                message.channel, message.id, incoming.me, incoming.locale, allowed
            )
            async with self._lock_of(place.room, message):
                await self._add_to_story(incoming, place, pointed, lines)
        if attached.unread:
            await self._notify_unread_attachments(incoming, attached, kept=bool(incoming.whole.strip()))

    async def _notify_unread_attachments(
        self, incoming: WrittenMessage, attached: AttachmentTexts, *, kept: bool = False
    ) -> None:
        sentences = [incoming.phrase(unread.key, **unread.values) for unread in attached.unread]
        if kept and attached.lacks_text:
            sentences.append(incoming.phrase("discord.file.kept"))
        await self._notify(incoming.message, "\n".join(dict.fromkeys(sentences)))

    def _lock_of(self, room: Room, message: discord.Message) -> AbstractAsyncContextManager[None]:
        """The turn at a story told elsewhere; where the message is, and in a thread of its own, it has it."""
        held = {str(message.channel.id), str(message.id)}
        return nullcontext() if room.id in held else self._in_order.holding(room.id)

    async def _add_to_story(
        self, incoming: WrittenMessage, place: ThreadRef, pointed: Passage | None, lines: ThreadLines
    ) -> None:
        message, room = incoming.message, place.room
        self._posts.set_locale(room, incoming.locale)
        opening = room.id == str(message.id) and room.id != str(message.channel.id)
        if place.missing_permission is not None and await self._services.stories.open_in(room) is None:
            permission = incoming.phrase(f"discord.permission.{place.missing_permission}")
            await self._notify(message, incoming.phrase("discord.no_thread", permission=permission))
        if opening:
            self._threads.expect_thread(room)
        elif room.id == str(message.channel.id) and not isinstance(message.channel, discord.Thread):
            self._posts.expect_reply_to(room, message.id)
        if (notice := lines.notice(incoming.phrase)) is not None:
            await self._notify(message, notice)
        receipt: JobReceipt | None = None
        try:
            receipt = await self._receive(incoming, room, pointed, lines)
        finally:
            if receipt is None or receipt.repeated:
                self._posts.cancel_reply_to(room, message.id)
        if receipt is None and opening:
            await self._threads.open(room)  # what is only said beside a story has no reply to open it
        elif receipt is not None and receipt.needs_warning and not receipt.repeated:
            await self._notify(message, unread_characters(receipt, incoming.phrase))

    async def _receive(
        self, incoming: WrittenMessage, room: Room, pointed: Passage | None, lines: ThreadLines
    ) -> JobReceipt | None:
        generation, author = self._services.generation, incoming.author
        message = Message(str(incoming.message.id), room, author, incoming.text, attached=incoming.attached)
        # What is only said between the writers is kept; the model has nothing to add to it.
        wants_reply = incoming.wants_reply and not await generation.is_out_of_character(message)
        options = GenerationOptions() if wants_reply else None
        story = await self._services.stories.open_in(room) if pointed is not None else None
        if pointed is None or story is None or ends_with(story, pointed.id):
            return await generation.receive_message(message, options, lines.messages)
        if await self._services.passages.by_message(PLATFORM, message.event_id) is not None:
            # Told again: the story branched the first time.
            return await generation.receive_message(message, options)
        if pointed.story_id != story.id:
            raise PassageGone
        await self._services.editing.branch(room, author, pointed.id)
        try:
            return await generation.receive_message(message, options)
        except SpokenError:
            if story.head is not None:
                # Nothing came of it: the story ends where it did.
                await self._services.editing.branch(room, author, story.head)
            raise

    async def _replied_to(self, message: discord.Message) -> Passage | None:
        """The passage that a message replies to. What is forwarded from elsewhere is no reply."""
        reference = message.reference
        if reference is None or reference.message_id is None or reference.channel_id != message.channel.id:
            return None
        return await self._services.passages.by_message(PLATFORM, str(reference.message_id))

    async def _choose_thread(self, incoming: WrittenMessage, pointed: Passage | None) -> ThreadRef:
        message, here = incoming.message, room_of_message(incoming.message)
        if not opens_threads(message.channel):
            return ThreadRef(here)
        if pointed is not None:
            told = (await self._services.stories.get(pointed.story_id)).room
            # This channel's threads are for adults only where it is; another channel's are as they were.
            same_channel = told.parent_scopes == here.parent_scopes
            return ThreadRef(replace(told, adult=here.adult) if same_channel else told)
        if not incoming.whole.strip():
            return ThreadRef(here)
        return choose_thread(message.channel, permissions_in(message), thread_room(message.id, here), here)

    async def _notify(self, message: discord.Message, sentence: str) -> None:
        quiet = discord.AllowedMentions.none()
        reference = message.to_reference(fail_if_not_exists=False)
        # The nonce keeps it from being said twice, when an answer gets lost or a message is dispatched again.
        nonce = nonce_of(f"{message.id} {sentence}")
        try:
            with as_delivery_errors():
                await message.channel.send(sentence, reference=reference, allowed_mentions=quiet, nonce=nonce)
        except DeliveryError:
            await _send_plain(message.channel, sentence, nonce)


async def _send_plain(to: discord.abc.Messageable, sentence: str, nonce: str) -> None:
    with logged_delivery_errors(UNSENT):
        await to.send(sentence, allowed_mentions=discord.AllowedMentions.none(), nonce=nonce)


async def _show_typing(posts: Posts, channel: discord.abc.Messageable) -> None:
    with logged_delivery_errors("No typing sign", logging.DEBUG):
        await posts.show_typing(channel)
