"""A Discord on 127.0.0.1 for the real client: REST v10 and the gateway, with handles for tests.

`async with LoopbackDiscord() as discord:` serves on a free port. People act through `say_in` and `slash`;
`messages_in` shows what a channel holds with every text it ever showed; `fail` orders faults; `until` waits
for a condition without sleeping.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self, TypeVar

from aiohttp import web

from tests.servers.discord_acts import Acts
from tests.servers.discord_files import Files
from tests.servers.discord_gateway import Gateway
from tests.servers.discord_interactions import Interactions, Slash
from tests.servers.discord_limits import Fault
from tests.servers.discord_payloads import channel_payload, deletion_payload, message_payload, role_payload
from tests.servers.discord_rest import Rest
from tests.servers.discord_state import DiscordState, SentRequest
from tests.servers.discord_world import (
    NOTHING,
    Channel,
    ChannelType,
    Guild,
    Message,
    Permission,
    Role,
    User,
    Version,
    World,
    loop_s,
)

__all__ = ["Channel", "ChannelType", "Guild", "LoopbackDiscord", "Message", "Permission", "Slash", "User"]

TOKEN = "MTIz.loopback.token-of-the-bot"
Found = TypeVar("Found")


class LoopbackDiscord:
    """A Discord with one guild (`guild`), one channel (`channel`), one person (`hanako`) and the bot."""

    def __init__(self, *, locale: str = "ja", community: bool = True) -> None:
        world = World()
        self.hanako = world.add_user("hanako", display_name="花子")
        self.taro = world.add_user("taro", display_name="太郎")
        self.bot = world.add_user("Tsuzuki", bot=True)
        people = [self.hanako, self.taro, self.bot]
        self.guild = world.add_guild("文芸部", people, locale=locale, community=community)
        self.channel = world.add_channel("物語", self.guild)
        self.world = world
        self.token = TOKEN
        self.state = DiscordState(world, self.bot, TOKEN)
        self._rest = Rest(self.state)
        self._interactions = Interactions(self.state)
        self._acts = Acts(self.state, self._interactions)
        self.files = Files(self.state)
        self._runner: web.AppRunner | None = None
        self.api_url = ""

    @property
    def gateway(self) -> Gateway:
        """The gateway: what identified and resumed, and how to drop connections."""
        return self.state.gateway

    @property
    def requests(self) -> list[SentRequest]:
        """Every REST request in the order of arrival."""
        return self.state.requests

    @property
    def refused_by_limits(self) -> int:
        """How many requests got a 429."""
        return self.state.limits.refused

    async def __aenter__(self) -> Self:
        """Serve on a free port."""
        app = web.Application(middlewares=[self._rest.middleware])
        app.add_routes([*self._rest.routes(), *self._interactions.routes(), *self.files.routes()])
        app.router.add_get("/gateway/", self.gateway.handle)
        app.router.add_get("/gateway", self.gateway.handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.api_url = f"http://{host}:{port}/api/v10"
        self.world.files_url = f"http://{host}:{port}"
        self.gateway.url = f"ws://{host}:{port}/gateway"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close everything."""
        await self.gateway.drop(code=1001)
        if self._runner is not None:
            await self._runner.cleanup()

    async def until(self, condition: Callable[[], Found], timeout_s: float = 30.0) -> Found:
        """Wait until `condition` is true after a change; returns what it gave."""
        async with asyncio.timeout(timeout_s):
            while not (found := condition()):
                await self.state.next_change()
            return found

    async def until_connected(self) -> None:
        """Wait until a client has been told of its guilds."""
        await self.until(lambda: [s for s in self.gateway.live if s.ready])

    async def say_in(
        self,
        channel: Channel,
        author: User,
        text: str,
        *,
        mentions_bot: bool = True,
        others: tuple[User, ...] = (),
        roles: tuple[Role, ...] = (),
        reply_to: Message | None = None,
        files: tuple[tuple[str, bytes], ...] = (),
    ) -> Message:
        """A person writes; `mentions_bot` puts the bot's mention and a space before the text."""
        content = f"{self.bot.mention} {text}".rstrip(" ") if mentions_bot else text
        mentions = [self.bot, *others] if mentions_bot else list(others)
        message = self.world.add_message(
            channel,
            author,
            content,
            mentions=mentions,
            role_mentions=list(roles),
            reply_to=reply_to.id if reply_to else None,
            type=19 if reply_to else 0,
            files=list(files),
        )
        await self.state.announce(message)
        return message

    async def proxy(self, channel: Channel, name: str, text: str, *, mentions_bot: bool = False) -> Message:
        """A webhook posts in somebody's name, as proxy bots do."""
        content = f"{self.bot.mention} {text}" if mentions_bot else text
        hook = User(self.world.snowflake(), name, name, bot=True)
        mentions = [self.bot] if mentions_bot else []
        message = self.world.add_message(channel, hook, content, mentions=mentions, webhook_id=hook.id)
        await self.state.announce(message)
        return message

    async def rewrite(self, message: Message, text: str) -> None:
        """A person edits what they wrote."""
        message.versions.append(Version(text, loop_s()))
        payload = message_payload(message, self.world, event=True)
        await self.gateway.dispatch("MESSAGE_UPDATE", payload)

    async def delete(self, message: Message) -> None:
        """A message is deleted."""
        message.deleted = True
        await self.gateway.dispatch("MESSAGE_DELETE", deletion_payload(message))

    async def purge(self, *messages: Message) -> None:
        """A moderator takes messages of one channel away at once."""
        for message in messages:
            message.deleted = True
        channel = messages[0].channel
        payload = {"ids": [str(message.id) for message in messages], "channel_id": str(channel.id)}
        if channel.guild is not None:
            payload["guild_id"] = str(channel.guild.id)
        await self.gateway.dispatch("MESSAGE_DELETE_BULK", payload)

    async def pin(self, message: Message) -> None:
        """Somebody pins a message: an update of it that changes no word."""
        payload = message_payload(message, self.world, event=True) | {"pinned": True}
        await self.gateway.dispatch("MESSAGE_UPDATE", payload)

    async def repeat(self, message: Message) -> None:
        """Dispatch a message that was dispatched before, as a resumed session may."""
        await self.state.announce(message)

    async def slash(
        self,
        channel: Channel,
        user: User,
        name: str,
        *,
        locale: str = "ja",
        abroad: bool = False,
        **options: str | int,
    ) -> Slash:
        """A person uses a registered command, also `story undo`; `abroad`: only they installed the bot."""
        return await self._acts.slash(channel, user, name, options, locale=locale, abroad=abroad)

    async def complete(
        self,
        channel: Channel,
        user: User,
        name: str,
        option: str,
        typed: str = "",
        *,
        locale: str = "ja",
        **others: str,
    ) -> list[str]:
        """What the bot proposes while a person types into an option: the names, once they are there."""
        asked = await self._acts.complete(channel, user, name, option, typed, others, locale)
        choices = await self.until(lambda: asked.choices is not None and [asked.choices])
        return [choice["name"] for choice in choices[0]] if choices else []

    async def menu(
        self, message: Message, user: User, name: str, *, locale: str = "ja", abroad: bool = False
    ) -> Slash:
        """A person picks a command from a message's menu."""
        return await self._acts.menu(message, user, name, locale=locale, abroad=abroad)

    async def press(
        self, message: Message, user: User, button: str, *, locale: str = "ja", abroad: bool = False
    ) -> Slash:
        """A person presses the button whose custom_id begins with `button`, or is `button` and gone."""
        found = next((name for name in message.buttons if name.startswith(button)), button)
        return await self._acts.press(message, user, found, locale=locale, abroad=abroad)

    async def submit(self, opened: Slash, *, locale: str = "ja", **values: str) -> Slash:
        """A person sends the form that came; waits until it is there."""
        await self.until(lambda: opened.modal)
        return await self._acts.submit(opened, values, locale=locale)

    async def open_channel(
        self, name: str, kind: ChannelType = ChannelType.TEXT, denied: Permission = NOTHING
    ) -> Channel:
        """A new channel, in which the bot lacks the permissions `denied`."""
        channel = self.world.add_channel(name, self.guild, kind, denied)
        await self.gateway.dispatch("CHANNEL_CREATE", channel_payload(channel))
        return channel

    async def add_role(self, name: str, *holders: User) -> Role:
        """A new role of the server's, which some people have."""
        role = Role(self.world.snowflake(), name, holders={user.id for user in holders})
        self.guild.roles.append(role)
        payload = {"guild_id": str(self.guild.id), "role": role_payload(role)}
        await self.gateway.dispatch("GUILD_ROLE_CREATE", payload)
        return role

    async def open_thread(
        self, parent: Channel, name: str, owner: User, message: Message | None = None
    ) -> Channel:
        """A person opens a thread, from a message or for itself."""
        thread = self.world.add_thread(parent, name, owner, message.id if message else None)
        await self.gateway.dispatch("THREAD_CREATE", channel_payload(thread) | {"newly_created": True})
        if message is not None:
            self.world.add_message(thread, message.author, "", type=21, reply_to=message.id)
        return thread

    def messages_in(self, channel: Channel, *, author: User | None = None) -> list[Message]:
        """What everybody in the channel can see, oldest first: no system lines, nothing ephemeral."""
        shown = {0, 19, 20}
        return [
            message
            for message in self.world.messages.values()
            if message.channel is channel
            and message.type in shown
            and message.ephemeral_to is None
            and not message.deleted
            and author in {None, message.author}
        ]

    def by_bot(self, channel: Channel) -> list[Message]:
        """The bot's messages in a channel."""
        return self.messages_in(channel, author=self.bot)

    def threads(self, channel: Channel | None = None) -> list[Channel]:
        """The threads of a channel, oldest first."""
        return self.world.threads_of(channel or self.channel)

    def fail(
        self,
        method: str,
        path: str,
        status: int | None,
        *,
        times: int = 1,
        applied: bool = False,
        code: int = 0,
    ) -> Fault:
        """Break the next `times` matching requests: see `Fault`."""
        fault = Fault(method, path, status, times, applied, code)
        self.state.faults.append(fault)
        return fault
