"""What the parts of the loopback Discord share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from tests.servers.discord_gateway import Gateway
from tests.servers.discord_limits import Fault, Limits
from tests.servers.discord_payloads import Payload, message_payload
from tests.servers.discord_world import Channel, Message, User, World


class Refused(Exception):
    """The API's answer to a request that it does not carry out."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(slots=True)
class SentRequest:
    """A request that the client sent; `status` None: it got no answer."""

    method: str
    path: str
    body: object
    at_s: float
    status: int | None = None


@dataclass(slots=True)
class DiscordState:
    """The world, the gateway, and what tests look at."""

    world: World
    bot: User
    token: str
    gateway: Gateway = field(init=False)
    limits: Limits = field(default_factory=Limits)
    faults: list[Fault] = field(default_factory=list)
    requests: list[SentRequest] = field(default_factory=list)
    typed: list[Channel] = field(default_factory=list)
    commands: list[Payload] = field(default_factory=list)
    syncs: int = 0
    application_flags: int = 0
    shards: int = 1
    tokens: dict[str, int] = field(default_factory=dict)
    _change: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gateway = Gateway(self.world, self.bot, self.token, self.changed)

    def channel_of_token(self, token: str) -> str:
        """The channel that an interaction's token belongs to."""
        return str(self.tokens.get(token, ""))

    def changed(self) -> None:
        """Wake whoever waits for a change."""
        self._change.set()

    async def next_change(self) -> None:
        """Wait until something changes."""
        self._change.clear()
        await self._change.wait()

    async def announce(self, message: Message) -> None:
        """Tell the gateway's clients of a new message."""
        await self.gateway.dispatch_message(message_payload(message, self.world, event=True))
        self.changed()
