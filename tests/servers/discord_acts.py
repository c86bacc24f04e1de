"""What people do in the loopback Discord besides writing: commands, menus, buttons, forms."""

from __future__ import annotations

from tests.servers.discord_interactions import (
    AUTOCOMPLETE,
    COMMAND,
    COMPONENT,
    MODAL_SUBMIT,
    Interactions,
    Slash,
    fields_of,
)
from tests.servers.discord_payloads import (
    Payload,
    channel_payload,
    member_payload,
    message_payload,
    user_payload,
)
from tests.servers.discord_state import DiscordState
from tests.servers.discord_world import Channel, Message, User

OPTION_TYPES: dict[type, int] = {str: 3, int: 4, bool: 5}
SUBCOMMAND = 1
MESSAGE_MENU = 3
MANAGING = 1 << 4 | 1 << 5
"""Manage Channels and Manage Server."""


class Acts:
    """Sends interactions, as people cause them."""

    def __init__(self, state: DiscordState, interactions: Interactions) -> None:
        self._state = state
        self._interactions = interactions

    async def slash(
        self,
        channel: Channel,
        user: User,
        name: str,
        options: dict[str, str | int],
        *,
        locale: str = "ja",
        abroad: bool = False,
    ) -> Slash:
        """A person uses a registered command; a subcommand's name stands after a space."""
        given = [{"name": k, "type": OPTION_TYPES[type(v)], "value": v} for k, v in options.items()]
        data = self._command_data(name, given)
        slash = self._interactions.open(COMMAND, channel, user, abroad=abroad)
        await self._send(slash, data, locale)
        return slash

    async def complete(
        self,
        channel: Channel,
        user: User,
        name: str,
        option: str,
        typed: str,
        others: dict[str, str],
        locale: str,
    ) -> Slash:
        """A person types into an option that makes proposals."""
        given = [{"name": k, "type": 3, "value": v} for k, v in others.items()]
        given.append({"name": option, "type": 3, "value": typed, "focused": True})
        slash = self._interactions.open(AUTOCOMPLETE, channel, user)
        await self._send(slash, self._command_data(name, given), locale)
        return slash

    async def menu(
        self, message: Message, user: User, name: str, *, locale: str = "ja", abroad: bool = False
    ) -> Slash:
        """A person picks a command from a message's menu."""
        command = self._registered(name, MESSAGE_MENU)
        resolved = {"messages": {str(message.id): message_payload(message, self._state.world)}}
        data = {
            "id": command["id"],
            "name": name,
            "type": MESSAGE_MENU,
            "target_id": str(message.id),
            "resolved": resolved,
        }
        slash = self._interactions.open(COMMAND, message.channel, user, abroad=abroad)
        await self._send(slash, data, locale)
        return slash

    async def press(
        self, message: Message, user: User, custom_id: str, *, locale: str = "ja", abroad: bool = False
    ) -> Slash:
        """A person presses a button; one that is gone meanwhile can still arrive."""
        slash = self._interactions.open(COMPONENT, message.channel, user, abroad=abroad)
        slash.pressed = message
        await self._send(slash, {"custom_id": custom_id, "component_type": 2}, locale)
        return slash

    async def submit(self, opened: Slash, values: dict[str, str], *, locale: str = "ja") -> Slash:
        """A person sends the form that `opened` brought; what they do not change stays."""
        if opened.modal is None:
            message = "no form was opened"
            raise LookupError(message)
        filled = [
            {
                "type": 18,
                "component": {
                    "type": 4,
                    "custom_id": field["custom_id"],
                    "value": values.get(field["custom_id"], field.get("value") or ""),
                },
            }
            for field in fields_of(opened.modal)
        ]
        slash = self._interactions.open(MODAL_SUBMIT, opened.channel, opened.user, abroad=opened.abroad)
        slash.pressed = opened.pressed
        await self._send(slash, {"custom_id": opened.modal["custom_id"], "components": filled}, locale)
        return slash

    def _command_data(self, name: str, given: list[Payload]) -> Payload:
        first, _, rest = name.partition(" ")
        command = self._registered(first, 1)
        if rest:
            if rest not in {option["name"] for option in command.get("options", [])}:
                message = f"no subcommand {rest!r} is registered"
                raise LookupError(message)
            given = [{"type": SUBCOMMAND, "name": rest, "options": given}]
        return {"id": command["id"], "name": first, "type": 1, "options": given}

    def _registered(self, name: str, kind: int) -> Payload:
        for command in self._state.commands:
            if command["name"] == name and command.get("type", 1) == kind:
                return command
        message = f"no command {name!r} is registered"
        raise LookupError(message)

    async def _send(self, slash: Slash, data: Payload, locale: str) -> None:
        await self._state.gateway.dispatch("INTERACTION_CREATE", self._payload(slash, data, locale))

    def _payload(self, slash: Slash, data: Payload, locale: str) -> Payload:
        channel, guild = slash.channel, slash.channel.guild
        abroad = slash.abroad or channel.private
        owners = {"1": str(slash.user.id)} if abroad else {"0": str(guild.id if guild else 0)}
        payload: Payload = {
            "id": str(slash.id),
            "application_id": str(self._state.bot.id),
            "type": slash.kind,
            "token": slash.token,
            "version": 1,
            "channel_id": str(channel.id),
            "channel": channel_payload(channel),
            "data": data,
            "locale": locale,
            "app_permissions": str(int(channel.allowed)),
            "entitlements": [],
            "authorizing_integration_owners": owners,
            "attachment_size_limit": 10_485_760,
            "context": 0 if guild else 2 if channel.private else 1,
        }
        if slash.pressed is not None:
            payload["message"] = message_payload(slash.pressed, self._state.world)
        if guild is None:
            return payload | {"user": user_payload(slash.user)}
        allowed = int(channel.allowed) | (MANAGING if slash.user.id in guild.managers else 0)
        member = member_payload(slash.user, guild) | {"permissions": str(allowed)}
        return payload | {"guild_id": str(guild.id), "guild_locale": guild.locale, "member": member}
