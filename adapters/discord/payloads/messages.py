"""What Discord sends, in our words: who wrote a message, what it says, and whether the bot is meant."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import discord
import structlog

from adapters.discord.api.requests import as_delivery_errors
from bot.domain.chat import Author
from bot.domain.errors import DeliveryError

PLATFORM = "discord"
COMMUNITY = "COMMUNITY"
MAX_THREAD_NAME = 100
THREAD_NAME = 40
"""Characters of a thread's name: what the list of channels shows without cutting."""

_TOKEN = re.compile(r"<(?P<kind>@!|@&|@|#|a?:(?P<emoji>\w+):)(?P<id>\d+)>")
_MARKDOWN = re.compile(r"[*_~`|]{1,3}|^[>#\-\s]+", re.MULTILINE)
_JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uff66-\uff9f]")
_LATIN = re.compile(r"[A-Za-z]")
_SENTENCE = re.compile(r".*?[。！？!?]")


MOST_LOOKED_UP = 5
"""Discord tells people one by one; nobody waits for more than this."""
_PERSON = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
_CHANNEL = re.compile(r"<#(\d+)>")
_log = structlog.get_logger(__name__)
_WRITTEN = {discord.MessageType.default, discord.MessageType.reply}
"""Messages that people wrote, as opposed to Discord's own lines."""


@dataclass(frozen=True, slots=True)
class MentionNames:
    """What the ids in a message's mentions are called."""

    users: Mapping[int, str] = field(default_factory=dict)
    roles: Mapping[int, str] = field(default_factory=dict)
    channels: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BotIdentity:
    """How the bot is mentioned: by its account, or by the role that Discord gave it."""

    user_id: int
    role_id: int | None = None

    @property
    def mention(self) -> re.Pattern[str]:
        """Any mention of the bot."""
        ids = rf"@!?{self.user_id}" if self.role_id is None else rf"@!?{self.user_id}|@&{self.role_id}"
        return re.compile(rf"<(?:{ids})>")


def story_text(content: str, me: BotIdentity, names: MentionNames) -> str:
    """What a person wrote: without the bot's mention, other mentions by name, the rest as it was."""
    return _TOKEN.sub(lambda token: _named(token, names), without_mention(content, me))


def without_mention(content: str, me: BotIdentity) -> str:
    """Take the bot's mentions away, each with the one space or line break that set it apart.

    Only ASCII spaces and line breaks separate a mention; 「　」 belongs to the story.
    """
    mention = me.mention.pattern
    text = re.sub(rf"\A(?:[ \n]*{mention}[ \n]?)+", "", content)
    text = re.sub(rf"(?:[ \n]?{mention}[ \n]*)+\Z", "", text)
    text = re.sub(rf"(?<=[ \n]){mention}[ \n]", "", text)
    return re.sub(mention, "", text)


def _named(token: re.Match[str], names: MentionNames) -> str:
    kind, number = token["kind"], int(token["id"])
    if token["emoji"]:
        return f":{token['emoji']}:"
    if kind == "#":
        name = names.channels.get(number)
        return f"#{name}" if name else token.group()
    known = names.roles if kind == "@&" else names.users
    return known.get(number) or token.group()


def thread_name(text: str, otherwise: str) -> str:
    """A thread's name from the first words of a text, 1 to 100 characters."""
    first_line = next((line for line in _MARKDOWN.sub("", text).splitlines() if line.strip()), "").strip()
    sentence = _SENTENCE.match(first_line)
    name = sentence.group() if sentence and len(sentence.group()) <= THREAD_NAME else first_line
    name = " ".join(name.split(" ")).strip()
    if len(name) > THREAD_NAME:
        name = name[: THREAD_NAME - 1].rstrip() + "…"
    return name or otherwise[:MAX_THREAD_NAME]


def locale_of(preferred: str | None, features: list[str], text: str) -> str:
    """The language to speak in a server: its own choice, else that of the text, else Japanese."""
    chosen = chosen_locale(preferred, features) if preferred is not None else None
    return chosen or ("en" if _LATIN.search(text) and not _JAPANESE.search(text) else "ja")


def message_locale(message: discord.Message, text: str) -> str:
    """The language to answer a message in."""
    guild = message.guild
    if guild is None:
        return locale_of(None, [], text)
    return locale_of(guild.preferred_locale.value, list(guild.features), text)


def chosen_locale(preferred: str, features: list[str]) -> str | None:
    """The language that a server chose.

    One that is not a community cannot choose; Discord then says `en-US`, which means nothing.
    """
    return known_locale(preferred) if COMMUNITY in features or preferred != "en-US" else None


def known_locale(locale: str) -> str:
    """`ja` or `en` for one of Discord's locales."""
    return "ja" if locale == "ja" else "en"


def mention_names_of(message: discord.Message) -> MentionNames:
    """Of a message, which comes with its mentions. discord.py leaves unset what the payload does not have."""
    return MentionNames(
        users={user.id: user.display_name for user in getattr(message, "mentions", ())},
        roles={role.id: role.name for role in getattr(message, "role_mentions", ())},
        channels={channel.id: getattr(channel, "name", "") for channel in message.channel_mentions},
    )


async def look_up_mention_names(text: str, guild: discord.Guild | None) -> MentionNames:
    """Of a text that comes alone, as a command's option does: as far as the server tells."""
    if guild is None:
        return MentionNames()
    roles = {role_id: guild.get_role(role_id) for role_id in _ids(_ROLE, text)}
    channels = {number: guild.get_channel_or_thread(number) for number in _ids(_CHANNEL, text)}
    people = {number: await _name_of(number, guild) for number in _ids(_PERSON, text)[:MOST_LOOKED_UP]}
    return MentionNames(
        users={number: name for number, name in people.items() if name},
        roles={number: role.name for number, role in roles.items() if role is not None},
        channels={number: channel.name for number, channel in channels.items() if channel is not None},
    )


def bot_identity(client: discord.Client, guild: discord.Guild | None) -> BotIdentity | None:
    """How the bot is mentioned in a server; None before it is logged in."""
    if client.user is None:
        return None
    role = guild.self_role if guild is not None else None
    return BotIdentity(client.user.id, role.id if role is not None else None)


def _ids(mention: re.Pattern[str], text: str) -> list[int]:
    return list(dict.fromkeys(map(int, mention.findall(text))))


async def _name_of(number: int, guild: discord.Guild) -> str:
    try:
        with as_delivery_errors():
            return (await guild.fetch_member(number)).display_name
    except DeliveryError:
        return ""


def author_of(person: discord.abc.User, locale: str) -> Author:
    """A person of Discord, by the name that the others see."""
    return Author(PLATFORM, str(person.id), person.display_name, locale, _roles_of(person))


async def with_roles(author: Author, guild: discord.Guild | None) -> Author:
    """A person as they stand in a server now; Discord's word that a message is gone names no roles.

    Who left the server has none.
    """
    if guild is None:
        return author
    try:
        with as_delivery_errors():
            member = await guild.fetch_member(int(author.id))
    except DeliveryError as error:
        _log.info("Nobody tells the roles of a member: %s", error)
        return author
    return dataclasses.replace(author, roles=_roles_of(member))


def _roles_of(person: discord.abc.User) -> tuple[str, ...]:
    # A member of a server that the bot knows nothing of has none.
    if not isinstance(person, discord.Member) or getattr(person, "guild", None) is None:
        return ()
    return tuple(f"role/{role.id}" for role in person.roles if not role.is_default())


def is_by_person(message: discord.Message) -> bool:
    """Whether a person wrote it: no bot, no webhook, not Discord itself."""
    return not message.author.bot and message.webhook_id is None and message.type in _WRITTEN


def fill_in_mentions(message: discord.Message) -> None:
    """Set what discord.py leaves unset where the payload does not have it."""
    for name in ("mentions", "role_mentions"):
        if not hasattr(message, name):
            setattr(message, name, [])


def has_content(message: discord.Message) -> bool:
    """Whether there is anything to read: a text, or files."""
    return bool(message.content or message.attachments)


def addresses_bot(me: BotIdentity, message: discord.Message) -> bool:
    """Whether it is said to the bot: it mentions the bot, or is a direct message."""
    if message.guild is None:
        return True
    by_role = any(role.id == me.role_id for role in message.role_mentions)
    by_name = any(user.id == me.user_id for user in message.mentions)
    return by_role or by_name or me.mention.match(message.content) is not None
