"""Which platforms the settings ask for; each is imported only then, for an SDK costs start-up time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.shared.ports import Adapter, Play
from bot.domain.ports import Heartbeats, Translate
from config.settings import DiscordSettings, Settings, SlackSettings, WebSettings

if TYPE_CHECKING:
    from adapters.web import WebAdapter


class Connectable(Adapter, Protocol):
    """An adapter before it runs: it is given the rules, once there are any."""

    def attach(self, play: Play) -> None:
        """Send what people write to `play`."""
        ...


@runtime_checkable
class Opening(Protocol):
    """A platform that is a place of its own, with an address to tell people."""

    async def started(self) -> str:
        """Wait until it is open; returns its address."""
        ...


@runtime_checkable
class Keeping(Protocol):
    """A platform that keeps something of its own in the database, such as installations."""

    def keep_in(self, engine: AsyncEngine) -> None:
        """Keep it there; before it runs."""
        ...


@runtime_checkable
class CatchingUp(Protocol):
    """A platform that catches up with what was written while the bot was away."""

    def remember_in(self, heartbeats: Heartbeats) -> None:
        """Keep there until when it listened; before it runs."""
        ...


@runtime_checkable
class Signing(Protocol):
    """A platform that signs what it gives its visitors to keep, so that it knows them again."""

    def sign_with(self, secret: str) -> None:
        """Use this secret, unless it was given one of its own; before it runs."""
        ...


def connect(settings: Settings, say: Translate) -> Iterator[Connectable]:
    """Make the adapter of every platform that is set up."""
    if settings.web.enabled:
        yield web(settings.web, say)
    if settings.discord.token is not None:
        yield discord(settings.discord, say, settings.story.max_file_characters)
    if settings.slack.wanted:
        yield slack(settings.slack, say)


def web(settings: WebSettings, say: Translate) -> WebAdapter:
    """The room in the browser."""
    from adapters.web import WebAdapter

    return WebAdapter(
        say,
        host=settings.host,
        port=settings.port,
        root_path=settings.root_path,
        secret=_value(settings.secret),
    )


def discord(settings: DiscordSettings, say: Translate, max_file_characters: int) -> Connectable:
    """Discord."""
    from adapters.discord import DiscordAdapter

    token = _value(settings.token) or ""
    return DiscordAdapter(token, say, api_url=settings.api_url, max_file_characters=max_file_characters)


def slack(settings: SlackSettings, say: Translate) -> Connectable:
    """Slack, by Socket Mode or HTTP. A token that is missing is told by its adapter, as a wrong one is."""
    from adapters.slack import SlackAdapter

    return SlackAdapter(
        _value(settings.bot_token) or "",
        say,
        app_token=_value(settings.app_token),
        signing_secret=_value(settings.signing_secret),
        client_id=settings.client_id,
        client_secret=_value(settings.client_secret),
        mode=settings.chosen_mode,
        host=settings.host,
        port=settings.port,
        api_url=settings.api_url,
    )


def _value(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
