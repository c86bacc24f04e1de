"""From what a browser sends to the values of the house."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from urllib.parse import unquote

from bot.domain.chat import Author, Message, Room
from bot.domain.jobs import MAX_CANDIDATES, GenerationOptions, Length
from bot.domain.story import Lore, Notes

PLATFORM = "web"
NAME_COOKIE = "tsuzuki_name"
MAX_NAME_CHARACTERS = 30

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_SLUG_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without those that look alike when read aloud or copied
_SLUG_LENGTH = 10
_EVENT_ID = re.compile(r"[0-9a-fA-F-]{8,64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069]+")


class BadRequest(ValueError):
    """A browser sent what our own page never sends."""


def new_slug() -> str:
    """An address for a new room that nobody guesses by counting."""
    return "".join(secrets.choice(_SLUG_LETTERS) for _ in range(_SLUG_LENGTH))


def is_slug(slug: str) -> bool:
    """Whether `slug` can be a room's address."""
    return _SLUG.fullmatch(slug) is not None


def clean_line(text: str, limit: int) -> str:
    """One visible line of at most `limit` characters: for names and titles, never for story text."""
    return _CONTROL.sub(" ", text).strip()[:limit].strip()


def name_from_cookies(cookies: Mapping[str, str]) -> str:
    """The name this browser gave before, or an empty string."""
    return clean_line(unquote(cookies.get(NAME_COOKIE, "")), MAX_NAME_CHARACTERS)


def locale_of(accept_language: str) -> str:
    """`ja` or `en`, whichever the browser prefers; English for people who read neither."""
    best = ("en", 0.0)
    for item in accept_language.split(","):
        tag, _, parameters = item.strip().partition(";")
        language = tag.partition("-")[0].strip().lower()
        weight = _weight(parameters)
        if language in {"ja", "en"} and weight > best[1]:
            best = (language, weight)
    return best[0]


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def room_of(slug: str) -> Room:
    """The room at an address."""
    return Room(PLATFORM, slug)


def author_of(session_id: str, name: str, locale: str) -> Author:
    """A person at a browser."""
    return Author(PLATFORM, session_id, name, locale)


def message_of(payload: Mapping[str, object], room: Room, author: Author) -> Message:
    """The message in a composer's `send` event.

    Raises:
        BadRequest: a field is missing or is of another kind.
    """
    event_id = _string(payload, "event_id")
    if not _EVENT_ID.fullmatch(event_id):
        raise BadRequest("event_id")
    after = _string(payload, "after") or None
    return Message(event_id, room, author, text_of(payload), title_of(payload), after)


def name_of(payload: Mapping[str, object]) -> str:
    """The person's name in an event."""
    return clean_line(_string(payload, "name"), MAX_NAME_CHARACTERS)


def generation_options_of(payload: Mapping[str, object]) -> GenerationOptions | None:
    """What the person wants of the model, None where they only write. What is empty is left to the room.

    Raises:
        BadRequest: see `message_of`; an unknown preset is refused by the services, with a sentence.
    """
    options = payload.get("ask")
    if options is None:
        return None
    if not isinstance(options, dict):
        raise BadRequest("ask")
    candidates = options.get("candidates", 0)
    if not isinstance(candidates, int) or not 0 <= candidates <= MAX_CANDIDATES:
        raise BadRequest("candidates")
    length = _string(options, "length")
    try:
        wanted = Length(length) if length else 0
    except ValueError as error:
        raise BadRequest("length") from error
    return GenerationOptions(
        wanted, _string(options, "preset"), candidates, scores=options.get("scores") is True
    )


def passage_of(payload: Mapping[str, object]) -> str:
    """The id of the passage that an event is about. Raises BadRequest."""
    return _string(payload, "passage")


def text_of(payload: Mapping[str, object], name: str = "text") -> str:
    """A text in an event, with plain line ends. Raises BadRequest."""
    return _string(payload, name).replace("\r\n", "\n")


def title_of(payload: Mapping[str, object]) -> str:
    """A story's title in an event, as long as it is: how long it may be, the rules say. Raises BadRequest."""
    return _CONTROL.sub(" ", _string(payload, "title")).strip()


def notes_of(payload: Mapping[str, object]) -> Notes:
    """Memory, author's note and lore as the notebook sends them. Raises BadRequest."""
    lore = payload.get("lore", [])
    if not isinstance(lore, list):
        raise BadRequest("lore")
    entries = [_lore(each) for each in lore if isinstance(each, dict)]
    kept = tuple(entry for entry in entries if entry.text.strip() or entry.keywords)
    return Notes(text_of(payload, "memory"), text_of(payload, "note"), kept)


def _lore(entry: Mapping[str, object]) -> Lore:
    priority = entry.get("priority", 0)
    if not isinstance(priority, int):
        raise BadRequest("priority")
    keywords = re.split("[,、，\n]+", _string(entry, "keywords"))
    return Lore(tuple(word.strip() for word in keywords if word.strip()), text_of(entry), priority)


def _string(payload: Mapping[str, object], name: str) -> str:
    value = payload.get(name, "")
    if not isinstance(value, str):
        raise BadRequest(name)
    return value
