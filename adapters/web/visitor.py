"""The person at one open page."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from fastapi import Request

from adapters.web import payloads
from bot.domain.chat import MODEL, Author
from bot.domain.errors import UserError

_PATH = re.compile(r"(?:/[\w.~%-]+)+", re.ASCII)


class NoName(UserError):
    """Whoever changes a story tells their name first."""

    key = "web.name_first"


class NoNameForText(UserError):
    """Whoever writes tells their name first; what they wrote is still in the box."""

    key = "web.no_name"


class NameTaken(UserError):
    """The storyteller's own name. Value: `name`."""

    key = "web.name_taken"


@dataclass(slots=True)
class Visitor:
    """Who looks: known by the signed session cookie, named as they like.

    `path`: what their browser has in front of the room's addresses, behind a proxy (`/room`, or nothing).
    """

    id: str
    name: str
    locale: str
    path: str = ""

    @property
    def author(self) -> Author:
        """How the stories know them."""
        return payloads.author_of(self.id, self.name, self.locale)

    def require_name(self, *, written: bool = False) -> None:
        """Raises NoName where the person has told none, NoNameForText where they have `written` something."""
        if not self.name:
            raise NoNameForText if written else NoName

    def rename(self, payload: Mapping[str, object]) -> bool:
        """Take the name in an event, if there is one; whether it is a new one.

        Raises:
            NameTaken: nobody may be taken for the storyteller.
        """
        name = payloads.name_of(payload)
        if is_model_name(name):
            raise NameTaken(name=name)
        changed = bool(name) and name != self.name
        if changed:
            self.name = name
        return changed


def is_model_name(name: str) -> bool:
    """Whether a name reads like the storyteller's."""
    return unicodedata.normalize("NFKC", name).strip() == MODEL.name


def visitor_of(request: Request) -> Visitor:
    """Who asks for a page."""
    identity = request.session.setdefault("id", uuid4().hex)
    locale = payloads.locale_of(request.headers.get("accept-language", ""))
    name = payloads.name_from_cookies(request.cookies)
    return Visitor(identity, "" if is_model_name(name) else name, locale, path_of(request))


def path_of(request: Request) -> str:
    """Under which path the room is seen: the proxy's word, and what it was started with."""
    forwarded = request.headers.get("x-forwarded-prefix", "").rstrip("/")
    prefix = forwarded if _PATH.fullmatch(forwarded) else ""
    return prefix + str(request.scope.get("root_path", "")).rstrip("/")
