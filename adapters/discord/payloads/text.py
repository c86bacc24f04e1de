"""From what Discord sends to what the story hears: plain values in, plain values out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

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


@dataclass(frozen=True, slots=True)
class Names:
    """What the ids in a message's mentions are called."""

    users: Mapping[int, str] = field(default_factory=dict)
    roles: Mapping[int, str] = field(default_factory=dict)
    channels: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Self:
    """How the bot is mentioned: by its account, or by the role that Discord gave it."""

    user_id: int
    role_id: int | None = None

    @property
    def mention(self) -> re.Pattern[str]:
        """Any mention of the bot."""
        ids = rf"@!?{self.user_id}" if self.role_id is None else rf"@!?{self.user_id}|@&{self.role_id}"
        return re.compile(rf"<(?:{ids})>")


def story_text(content: str, me: Self, names: Names) -> str:
    """What a person wrote: without the bot's mention, other mentions by name, the rest as it was."""
    return _TOKEN.sub(lambda token: _named(token, names), without_mention(content, me))


def without_mention(content: str, me: Self) -> str:
    """Take the bot's mentions away, each with the one space or line break that set it apart.

    Only ASCII spaces and line breaks separate a mention; 「　」 belongs to the story.
    """
    mention = me.mention.pattern
    text = re.sub(rf"\A(?:[ \n]*{mention}[ \n]?)+", "", content)
    text = re.sub(rf"(?:[ \n]?{mention}[ \n]*)+\Z", "", text)
    text = re.sub(rf"(?<=[ \n]){mention}[ \n]", "", text)
    return re.sub(mention, "", text)


def _named(token: re.Match[str], names: Names) -> str:
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


def chosen_locale(preferred: str, features: list[str]) -> str | None:
    """The language that a server chose.

    One that is not a community cannot choose; Discord then says `en-US`, which means nothing.
    """
    return known_locale(preferred) if COMMUNITY in features or preferred != "en-US" else None


def known_locale(locale: str) -> str:
    """`ja` or `en` for one of Discord's locales."""
    return "ja" if locale == "ja" else "en"
