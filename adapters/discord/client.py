"""The connection: discord.py's client with our events on it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import discord
import structlog
from cachetools import FIFOCache
from discord import app_commands

from adapters.discord.api.rate_limits import RequestBudget
from adapters.discord.api.requests import CONNECTION_ERRORS, redirect
from adapters.discord.catchup.catch_up import GatewayCatchUp
from adapters.discord.catchup.missed_channels import ChannelHistory
from adapters.discord.delivery.posts import Posts
from adapters.discord.delivery.threads import StoryThreads
from adapters.discord.handlers.autocomplete import Autocomplete
from adapters.discord.handlers.command_tree import Translator, command_texts, sync_if_changed
from adapters.discord.handlers.component_interactions import ComponentHandler
from adapters.discord.handlers.context_menus import ContextMenus
from adapters.discord.handlers.continue_command import ContinueCommand
from adapters.discord.handlers.interaction_context import Interaction, context_of
from adapters.discord.handlers.messages import MessageHandler
from adapters.discord.handlers.proxy_bots import ProxyMessages
from adapters.discord.handlers.settings_command import SettingsCommand
from adapters.discord.handlers.story_group import StoryGroup
from adapters.discord.handlers.tree_actions import TreeActions
from adapters.discord.payloads.attachments import AttachmentReader
from adapters.discord.payloads.messages import (
    addresses_bot,
    bot_identity,
    fill_in_mentions,
    has_content,
    is_by_person,
)
from adapters.discord.payloads.rooms import opens_threads
from adapters.discord.payloads.thread_history import ThreadHistory
from adapters.shared.double_clicks import DoubleClicks
from bot.aio.clock import Clock
from bot.aio.keyed_lock import KeyedLock
from bot.core.services import Services
from bot.domain.ports import Translate
from bot.domain.repositories import Heartbeats
from bot.text.text_file import MAX_CHARACTERS

_log = structlog.get_logger(__name__)

LONGEST_WAIT_S = 30.0
"""A longer wait for a rate limit is the outbox's business, not the library's."""
REGISTERED_WITHIN_S = 3.0
"""People's messages do not wait longer than this for the commands to be registered."""
REMEMBERED_EDITS = 5000
CLOCKS_DIFFER = timedelta(minutes=1)
"""How far this machine's clock may be ahead of Discord's."""
COMPONENT_TYPES = {discord.InteractionType.component, discord.InteractionType.modal_submit}


class TsuzukiClient(discord.AutoShardedClient):
    """Hears messages and commands. One client is one login; the adapter makes another when it must."""

    def __init__(
        self,
        services: Services,
        translate: Translate,
        posts: Posts,
        threads: StoryThreads,
        clock: Clock,
        clicks: DoubleClicks,
        *,
        intents: discord.Intents,
        api_url: str | None,
        http_trace: aiohttp.TraceConfig,
        budget: RequestBudget,
        heartbeats: Heartbeats | None = None,
        max_file_characters: int = MAX_CHARACTERS,
    ) -> None:
        with _without_voice_warnings():
            super().__init__(
                intents=intents,
                allowed_mentions=discord.AllowedMentions.none(),
                max_ratelimit_timeout=LONGEST_WAIT_S,
                max_messages=None,
                http_trace=http_trace,
            )
        if api_url is not None:
            redirect(self.http, api_url)
        self._posts = posts
        self._translate = translate
        self._edits = SeenEdits(discord.utils.utcnow() - CLOCKS_DIFFER)
        self._in_order = KeyedLock()
        attachments = AttachmentReader(clock, max_file_characters)
        thread_history = ThreadHistory(services, clock, attachments, sees_content=intents.message_content)
        self._proxies = ProxyMessages(services, clock, self._in_order)
        threads.replacement = self._proxies.replacement
        self._messages = MessageHandler(
            services, translate, posts, threads, thread_history, self._proxies, self._in_order, attachments
        )
        history = ChannelHistory(self, clock, budget)
        self._catch_up = GatewayCatchUp(self, services, self._messages, self._in_order, heartbeats, history)
        self._tree = app_commands.CommandTree(self)
        self._tree.error(self._command_failed)
        self._components = self._add_commands(services, threads, thread_history, clicks)
        self.was_connected = False
        self._registered = False
        self._registering: asyncio.Task[None] | None = None

    def _add_commands(
        self, services: Services, threads: StoryThreads, thread_history: ThreadHistory, clicks: DoubleClicks
    ) -> ComponentHandler:
        """Put every command on the tree; returns who handles buttons and forms."""
        posts, translate = self._posts, self._translate
        settings, tree_actions = SettingsCommand(services), TreeActions(services, posts)
        autocomplete = Autocomplete(services, translate)
        story = StoryGroup(services, posts, tree_actions, settings, autocomplete)
        continuing = ContinueCommand(services, posts, threads, thread_history, autocomplete)
        components = ComponentHandler(services, posts, tree_actions, story, continuing, settings, clicks)

        @app_commands.command(**command_texts("help"))
        @app_commands.allowed_installs(guilds=True, users=True)
        @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
        async def show_help(interaction: Interaction) -> None:
            await context_of(interaction, translate).send_phrase("discord.help")

        menus = ContextMenus(services, posts, components, tree_actions, threads).commands()
        for command in (continuing.command(), story, show_help):
            self._tree.add_command(command)
        for menu in menus:
            self._tree.add_command(menu)
        return components

    async def setup_hook(self) -> None:
        """Logged in: posts can be sent from now on, before the gateway is there."""
        self._posts.connect(self)
        await self._catch_up.prepare()
        self._registering = asyncio.create_task(self._register_commands())
        await asyncio.wait({self._registering}, timeout=REGISTERED_WITHIN_S)

    async def close(self) -> None:
        """Disconnect."""
        self._proxies.close()
        self._catch_up.close()
        if self._registering is not None:
            self._registering.cancel()
        await super().close()

    def listening_to(self) -> Collection[str]:
        """What the bot listens to at this moment, without having missed anything."""
        return self._catch_up.listening_to()

    async def application_info(self) -> discord.AppInfo:
        """The application behind the bot; where Discord does not tell, what an application always is."""
        try:
            return await super().application_info()
        except (discord.Forbidden, discord.NotFound, KeyError) as error:
            _log.warning("Discord does not tell about this application: %s", type(error).__name__)
            return discord.AppInfo(self._connection, _application_of(self.user))

    async def _register_commands(self) -> None:
        try:
            if await sync_if_changed(self._tree, Translator(self._translate), self.application_id or 0):
                _log.info("The commands were registered with Discord")
            self._registered = True
        except (app_commands.AppCommandError, discord.HTTPException, *CONNECTION_ERRORS) as error:
            _log.warning("The commands could not be registered with Discord: %s", error)

    async def on_connect(self) -> None:
        """The gateway took us."""
        self.was_connected = True
        _log.info("Connected to Discord as %s", self.user)
        if not self._registered and self._registering is not None and self._registering.done():
            await self._register_commands()

    async def on_shard_connect(self, shard_id: int) -> None:
        """A shard identified anew: Discord tells it nothing of what was written before."""
        self._catch_up.identified(shard_id)

    async def on_shard_ready(self, shard_id: int) -> None:
        """A shard knows its servers."""
        self._catch_up.ready(shard_id)

    async def on_shard_resumed(self, shard_id: int) -> None:
        """A shard was told what it missed."""
        self._catch_up.shards.resumed(shard_id)

    async def on_shard_disconnect(self, shard_id: int) -> None:
        """A shard hears nothing."""
        self._catch_up.shards.disconnected(shard_id)

    async def on_guild_unavailable(self, guild: discord.Guild) -> None:
        """A server is out of order."""
        self._catch_up.guild_unavailable(guild)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """A server is there, or there again."""
        self._catch_up.guild_available(guild)

    async def on_message(self, message: discord.Message) -> None:
        """Hear a person who speaks to the bot."""
        me = bot_identity(self, message.guild)
        if me is None or message.author.id == me.user_id:
            return
        fill_in_mentions(message)
        if message.webhook_id is not None:
            async with self._lock_of(message.channel.id):
                await self._proxies.on_webhook_message(message, me)
        if not is_by_person(message):
            return
        meant = addresses_bot(me, message)
        if not opens_threads(message.channel):
            await self._catch_up.until_settled(message.guild.id if message.guild is not None else None)
        # The thread that may be opened has the message's id; a forum's post has that of its first message.
        async with self._lock_of(message.channel.id, message.id):
            if isinstance(message.channel, discord.PartialMessageable) and (meant or has_content(message)):
                message.channel = await self._fetch_channel(message.channel)
            if meant:
                await self._messages.on_message(message, me)
            elif isinstance(message.channel, discord.Thread) and has_content(message):
                await self._messages.on_thread_message(message, me)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Somebody changed what they wrote, or the proxy bot that wrote it for them."""
        message = payload.message
        me = bot_identity(self, message.guild)
        if me is None or message.author.id == me.user_id or not has_content(message):
            return
        if message.author.bot and message.webhook_id is None:
            return
        if not self._edits.is_new(message.id, message.edited_at):
            return
        fill_in_mentions(message)
        await self._catch_up.until_settled(payload.guild_id)
        async with self._lock_of(payload.channel_id):
            await self._messages.on_edit(message, me)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """A message is gone."""
        await self._catch_up.until_settled(payload.guild_id)
        async with self._lock_of(payload.channel_id):
            home = self._guild_of(payload.guild_id)
            await self._messages.on_delete(payload.message_id, payload.channel_id, home)

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Several messages are gone at once, as moderators take them away."""
        await self._catch_up.until_settled(payload.guild_id)
        async with self._lock_of(payload.channel_id):
            home = self._guild_of(payload.guild_id)
            for message_id in sorted(payload.message_ids):
                await self._messages.on_delete(message_id, payload.channel_id, home, alone=False)

    async def on_interaction(self, interaction: Interaction) -> None:
        """A button or a form; commands go their own way."""
        if interaction.type in COMPONENT_TYPES:
            await self._components.on_interaction(interaction)

    async def on_error(self, event_method: str, /, *_: Any, **__: Any) -> None:
        """Log what a handler let through, once, and nothing of what was said."""
        _log.exception("Discord's event %s could not be handled", event_method)

    async def _command_failed(self, interaction: Interaction, error: app_commands.AppCommandError) -> None:
        """A command raised; or it is of another version, and none of ours."""
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        if interaction.type is discord.InteractionType.application_command:
            async with context_of(interaction, self._translate).error_boundary():
                raise cause
        else:
            _log.error("Nothing could be suggested for an option", exc_info=cause)

    def _lock_of(self, *ids: int) -> AbstractAsyncContextManager[None]:
        return self._in_order.holding(*map(str, ids))

    def _guild_of(self, guild_id: int | None) -> discord.Guild | None:
        return None if guild_id is None else self.get_guild(guild_id)

    async def _fetch_channel(self, channel: discord.PartialMessageable) -> Any:
        # A thread that was archived when we connected is not in the cache.
        try:
            return await self.fetch_channel(channel.id)
        except (discord.DiscordException, *CONNECTION_ERRORS):
            return channel


class SeenEdits:
    """Tells edits that are news from those that were made before `since` or told before.

    Discord sends the same event when a message is pinned, gets the preview of a link or a thread; it carries
    the words as they stand in the chat and the time of their last edit. The passage may read otherwise since,
    where its writer changed it by form. So an edit is followed once, by its time.
    """

    def __init__(self, since: datetime, remembered: int = REMEMBERED_EDITS) -> None:
        self._since = since
        self._told = FIFOCache[int, datetime](remembered)

    def is_new(self, message_id: int, edited_at: datetime | None) -> bool:
        """Whether this edit is told for the first time; `edited_at` None: the message never was edited."""
        if edited_at is None or edited_at <= self._told.get(message_id, self._since):
            return False
        if message_id not in self._told and len(self._told) == self._told.maxsize:
            # Edits come in the order of their times: what is older than a forgotten one is no news either.
            self._since = max(self._since, self._told.popitem()[1])
        self._told[message_id] = edited_at
        return True


@contextmanager
def _without_voice_warnings() -> Iterator[None]:
    """Keep discord.py from warning that libraries for voice are missing: this bot does not speak aloud."""
    voice = discord.VoiceClient
    before = voice.warn_nacl, voice.warn_dave
    voice.warn_nacl = voice.warn_dave = False
    try:
        yield
    finally:
        voice.warn_nacl, voice.warn_dave = before


def _application_of(user: discord.ClientUser | None) -> Any:
    """The least that an application consists of. It has its bot's id."""
    return {
        "id": user.id if user is not None else 0,
        "name": user.name if user is not None else "",
        "description": "",
        "icon": None,
        "summary": "",
        "bot_public": False,
        "bot_require_code_grant": False,
        "verify_key": "",
        "owner": {"id": 0, "username": "", "discriminator": "0", "avatar": None},
    }
