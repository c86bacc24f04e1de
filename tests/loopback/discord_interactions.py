"""Slash commands in the loopback Discord: the three seconds, callbacks, the original answer, followups."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

from aiohttp import web

from tests.loopback.discord_answers import answer
from tests.loopback.discord_payloads import (
    Payload,
    channel_payload,
    member_payload,
    message_payload,
    user_payload,
)
from tests.loopback.discord_rest import _content
from tests.loopback.discord_state import DiscordState, Refused
from tests.loopback.discord_world import EPHEMERAL, LOADING, Channel, Message, User, Version

ACKNOWLEDGE_WITHIN_S = 3.0
CHANNEL_MESSAGE, DEFERRED = 4, 5
OPTION_TYPES = {str: 3, int: 4, bool: 5}


@dataclass(slots=True)
class Slash:
    """One use of a slash command. `messages` are the answers, the original one first."""

    id: int
    token: str
    channel: Channel
    user: User
    began_s: float
    acknowledged_s: float | None = None
    deferred_flags: int | None = None
    original: Message | None = None
    messages: list[Message] = field(default_factory=list)

    @property
    def answers(self) -> list[Message]:
        """The answers that people can see, without the one that only says that the bot thinks."""
        return [m for m in self.messages if not m.deleted and not m.flags & LOADING]

    @property
    def took_s(self) -> float:
        """Seconds until it was acknowledged; infinite while it is not."""
        return float("inf") if self.acknowledged_s is None else self.acknowledged_s - self.began_s


class Interactions:
    """The handlers of interactions and their webhooks."""

    def __init__(self, state: DiscordState) -> None:
        self._state = state
        self._open: dict[str, Slash] = {}

    def routes(self) -> list[web.RouteDef]:
        """The routes, under `/api/v10`."""
        hook = "/api/v10/webhooks/{app}/{token}"
        original = f"{hook}/messages/@original"
        return [
            web.post("/api/v10/interactions/{id}/{token}/callback", self.callback),
            web.post(hook, self.follow_up),
            web.get(original, self.get_original),
            web.patch(original, self.edit_original),
            web.delete(original, self.delete_original),
        ]

    async def begin(
        self, channel: Channel, user: User, name: str, locale: str, options: dict[str, str | int]
    ) -> Slash:
        """A person uses a command."""
        command = next((c for c in self._state.commands if c["name"] == name), None)
        if command is None:
            message = f"no command {name!r} is registered"
            raise LookupError(message)
        slash = Slash(
            self._state.world.snowflake(), secrets.token_urlsafe(32), channel, user, time.monotonic()
        )
        self._open[slash.token] = slash
        await self._state.gateway.dispatch(
            "INTERACTION_CREATE", self._payload(slash, command, locale, options)
        )
        return slash

    def _payload(self, slash: Slash, command: Payload, locale: str, options: dict[str, str | int]) -> Payload:
        guild = slash.channel.guild
        given = [{"name": k, "type": OPTION_TYPES[type(v)], "value": v} for k, v in options.items()]
        payload: Payload = {
            "id": str(slash.id),
            "application_id": str(self._state.bot.id),
            "type": 2,
            "token": slash.token,
            "version": 1,
            "channel_id": str(slash.channel.id),
            "channel": channel_payload(slash.channel),
            "data": {"id": command["id"], "name": command["name"], "type": 1, "options": given},
            "locale": locale,
            "app_permissions": str(int(slash.channel.allowed)),
            "entitlements": [],
            "authorizing_integration_owners": {"0": str(guild.id if guild else 0)},
            "attachment_size_limit": 10_485_760,
            "context": 0 if guild else 1,
        }
        if guild is None:
            return payload | {"user": user_payload(slash.user)}
        member = member_payload(slash.user, guild) | {"permissions": str(int(slash.channel.allowed))}
        return payload | {"guild_id": str(guild.id), "guild_locale": guild.locale, "member": member}

    async def callback(self, request: web.Request) -> web.Response:
        """The first answer, which must come within three seconds."""
        slash, body = self._slash(request), await request.json()
        now_s = time.monotonic()
        if slash.acknowledged_s is not None:
            raise Refused(400, 40060, "Interaction has already been acknowledged.")
        if now_s - slash.began_s > ACKNOWLEDGE_WITHIN_S:
            raise Refused(404, 10062, "Unknown interaction")
        slash.acknowledged_s = now_s
        data = body.get("data") or {}
        flags = data.get("flags") or 0
        if body["type"] == DEFERRED:
            slash.deferred_flags = flags
            slash.original = self._new(slash, "…", flags | LOADING, data)
        elif body["type"] == CHANNEL_MESSAGE:
            slash.original = self._new(slash, _content(data), flags, data)
            await self._announce(slash.original)
        self._state.changed()
        return answer(self._answered(slash, body["type"]))

    def _answered(self, slash: Slash, kind: int) -> Payload:
        message = slash.original
        interaction: Payload = {"id": str(slash.id), "type": 2}
        if message is None:
            return {"interaction": interaction}
        interaction |= {
            "response_message_id": str(message.id),
            "response_message_loading": bool(message.flags & LOADING),
            "response_message_ephemeral": message.ephemeral_to is not None,
        }
        resource = {"type": kind, "message": message_payload(message, self._state.world)}
        return {"interaction": interaction, "resource": resource}

    async def follow_up(self, request: web.Request) -> web.Response:
        """A further answer; right after a defer it takes the placeholder's place."""
        slash, body = self._slash(request), await request.json()
        original = slash.original
        if original is not None and original.flags & LOADING and not original.deleted:
            return await self._edit(original, body)
        message = self._new(slash, _content(body), body.get("flags") or 0, body)
        await self._announce(message)
        return answer(message_payload(message, self._state.world))

    async def get_original(self, request: web.Request) -> web.Response:
        """The original answer."""
        return answer(message_payload(self._original(request), self._state.world))

    async def edit_original(self, request: web.Request) -> web.Response:
        """Change the original answer."""
        return await self._edit(self._original(request), await request.json())

    async def delete_original(self, request: web.Request) -> web.Response:
        """Take the original answer away."""
        self._original(request).deleted = True
        return web.Response(status=204)

    async def _edit(self, message: Message, body: Payload) -> web.Response:
        was_loading = bool(message.flags & LOADING)
        message.flags &= ~LOADING
        message.versions.append(Version(_content(body), time.monotonic()))
        message.allowed_mentions.append(body.get("allowed_mentions"))
        if was_loading:
            await self._announce(message)
        return answer(message_payload(message, self._state.world))

    def _new(self, slash: Slash, content: str, flags: int, body: Payload) -> Message:
        message = self._state.world.add_message(
            slash.channel,
            self._state.bot,
            content,
            type=20,
            flags=flags,
            ephemeral_to=slash.user if flags & EPHEMERAL else None,
            allowed_mentions=[body.get("allowed_mentions")],
        )
        slash.messages.append(message)
        return message

    async def _announce(self, message: Message) -> None:
        if message.ephemeral_to is None:
            await self._state.announce(message)

    def _slash(self, request: web.Request) -> Slash:
        slash = self._open.get(request.match_info["token"])
        if slash is None:
            raise Refused(404, 10015, "Unknown Webhook")
        return slash

    def _original(self, request: web.Request) -> Message:
        original = self._slash(request).original
        if original is None or original.deleted:
            raise Refused(404, 10008, "Unknown Message")
        return original
