"""Who someone is: display name and language, kept for a while."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog
from cachetools import FIFOCache

from adapters.slack.payloads.events import PLATFORM
from adapters.slack.web_api.client import WebApi
from bot.aio.clock import Clock
from bot.core.permissions import UNKNOWN_ROLES
from bot.domain.chat import Author
from bot.domain.errors import DeliveryError

CACHED_S = 3_600.0
_MAX_PEOPLE = 5_000
ADMIN, GUEST = "role/admin", "role/guest"
ROLES = {
    ADMIN: ("is_admin", "is_owner", "is_primary_owner"),
    GUEST: ("is_restricted", "is_ultra_restricted"),
}
"""What rules may name besides a person, and what Slack calls it."""

_log = structlog.get_logger(__name__)


class UserDirectory:
    """Looks people up with `users.info`.

    Nobody's story waits for a name that cannot be had. What somebody may, where it depends on roles, nobody
    knows then.
    """

    def __init__(self, api: WebApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._cached: FIFOCache[str, tuple[float, Author]] = FIFOCache(_MAX_PEOPLE)

    async def author(self, user_id: str, name: str = "") -> Author:
        """The person with this id; `name` (or the id) stands in where Slack does not say."""
        kept = self._cached.get(user_id)
        if kept and self._clock.now() - kept[0] < CACHED_S:
            return kept[1]
        try:
            user = await self._api.user(user_id)
        except DeliveryError as error:
            _log.warning("No name for a person: %s", error)
            return kept[1] if kept else Author(PLATFORM, user_id, name or user_id, roles=(UNKNOWN_ROLES,))
        author = Author(PLATFORM, user_id, _name(user) or name or user_id, _locale(user), _roles(user))
        self._cached[user_id] = (self._clock.now(), author)
        return author

    async def names(self, user_ids: Iterable[str]) -> dict[str, str]:
        """Display names by id."""
        return {user_id: (await self.author(user_id)).name for user_id in user_ids}


def _name(user: Any) -> str:
    profile = user.get("profile") or {}
    names = (profile.get("display_name"), profile.get("real_name"), user.get("real_name"), user.get("name"))
    return next((str(name).strip() for name in names if name and str(name).strip()), "")


def _locale(user: Any) -> str:
    locale = str(user.get("locale") or "ja")
    return "ja" if locale.startswith("ja") else "en"


def _roles(user: Any) -> tuple[str, ...]:
    return tuple(role for role, flags in ROLES.items() if any(user.get(flag) for flag in flags))
