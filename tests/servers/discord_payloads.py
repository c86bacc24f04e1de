"""The world as Discord's API v10 writes it in JSON."""

from __future__ import annotations

import datetime as dt
import mimetypes
from typing import Any

from tests.servers.discord_world import (
    DISCORD_EPOCH_MS,
    EPHEMERAL,
    EVERYTHING,
    HAS_THREAD,
    Channel,
    ChannelType,
    Guild,
    Message,
    Permission,
    Role,
    User,
    World,
)

Payload = dict[str, Any]


def when(snowflake: int) -> str:
    """The time in a snowflake, in ISO 8601."""
    seconds = ((snowflake >> 22) + DISCORD_EPOCH_MS) / 1000
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()


def user_payload(user: User) -> Payload:
    """A user object."""
    return {
        "id": str(user.id),
        "username": user.name,
        "global_name": user.display_name,
        "discriminator": "0",
        "avatar": None,
        "bot": user.bot,
    }


def member_payload(user: User, guild: Guild, *, with_user: bool = True) -> Payload:
    """A member object; Discord leaves the user out beside a message's author."""
    payload: Payload = {
        "roles": [str(role.id) for role in guild.roles if role.bot_id == user.id or user.id in role.holders],
        "joined_at": when(guild.joined or guild.id),
        "deaf": False,
        "mute": False,
        "flags": 0,
        "nick": None,
        "avatar": None,
    }
    return payload | {"user": user_payload(user)} if with_user else payload


def role_payload(role: Role) -> Payload:
    """A role object."""
    return {
        "id": str(role.id),
        "name": role.name,
        "permissions": "0",
        "position": 1,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": role.bot_id is not None,
        "mentionable": False,
        "flags": 0,
        "tags": {"bot_id": str(role.bot_id)} if role.bot_id else {},
    }


def channel_payload(channel: Channel) -> Payload:
    """A channel object of any of the known types."""
    if channel.is_thread:
        return _thread_payload(channel)
    if channel.recipient is not None:
        recipients = [user_payload(channel.recipient)]
        return {
            "id": str(channel.id),
            "type": 1,
            "recipients": recipients,
            "last_message_id": _newest(channel),
        }
    guild_id = channel.guild.id if channel.guild else 0
    denied = channel.denied | (Permission.VIEW_CHANNEL if channel.hidden else Permission(0))
    overwrite = {"id": str(guild_id), "type": 0, "allow": "0", "deny": str(int(denied))}
    payload: Payload = {
        "id": str(channel.id),
        "type": int(channel.type),
        "guild_id": str(guild_id),
        "name": channel.name,
        "position": 0,
        "permission_overwrites": [overwrite] if denied else [],
        "nsfw": channel.nsfw,
        "parent_id": None,
        "last_message_id": _newest(channel),
    }
    if channel.type is ChannelType.FORUM:
        payload |= {"available_tags": [], "default_reaction_emoji": None, "default_sort_order": None}
    if channel.type is ChannelType.VOICE:
        payload |= {"bitrate": 64000, "user_limit": 0, "rtc_region": None}
    return payload


def _newest(channel: Channel) -> str | None:
    return str(channel.newest) if channel.newest else None


def _thread_payload(thread: Channel) -> Payload:
    return {
        "id": str(thread.id),
        "type": int(thread.type),
        "guild_id": str(thread.guild.id if thread.guild else 0),
        "parent_id": str(thread.parent.id if thread.parent else 0),
        "owner_id": str(thread.owner_id),
        "name": thread.name,
        "last_message_id": _newest(thread),
        "message_count": 0,
        "member_count": 1,
        "rate_limit_per_user": 0,
        "flags": 0,
        "thread_metadata": {
            "archived": thread.archived,
            "auto_archive_duration": 1440,
            "archive_timestamp": when(thread.archived_at or thread.id),
            "locked": thread.locked,
            "create_timestamp": when(thread.id),
        },
    }


def guild_payload(guild: Guild, world: World) -> Payload:
    """A guild as GUILD_CREATE carries it."""
    channels = [c for c in world.channels.values() if c.guild is guild and not c.deleted]
    everyone = role_payload(Role(guild.id, "@everyone")) | {
        "permissions": str(int(EVERYTHING)),
        "position": 0,
    }
    return {
        "id": str(guild.id),
        "name": guild.name,
        "owner_id": str(guild.members[0].id),
        "preferred_locale": guild.locale,
        "features": ["COMMUNITY"] if guild.community else [],
        "roles": [everyone, *(role_payload(role) for role in guild.roles)],
        "members": [member_payload(user, guild) for user in guild.members],
        "channels": [channel_payload(c) for c in channels if not c.is_thread],
        "threads": [channel_payload(c) for c in channels if c.is_thread and not c.archived],
        "member_count": len(guild.members),
        "joined_at": when(guild.joined or guild.id),
        "large": False,
        "unavailable": False,
        "emojis": [],
        "stickers": [],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
        "icon": None,
        "splash": None,
        "banner": None,
        "description": None,
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "premium_progress_bar_enabled": False,
        "afk_timeout": 300,
        "afk_channel_id": None,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "public_updates_channel_id": None,
        "safety_alerts_channel_id": None,
        "vanity_url_code": None,
    }


def deletion_payload(message: Message) -> Payload:
    """What is told of a message that is gone."""
    payload = {"id": str(message.id), "channel_id": str(message.channel.id)}
    guild = message.channel.guild
    return payload if guild is None else payload | {"guild_id": str(guild.id)}


def message_payload(message: Message, world: World, *, event: bool = False) -> Payload:
    """A message object; `event` adds what only MESSAGE_CREATE carries."""
    channel = message.channel
    payload: Payload = {
        "id": str(message.id),
        "channel_id": str(channel.id),
        "author": user_payload(message.author),
        "content": message.content,
        "timestamp": when(message.id),
        "edited_timestamp": message.edited_at,
        "tts": False,
        "mention_everyone": False,
        "mentions": [_mentioned(user, channel) for user in message.mentions],
        "mention_roles": [str(role.id) for role in message.role_mentions],
        "attachments": _attachments(message, world.files_url),
        "embeds": [],
        "components": message.components,
        "pinned": False,
        "type": message.type,
        "flags": message.flags | (EPHEMERAL if message.ephemeral_to else 0) | _thread_flag(message, world),
    }
    if message.nonce is not None:
        payload["nonce"] = message.nonce
    if message.reply_to is not None:
        payload |= _reference(message, world)
    if message.webhook_id is not None:
        payload["webhook_id"] = str(message.webhook_id)
    if message.command_id is not None:
        who = user_payload(message.ephemeral_to or message.author)
        payload["interaction_metadata"] = {"id": str(message.command_id), "type": 2, "user": who}
    if event and channel.guild is not None:
        payload["guild_id"] = str(channel.guild.id)
    if event and channel.guild is not None and message.webhook_id is None:
        payload["member"] = member_payload(message.author, channel.guild, with_user=False)
    return payload


def _reference(message: Message, world: World) -> Payload:
    """What a reply, or the first line of a thread, refers to."""
    earlier = world.messages.get(message.reply_to or 0)
    where = message.channel if earlier is None else earlier.channel
    reference = {"message_id": str(message.reply_to), "channel_id": str(where.id)}
    if where.guild is not None:
        reference["guild_id"] = str(where.guild.id)
    there = earlier is not None and not earlier.deleted
    shown = message_payload(earlier, world) if there and earlier is not None else None
    return {"message_reference": reference, "referenced_message": shown}


def _attachments(message: Message, base_url: str) -> list[Payload]:
    """What a message says of its files. The kind is guessed by the name, as Discord does."""
    return [
        {
            "id": str(message.id + number + 1),
            "filename": name,
            "size": len(data),
            "url": f"{base_url}/attachments/{message.channel.id}/{message.id}/{number}/{name}",
            "proxy_url": f"{base_url}/attachments/{message.channel.id}/{message.id}/{number}/{name}",
            "content_type": _kind(name),
        }
        for number, (name, data) in enumerate(message.files)
    ]


def _kind(name: str) -> str | None:
    kind = mimetypes.guess_type(name)[0]
    return f"{kind}; charset=utf-8" if kind == "text/plain" else kind


def _mentioned(user: User, channel: Channel) -> Payload:
    member = {"member": member_payload(user, channel.guild, with_user=False)} if channel.guild else {}
    return user_payload(user) | member


def _thread_flag(message: Message, world: World) -> int:
    return HAS_THREAD if message.id in world.channels else 0


def application_payload(bot: User, flags: int) -> Payload:
    """The application behind the bot."""
    return {
        "id": str(bot.id),
        "name": bot.name,
        "icon": None,
        "description": "",
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "owner": user_payload(bot),
        "team": None,
        "flags": flags,
        "summary": "",
        "rpc_origins": [],
        "redirect_uris": [],
        "integration_types_config": {},
    }
