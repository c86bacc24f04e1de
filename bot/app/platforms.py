"""Which platforms the settings ask for; each is imported only then, for an SDK costs start-up time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pydantic import SecretStr

from bot.core.services import Services
from bot.domain.ports import Platform, Translate
from bot.domain.repositories import Heartbeats
from bot.store import DatabaseEngine
from config.settings import DiscordSettings, Settings, SlackSettings, WebSettings

if TYPE_CHECKING:
    from adapters.slack.connection.credentials import Credentials
    from adapters.web import WebAdapter


class Adapter(Platform, Protocol):
    """A platform with a connection of its own."""

    def attach(self, services: Services) -> None:
        """Send what people write to `services`; before it runs."""

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises:
            ConfigurationError: a token is bad; the message says which one and where to get it.
        """


@runtime_checkable
class HasAddress(Protocol):
    """A platform that is a place of its own, with an address to tell people."""

    async def started(self) -> str:
        """Wait until it is open; returns its address."""


@runtime_checkable
class UsesDatabase(Protocol):
    """A platform that keeps something of its own in the database, such as installations."""

    def keep_in(self, engine: DatabaseEngine) -> None:
        """Keep it there; before it runs."""


@runtime_checkable
class RecordsPresence(Protocol):
    """A platform that catches up with what was written while the bot was away."""

    def remember_in(self, heartbeats: Heartbeats) -> None:
        """Keep there until when it listened; before it runs."""


@runtime_checkable
class SignsCookies(Protocol):
    """A platform that signs what it gives its visitors to keep, so that it knows them again."""

    def sign_with(self, secret: str) -> None:
        """Use this secret, unless it was given one of its own; before it runs."""


def connect(settings: Settings, translate: Translate) -> Iterator[Adapter]:
    """Make the adapter of every platform that is set up."""
    if settings.web.enabled:
        yield web(settings.web, translate)
    if settings.discord.token is not None:
        yield discord(settings.discord, translate, settings.story.max_file_characters)
    if settings.slack.wanted:
        yield slack(settings.slack, translate)


def web(settings: WebSettings, translate: Translate) -> WebAdapter:
    """The room in the browser."""
    from adapters.web import WebAdapter

    return WebAdapter(
        translate,
        host=settings.host,
        port=settings.port,
        root_path=settings.root_path,
        secret=_value(settings.secret),
    )


def discord(settings: DiscordSettings, translate: Translate, max_file_characters: int) -> Adapter:
    """Discord."""
    from adapters.discord import DiscordAdapter

    token = _value(settings.token) or ""
    return DiscordAdapter(token, translate, api_url=settings.api_url, max_file_characters=max_file_characters)


def slack(settings: SlackSettings, translate: Translate) -> Adapter:
    """Slack, by Socket Mode or HTTP. A token that is missing is told by its adapter, as a wrong one is."""
    from adapters.slack import SlackAdapter

    return SlackAdapter(
        slack_credentials(settings),
        translate,
        mode=settings.chosen_mode,
        host=settings.host,
        port=settings.port,
        api_url=settings.api_url,
    )


def slack_credentials(settings: SlackSettings) -> Credentials:
    """What the Slack app identifies itself with."""
    from adapters.slack.connection.credentials import Credentials

    def text(secret: SecretStr | None) -> str:
        return (_value(secret) or "").strip()

    return Credentials(
        text(settings.bot_token),
        text(settings.app_token),
        text(settings.signing_secret),
        (settings.client_id or "").strip(),
        text(settings.client_secret),
    )


def _value(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
