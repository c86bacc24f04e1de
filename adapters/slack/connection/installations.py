"""Installing by OAuth: tokens and states are kept in the bot's own database, in the SDK's tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC

import sqlalchemy
from slack_bolt.oauth.async_callback_options import AsyncCallbackOptions, AsyncSuccessArgs
from slack_bolt.oauth.async_callback_options import DefaultAsyncCallbackOptions as Pages
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.response import BoltResponse
from slack_sdk.oauth import OAuthStateUtils, RedirectUriPageRenderer
from slack_sdk.oauth.installation_store import Bot as InstalledBot
from slack_sdk.oauth.installation_store.sqlalchemy import AsyncSQLAlchemyInstallationStore
from slack_sdk.oauth.state_store.sqlalchemy import AsyncSQLAlchemyOAuthStateStore
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.slack.connection.bolt_app import hidden_environment, sdk_logger, web_client
from adapters.slack.connection.manifest import BOT_SCOPES, INSTALL_PATH, REDIRECT_PATH

STATE_S = 600
"""How long somebody may take to agree."""

DatabaseEngine = AsyncEngine
"""The connection pool of the bot's own database."""

OnInstalled = Callable[[str], None]
"""Is called with the team that just installed the app."""


class Installations:
    """Who installed the app, in the bot's database."""

    def __init__(
        self, client_id: str, client_secret: str, engine: DatabaseEngine, api_url: str | None
    ) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._api_url = api_url
        self._engine = engine
        logger = sdk_logger()
        self.store = AsyncSQLAlchemyInstallationStore(client_id, engine, logger=logger)
        self._states = AsyncSQLAlchemyOAuthStateStore(STATE_S, engine, logger=logger)

    async def prepare(self) -> None:
        """Make the tables, where they are not there yet."""
        await self.store.create_tables()  # type: ignore[no-untyped-call]
        await self._states.create_tables()  # type: ignore[no-untyped-call]

    async def find_bot(self, team: str) -> InstalledBot | None:
        """The bot of a team, whichever organisation that belongs to."""
        bots = self.store.bots
        rows = sqlalchemy.select(bots.c.enterprise_id).where(
            bots.c.client_id == self._client_id, bots.c.team_id == team
        )
        async with self._engine.connect() as connection:
            enterprises = (
                (await connection.execute(rows.order_by(bots.c.installed_at.desc()))).scalars().all()
            )
        if not enterprises:
            return None
        return await self.store.async_find_bot(enterprise_id=enterprises[0], team_id=team)

    async def teams(self) -> Mapping[str, float]:
        """Where the app is installed, and since when, in seconds since 1970."""
        bots = self.store.bots
        rows = sqlalchemy.select(bots.c.team_id, bots.c.installed_at).where(
            bots.c.client_id == self._client_id
        )
        async with self._engine.connect() as connection:
            found = (await connection.execute(rows.order_by(bots.c.installed_at.desc()))).all()
        # The SDK keeps it in UTC, without saying so. Installed again, it is there since the first time.
        return {team: at.replace(tzinfo=UTC).timestamp() for team, at in found if team}

    async def delete(self, bot: InstalledBot) -> None:
        """Keep nothing of its team's installation."""
        await self.store.async_delete_all(enterprise_id=bot.enterprise_id, team_id=bot.team_id)

    def oauth_flow(self, on_installed: OnInstalled) -> AsyncOAuthFlow:
        """What answers the two pages of an installation."""
        with hidden_environment():
            settings = AsyncOAuthSettings(
                client_id=self._client_id,
                client_secret=self._client_secret,
                scopes=sorted(BOT_SCOPES),
                install_path=INSTALL_PATH,
                redirect_uri_path=REDIRECT_PATH,
                installation_store=self.store,
                state_store=self._states,
                state_expiration_seconds=STATE_S,
                logger=sdk_logger(),
            )
        settings.callback_options = _callback_options(settings, on_installed)
        return AsyncOAuthFlow(client=web_client(None, self._api_url), logger=sdk_logger(), settings=settings)


def _callback_options(settings: AsyncOAuthSettings, on_installed: OnInstalled) -> AsyncCallbackOptions:
    pages = Pages(
        logger=sdk_logger(),
        state_utils=OAuthStateUtils(),
        redirect_uri_page_renderer=RedirectUriPageRenderer(
            install_path=settings.install_path, redirect_uri_path=settings.redirect_uri_path
        ),
    )

    async def success(args: AsyncSuccessArgs) -> BoltResponse:
        on_installed(str(args.installation.team_id or ""))
        return await pages.success(args)

    return AsyncCallbackOptions(success=success, failure=pages.failure)
