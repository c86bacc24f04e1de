"""Interactions in the loopback Discord: the three seconds, callbacks, the original answer, followups.

A token dies with `expire`; in a place where the bot is not at home (installed by the person only) it takes
five followups, as Discord's does.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.servers.discord_answers import answer, body_of
from tests.servers.discord_payloads import Payload, message_payload
from tests.servers.discord_rest import checked_components, content_of
from tests.servers.discord_state import DiscordState, Refused
from tests.servers.discord_world import EPHEMERAL, LOADING, Channel, Message, User, Version, loop_s

ACKNOWLEDGE_WITHIN_S = 3.0
FOLLOW_UPS_ABROAD = 5
COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
CHANNEL_MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9
ALLOWED_ANSWERS = {
    COMMAND: {CHANNEL_MESSAGE, DEFERRED, MODAL},
    COMPONENT: {CHANNEL_MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, MODAL},
    AUTOCOMPLETE: {CHOICES},
    MODAL_SUBMIT: {CHANNEL_MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE},
}
MAX_CHOICES = 25
MAX_FIELD = 4000
MAX_TITLE = 45


@dataclass(slots=True)
class Slash:
    """One interaction of a person. `messages` are the answers, the original one first.

    `pressed` is the message whose button it was; `modal` the form that the bot opened; `choices` what it
    proposes while the person types.
    """

    id: int
    kind: int
    token: str
    channel: Channel
    user: User
    began_s: float
    abroad: bool = False
    pressed: Message | None = None
    acknowledged_s: float | None = None
    deferred_flags: int | None = None
    original: Message | None = None
    modal: Payload | None = None
    choices: list[Payload] | None = None
    messages: list[Message] = field(default_factory=list)
    follow_ups: int = 0
    expired: bool = False

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
        original, message = f"{hook}/messages/@original", f"{hook}/messages/{{message}}"
        return [
            web.post("/api/v10/interactions/{id}/{token}/callback", self.callback),
            web.post(hook, self.follow_up),
            web.get(original, self.get_original),
            web.patch(original, self.edit_original),
            web.delete(original, self.delete_original),
            web.patch(message, self.edit_message),
            web.delete(message, self.delete_message),
        ]

    def open(self, kind: int, channel: Channel, user: User, *, abroad: bool = False) -> Slash:
        """A new interaction with a token of its own."""
        token = secrets.token_urlsafe(32)
        slash = Slash(
            self._state.world.snowflake(),
            kind,
            token,
            channel,
            user,
            loop_s(),
            abroad=abroad or channel.private,
        )
        self._open[token] = slash
        self._state.tokens[token] = channel.id
        return slash

    async def callback(self, request: web.Request) -> web.Response:
        """The first answer, which must come within three seconds."""
        slash, body = self._slash(request), await body_of(request)
        now_s = loop_s()
        if slash.acknowledged_s is not None:
            raise Refused(400, 40060, "Interaction has already been acknowledged.")
        if now_s - slash.began_s > ACKNOWLEDGE_WITHIN_S or slash.expired:
            raise Refused(404, 10062, "Unknown interaction")
        if body["type"] not in ALLOWED_ANSWERS[slash.kind]:
            raise Refused(400, 50035, "Invalid Form Body")
        await self._take(slash, body["type"], body.get("data") or {})
        slash.acknowledged_s = now_s
        self._state.changed()
        return answer(self._answered(slash, body["type"]))

    async def _take(self, slash: Slash, kind: int, data: Payload) -> None:
        flags = data.get("flags") or 0
        if kind == DEFERRED:
            slash.deferred_flags = flags
            slash.original = self._new(slash, "…", flags | LOADING, data)
        elif kind == CHANNEL_MESSAGE:
            slash.original = self._new(slash, content_of(data), flags, data)
            await self._announce(slash.original)
        elif kind == CHOICES:
            slash.choices = _checked_choices(data)
        elif kind == MODAL:
            slash.modal = _checked_modal(data)
        elif kind == DEFERRED_UPDATE:
            slash.original = slash.pressed
        elif kind == UPDATE and slash.pressed is not None:
            slash.original = slash.pressed
            await self._edit(slash.pressed, data)

    def _answered(self, slash: Slash, kind: int) -> Payload:
        message = slash.original
        interaction: Payload = {"id": str(slash.id), "type": slash.kind}
        if message is None or kind not in {CHANNEL_MESSAGE, DEFERRED, UPDATE}:
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
        slash, body = self._slash(request), await body_of(request)
        if slash.acknowledged_s is None:
            raise Refused(404, 10015, "Unknown Webhook")
        if slash.expired:
            raise Refused(401, 50027, "Invalid Webhook Token")
        original = slash.original
        if original is not None and original.flags & LOADING and not original.deleted:
            return await self._edit(original, body)
        slash.follow_ups += 1
        if slash.abroad and slash.follow_ups > FOLLOW_UPS_ABROAD:
            raise Refused(400, 40094, "Maximum number of follow up messages reached")
        message = self._new(slash, content_of(body), body.get("flags") or 0, body)
        await self._announce(message)
        return answer(message_payload(message, self._state.world))

    async def get_original(self, request: web.Request) -> web.Response:
        """The original answer."""
        return answer(message_payload(self._original(request), self._state.world))

    async def edit_original(self, request: web.Request) -> web.Response:
        """Change the original answer."""
        return await self._edit(self._original(request), await body_of(request))

    async def delete_original(self, request: web.Request) -> web.Response:
        """Take the original answer away."""
        self._original(request).deleted = True
        return web.Response(status=204)

    async def edit_message(self, request: web.Request) -> web.Response:
        """Change one of the answers."""
        return await self._edit(self._message(request), await body_of(request))

    async def delete_message(self, request: web.Request) -> web.Response:
        """Take one of the answers away."""
        self._message(request).deleted = True
        return web.Response(status=204)

    async def _edit(self, message: Message, body: Payload) -> web.Response:
        was_loading = bool(message.flags & LOADING)
        message.flags &= ~LOADING
        message.files += body.get("files") or []
        if "components" in body:
            message.components = checked_components(body)
        content = content_of(body) if body.get("content") is not None or was_loading else message.content
        message.versions.append(Version(content, loop_s()))
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
            components=checked_components(body),
            files=list(body.get("files") or ()),
            command_id=slash.id,
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
        slash = self._slash(request)
        if slash.expired:
            raise Refused(401, 50027, "Invalid Webhook Token")
        if slash.original is None or slash.original.deleted:
            raise Refused(404, 10008, "Unknown Message")
        return slash.original

    def _message(self, request: web.Request) -> Message:
        slash = self._slash(request)
        if slash.expired:
            raise Refused(401, 50027, "Invalid Webhook Token")
        message = self._state.world.messages.get(int(request.match_info["message"]))
        if message is None or message.deleted or message not in slash.messages:
            raise Refused(404, 10008, "Unknown Message")
        return message


def _checked_choices(data: Payload) -> list[Payload]:
    choices: list[Payload] = data["choices"]
    fine = all(
        1 <= len(choice["name"]) <= 100 and 1 <= len(str(choice["value"])) <= 100 for choice in choices
    )
    if len(choices) > MAX_CHOICES or not fine:
        raise Refused(400, 50035, "Invalid Form Body")
    return choices


def _checked_modal(data: Payload) -> Payload:
    fields = list(fields_of(data))
    fine = all(len(field.get("value") or "") <= field.get("max_length", MAX_FIELD) for field in fields)
    if not 1 <= len(data["title"]) <= MAX_TITLE or len(data["custom_id"]) > 100 or not fine or not fields:
        raise Refused(400, 50035, "Invalid Form Body")
    return data


def fields_of(modal: Payload) -> list[dict[str, Any]]:
    """The text inputs of a form."""
    rows = modal["components"]
    return [row["component"] if "component" in row else row["components"][0] for row in rows]
