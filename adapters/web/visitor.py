"""The person at one open page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from fastapi import Request

from adapters.web import translate
from bot.errors import UserError
from bot.messages import Author


class NoName(UserError):
    """Whoever changes a story tells their name first."""

    key = "web.no_name"


@dataclass(slots=True)
class Visitor:
    """Who looks: known by the signed session cookie, named as they like."""

    id: str
    name: str
    locale: str

    @property
    def author(self) -> Author:
        """How the stories know them."""
        return translate.author_of(self.id, self.name, self.locale)

    def require_name(self) -> None:
        """Raises NoName where the person has told none."""
        if not self.name:
            raise NoName

    def rename(self, payload: Mapping[str, object]) -> bool:
        """Take the name in an event, if there is one; whether it is a new one."""
        name = translate.name_of(payload)
        changed = bool(name) and name != self.name
        if changed:
            self.name = name
        return changed


def visitor_of(request: Request) -> Visitor:
    """Who asks for a page."""
    identity = request.session.setdefault("id", uuid4().hex)
    locale = translate.locale_of(request.headers.get("accept-language", ""))
    return Visitor(identity, translate.name_from_cookies(request.cookies), locale)
