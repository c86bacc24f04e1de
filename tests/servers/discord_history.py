"""What a channel's history shows to the bot: a page of messages, newest first."""

from __future__ import annotations

from collections.abc import Mapping

from tests.servers.discord_gateway import MESSAGE_CONTENT, UNREAD
from tests.servers.discord_payloads import Payload, message_payload
from tests.servers.discord_state import DiscordState
from tests.servers.discord_world import Channel, Message, Permission

PAGE = 50


def page_of(state: DiscordState, channel: Channel, query: Mapping[str, str]) -> list[Payload]:
    """The messages that a request asks for; none without the permission, and unread ones without a text."""
    if not channel.allowed & Permission.READ_MESSAGE_HISTORY:
        return []
    limit = int(query.get("limit", PAGE))
    before, after = int(query.get("before", 2**63)), int(query.get("after", 0))
    there = [message for message in _kept(state, channel) if after < message.id < before]
    chosen = there[:limit] if "after" in query else there[-limit:]
    return [_readable(state, message) for message in reversed(chosen)]


def _kept(state: DiscordState, channel: Channel) -> list[Message]:
    mine = (one for one in state.world.messages.values() if one.channel is channel)
    return sorted((one for one in mine if not one.deleted and not one.ephemeral_to), key=lambda one: one.id)


def _readable(state: DiscordState, message: Message) -> Payload:
    payload = message_payload(message, state.world)
    if state.gateway.granted & MESSAGE_CONTENT or message.channel.guild is None:
        return payload
    mine = message.author is state.bot or state.bot in message.mentions
    if not mine:
        payload |= UNREAD
    referenced = payload.get("referenced_message")
    if referenced is not None and int(referenced["author"]["id"]) != state.bot.id:
        payload["referenced_message"] = referenced | UNREAD
    return payload
