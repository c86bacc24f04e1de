"""REST v10 of the loopback Discord: the routes that the adapter's client uses, with their checks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from aiohttp import web

from tests.servers.discord_answers import answer, body_of
from tests.servers.discord_history import page_of
from tests.servers.discord_limits import (
    MESSAGE_LIMIT,
    MESSAGE_PERIOD_S,
    OLD_EDITS,
    OLD_LIMIT,
    OLD_PERIOD_S,
    OLD_S,
    WEBHOOK_CHANNEL_LIMIT,
    WEBHOOK_CHANNEL_PERIOD_S,
    WEBHOOK_LIMIT,
    WEBHOOK_PERIOD_S,
    Bucket,
)
from tests.servers.discord_payloads import (
    Payload,
    application_payload,
    channel_payload,
    deletion_payload,
    member_payload,
    message_payload,
    user_payload,
)
from tests.servers.discord_state import DiscordState, Refused, SentRequest
from tests.servers.discord_world import (
    EVERYTHING,
    Channel,
    ChannelType,
    Message,
    Permission,
    Version,
    age_s,
    loop_s,
)

MAX_CONTENT = 2000
MAX_THREAD_NAME = 100
MAX_BUTTONS, MAX_ID, MAX_LABEL = 5, 100, 80
NONCE_LIFE_S = 300.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Rest:
    """The handlers of what is not an interaction."""

    def __init__(self, state: DiscordState) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        """The routes, under `/api/v10`."""
        base = "/api/v10"
        return [
            web.get(f"{base}/users/@me", self.me),
            web.get(f"{base}/users/@me/guilds", self.guilds),
            web.get(f"{base}/oauth2/applications/@me", self.application),
            web.get(f"{base}/applications/@me", self.application),
            web.get(f"{base}/gateway/bot", self.gateway),
            web.get(f"{base}/applications/{{app}}/commands", self.commands),
            web.put(f"{base}/applications/{{app}}/commands", self.put_commands),
            web.post(f"{base}/users/@me/channels", self.open_direct),
            web.get(f"{base}/guilds/{{guild}}/members/{{user}}", self.member),
            web.get(f"{base}/channels/{{channel}}", self.channel),
            web.patch(f"{base}/channels/{{channel}}", self.edit_channel),
            web.post(f"{base}/channels/{{channel}}/typing", self.typing),
            web.post(f"{base}/channels/{{channel}}/messages", self.create_message),
            web.get(f"{base}/channels/{{channel}}/messages", self.history),
            web.get(f"{base}/channels/{{channel}}/messages/{{message}}", self.message),
            web.get(f"{base}/users/{{user}}", self.user),
            web.get(f"{base}/channels/{{channel}}/threads/archived/public", self.archived),
            web.patch(f"{base}/channels/{{channel}}/messages/{{message}}", self.edit_message),
            web.delete(f"{base}/channels/{{channel}}/messages/{{message}}", self.delete_message),
            web.post(f"{base}/channels/{{channel}}/messages/{{message}}/threads", self.start_thread),
        ]

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Record the request, check the token, apply faults and rate limits, translate refusals."""
        if not request.path.startswith("/api/"):
            return await handler(request)
        body = await _logged(request)
        record = SentRequest(request.method, request.path.removeprefix("/api/v10"), body, loop_s())
        self._state.requests.append(record)
        given = await self._checked(request, handler)
        record.status = given.status
        self._state.changed()
        return given

    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        fault = next((fault for fault in self._state.faults if fault.meets(request)), None)
        if fault is not None and not fault.applied:
            return fault.answer(request)
        bucket = self._bucket(request)
        now_s = loop_s()
        for limiting in self._limiting(request, bucket):
            if not limiting.take(now_s):
                return self._state.limits.refusal(limiting, now_s)
        given = await self._handled(request, handler)
        if fault is not None:
            return fault.answer(request)
        if bucket is not None:
            given.headers.update(bucket.headers(loop_s()))
        return given

    async def _handled(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        signed = request.headers.get("Authorization") == f"Bot {self._state.token}"
        if not signed and not request.path.startswith(("/api/v10/webhooks/", "/api/v10/interactions/")):
            return answer({"message": "401: Unauthorized", "code": 0}, status=401)
        try:
            return await handler(request)
        except Refused as error:
            return answer({"message": error.message, "code": error.code}, status=error.status)

    def _limiting(self, request: web.Request, bucket: Bucket | None) -> Iterator[Bucket]:
        """All that must have room for a request. Answers to interactions are not under the bot's limit."""
        if bucket is not None:
            yield bucket
        if "token" not in request.match_info:
            yield self._state.limits.everything
            if request.method == "PATCH" and self._is_old(request.match_info.get("message", "")):
                channel = request.match_info["channel"]
                yield self._state.limits.bucket(OLD_EDITS, channel, OLD_LIMIT, OLD_PERIOD_S)
        elif "callback" not in request.path and request.method != "DELETE":
            channel = self._state.channel_of_token(request.match_info["token"])
            yield self._state.limits.bucket(
                "webhook of channel", channel, WEBHOOK_CHANNEL_LIMIT, WEBHOOK_CHANNEL_PERIOD_S
            )

    def _is_old(self, message_id: str) -> bool:
        return message_id.isdecimal() and age_s(int(message_id)) > OLD_S

    def _bucket(self, request: web.Request) -> Bucket | None:
        channel = request.match_info.get("channel")
        resource = request.match_info.route.resource
        if "token" in request.match_info and "callback" not in request.path:
            major = request.match_info["token"]
            return self._state.limits.bucket("webhook", major, WEBHOOK_LIMIT, WEBHOOK_PERIOD_S)
        if channel is None or resource is None or request.method == "GET":
            return None
        route = f"{request.method} {resource.canonical}"
        return self._state.limits.bucket(route, channel, MESSAGE_LIMIT, MESSAGE_PERIOD_S)

    async def me(self, _: web.Request) -> web.Response:
        """The bot's own account."""
        return answer(user_payload(self._state.bot))

    async def guilds(self, _: web.Request) -> web.Response:
        """The servers that the bot is in, with what it may do there."""
        homes = [guild for guild in self._state.world.guilds.values() if not guild.abroad]
        return answer(
            [
                {"id": str(guild.id), "name": guild.name, "permissions": str(int(EVERYTHING & ~guild.denied))}
                for guild in homes
            ]
        )

    async def member(self, request: web.Request) -> web.Response:
        """A member of a server that the bot is in."""
        guild = self._state.world.guilds.get(int(request.match_info["guild"]))
        if guild is None or guild.abroad:
            raise Refused(404, 10004, "Unknown Guild")
        user = next((user for user in guild.members if user.id == int(request.match_info["user"])), None)
        if user is None:
            raise Refused(404, 10007, "Unknown Member")
        return answer(member_payload(user, guild))

    async def application(self, _: web.Request) -> web.Response:
        """The bot's application."""
        return answer(application_payload(self._state.bot, self._state.application_flags))

    async def gateway(self, _: web.Request) -> web.Response:
        """Where the gateway is."""
        limit = {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}
        return answer(
            {"url": self._state.gateway.url, "shards": self._state.shards, "session_start_limit": limit}
        )

    async def commands(self, request: web.Request) -> web.Response:
        """The registered commands; translations only when asked for."""
        hidden = () if request.query.get("with_localizations") == "true" else LOCALIZED
        return answer([_without(command, hidden) for command in self._state.commands])

    async def put_commands(self, request: web.Request) -> web.Response:
        """Replace the registered commands; fills in the fields that Discord adds."""
        sent: list[Payload] = await request.json()
        self._state.commands = [self._registered(command) for command in sent]
        self._state.syncs += 1
        return answer(self._state.commands)

    def _registered(self, command: Payload) -> Payload:
        defaults = {
            "type": 1,
            "nsfw": False,
            "default_permission": True,
            "default_member_permissions": None,
            "dm_permission": True,
            "name_localizations": None,
            "description_localizations": None,
        }
        ids = {
            "id": str(self._state.world.snowflake()),
            "application_id": str(self._state.bot.id),
            "version": str(self._state.world.snowflake()),
        }
        options = [
            {k: v for k, v in option.items() if v is not False} for option in command.get("options", [])
        ]
        return defaults | command | ids | {"options": options}

    async def open_direct(self, request: web.Request) -> web.Response:
        """The DM channel with a user."""
        user = self._state.world.users[int((await body_of(request))["recipient_id"])]
        return answer(channel_payload(self._state.world.direct(user)))

    async def channel(self, request: web.Request) -> web.Response:
        """A channel by id."""
        return answer(channel_payload(self._channel(request)))

    async def edit_channel(self, request: web.Request) -> web.Response:
        """Take a thread out of the archive, which whoever may write there may do."""
        channel, body = self._channel(request), await body_of(request)
        self._require_speech(channel)
        if set(body) != {"archived"} or not channel.is_thread:
            raise Refused(403, 50013, "Missing Permissions")
        channel.archived = body["archived"]
        return answer(channel_payload(channel))

    async def typing(self, request: web.Request) -> web.Response:
        """The bot types."""
        channel = self._channel(request)
        self._require_speech(channel)
        self._state.typed.append(channel)
        return web.Response(status=204)

    async def message(self, request: web.Request) -> web.Response:
        """A message by id."""
        return answer(message_payload(self._message(request), self._state.world))

    async def history(self, request: web.Request) -> web.Response:
        """A page of a channel's messages."""
        return answer(page_of(self._state, self._channel(request), request.query))

    async def user(self, request: web.Request) -> web.Response:
        """Anybody by id."""
        return answer(user_payload(self._state.world.users[int(request.match_info["user"])]))

    async def archived(self, request: web.Request) -> web.Response:
        """The public threads of a channel that were archived last."""
        threads = [one for one in self._state.world.threads_of(self._channel(request)) if one.archived]
        latest = sorted(threads, key=lambda thread: thread.archived_at or thread.id, reverse=True)
        told = [channel_payload(thread) for thread in latest[: int(request.query.get("limit", "50"))]]
        return answer({"threads": told, "members": [], "has_more": len(told) < len(latest)})

    async def create_message(self, request: web.Request) -> web.Response:
        """Post a message; a nonce that is enforced posts once."""
        channel, body = self._channel(request), await body_of(request)
        self._require_speech(channel)
        content = content_of(body)
        reply_to = self._reply(channel, body)
        earlier = self._same_nonce(channel, body)
        if earlier is not None:
            return answer(message_payload(earlier, self._state.world))
        channel.archived = False
        message = self._state.world.add_message(
            channel,
            self._state.bot,
            content,
            nonce=body.get("nonce"),
            reply_to=reply_to,
            type=19 if reply_to else 0,
            flags=body.get("flags") or 0,
            allowed_mentions=[body.get("allowed_mentions")],
            components=checked_components(body),
        )
        await self._state.announce(message)
        return answer(message_payload(message, self._state.world))

    async def edit_message(self, request: web.Request) -> web.Response:
        """Change one of the bot's messages."""
        message, body = self._message(request), await body_of(request)
        if message.author is not self._state.bot:
            raise Refused(403, 50005, "Cannot edit a message authored by another user")
        if message.channel.archived:
            raise Refused(400, 50083, "Thread is archived")
        if "components" in body:
            message.components = checked_components(body)
        content = content_of(body) if body.get("content") is not None else message.content
        message.versions.append(Version(content, loop_s()))
        message.allowed_mentions.append(body.get("allowed_mentions"))
        payload = message_payload(message, self._state.world, event=True)
        await self._state.gateway.dispatch("MESSAGE_UPDATE", payload)
        return answer(payload)

    async def start_thread(self, request: web.Request) -> web.Response:
        """Open a public thread from a message."""
        message, body = self._message(request), await body_of(request)
        channel, world = message.channel, self._state.world
        if channel.type is not ChannelType.TEXT or message.ephemeral_to is not None:
            raise Refused(400, 50024, "Cannot execute action on this channel type")
        if not channel.allowed & Permission.CREATE_PUBLIC_THREADS:
            raise Refused(403, 50013, "Missing Permissions")
        if message.id in world.channels:
            raise Refused(400, 160004, "A thread has already been created for this message")
        if not 1 <= len(body["name"].strip()) <= MAX_THREAD_NAME:
            raise Refused(400, 50035, "Invalid Form Body")
        thread = world.add_thread(channel, body["name"], self._state.bot, message.id)
        payload = channel_payload(thread)
        await self._state.gateway.dispatch("THREAD_CREATE", payload | {"newly_created": True})
        starter = world.add_message(thread, message.author, "", type=21, reply_to=message.id)
        await self._state.announce(starter)
        return answer(payload, status=201)

    async def delete_message(self, request: web.Request) -> web.Response:
        """Take away a message of the bot's own; everybody is told of it, the bot too."""
        message = self._message(request)
        if message.author is not self._state.bot:
            raise Refused(403, 50003, "Cannot execute action on this message")
        message.deleted = True
        await self._state.gateway.dispatch("MESSAGE_DELETE", deletion_payload(message))
        self._state.changed()
        return web.Response(status=204)

    def _channel(self, request: web.Request) -> Channel:
        channel = self._state.world.channels.get(int(request.match_info["channel"]))
        if channel is None or channel.deleted:
            raise Refused(404, 10003, "Unknown Channel")
        if channel.private or (channel.guild is not None and channel.guild.abroad):
            raise Refused(403, 50001, "Missing Access")
        if not channel.allowed & Permission.VIEW_CHANNEL:
            raise Refused(403, 50001, "Missing Access")
        return channel

    def _message(self, request: web.Request) -> Message:
        channel = self._channel(request)
        message = self._state.world.messages.get(int(request.match_info["message"]))
        if message is None or message.channel is not channel or message.deleted:
            raise Refused(404, 10008, "Unknown Message")
        return message

    def _require_speech(self, channel: Channel) -> None:
        needed = Permission.SEND_MESSAGES_IN_THREADS if channel.is_thread else Permission.SEND_MESSAGES
        if not channel.allowed & needed:
            raise Refused(403, 50013, "Missing Permissions")
        if channel.locked:
            raise Refused(403, 50083, "Thread is archived")
        if channel.type is ChannelType.FORUM:
            raise Refused(400, 50008, "Cannot send messages in a non-text channel")
        if channel.awaits_author:
            raise Refused(403, 40058, "Cannot message this thread until its author has sent a message")

    def _reply(self, channel: Channel, body: Payload) -> int | None:
        reference = body.get("message_reference")
        if reference is None:
            return None
        if not channel.allowed & Permission.READ_MESSAGE_HISTORY:
            raise Refused(400, 160002, "Cannot reply without permission to read message history")
        earlier = self._state.world.messages.get(int(reference["message_id"]))
        if earlier is not None and not earlier.deleted:
            return earlier.id
        if reference.get("fail_if_not_exists", True):
            raise Refused(400, 50035, "Unknown message")
        return None

    def _same_nonce(self, channel: Channel, body: Payload) -> Message | None:
        if not body.get("enforce_nonce"):
            return None
        if len(str(body["nonce"])) > 25:
            raise Refused(400, 50035, "Nonce is too long")
        now_s = loop_s()
        for message in self._state.world.messages.values():
            fresh = now_s - message.versions[0].at_s < NONCE_LIFE_S
            if message.channel is channel and message.nonce == body["nonce"] and fresh:
                return message
        return None


LOCALIZED = ("name_localizations", "description_localizations")


def _without(command: Payload, hidden: tuple[str, ...]) -> Payload:
    return {key: value for key, value in command.items() if key not in hidden}


def content_of(body: dict[str, Any]) -> str:
    """A message's text. Discord takes none of white space alone, nor one of over 2,000 characters."""
    content = (body.get("content") or "").strip()
    if not content and (body.get("files") or body.get("embeds")):
        return ""
    if not content:
        raise Refused(400, 50006, "Cannot send an empty message")
    if len(content) > MAX_CONTENT:
        raise Refused(400, 50035, "Must be 2000 or fewer in length.")
    return content


def checked_components(body: dict[str, Any]) -> list[Payload]:
    """A message's rows of buttons: five rows of five, each with a label and a custom_id of its own."""
    rows: list[Payload] = body.get("components") or []
    parts = [part for row in rows for part in row["components"]]
    ids = [part["custom_id"] for part in parts]
    fine = all(len(row["components"]) <= MAX_BUTTONS for row in rows) and len(rows) <= MAX_BUTTONS
    named = all(
        1 <= len(part["custom_id"]) <= MAX_ID and 1 <= len(part["label"]) <= MAX_LABEL for part in parts
    )
    if not fine or not named or len(set(ids)) < len(ids):
        raise Refused(400, 50035, "Invalid Form Body")
    return rows


async def _logged(request: web.Request) -> object:
    """What the record of requests keeps of a body; forms with files are read by their handler."""
    if not request.can_read_body or request.content_type.startswith("multipart/"):
        return None
    return await request.json()
