"""Which workspace a payload or a room belongs to: one by its token, or several by OAuth."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

from slack_sdk.oauth.installation_store import Bot as InstalledBot

from adapters.slack.payloads.events import Bot
from adapters.slack.workspace import Workspace
from bot.domain.errors import Undeliverable

_log = logging.getLogger(__name__)

Build = Callable[[str, Bot], Workspace]
"""A workspace for a bot token."""


class Workspaces(Protocol):
    """The workspaces that the app is installed in."""

    async def of(self, team: str) -> Workspace:
        """The workspace of a team. Raises Undeliverable where the app is not installed."""
        ...

    async def forget(self, team: str) -> None:
        """The app was taken out of a team, or its token revoked."""
        ...

    def known(self) -> Iterable[Workspace]:
        """Those that have been used."""
        ...

    @property
    def teams(self) -> Collection[str]:
        """The teams that there are, as far as known."""
        ...

    async def joined(self) -> Mapping[str, float]:
        """The teams that there are, and since when at the latest, in seconds since 1970."""
        ...


class OneWorkspace:
    """The workspace of a bot token."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    async def of(self, team: str) -> Workspace:
        """That one, whatever stands in front of Slack calls it."""
        del team
        return self.workspace

    async def forget(self, team: str) -> None:
        """Nothing is kept that could go; the token needs to be replaced."""
        _log.error("Slack took the app out of workspace %s: install it again and set SLACK_BOT_TOKEN", team)

    def known(self) -> Iterable[Workspace]:
        """That one."""
        return (self.workspace,)

    @property
    def teams(self) -> Collection[str]:
        """That one's, where Slack names it."""
        return [team] if (team := self.workspace.bot.team_id) else []

    async def joined(self) -> Mapping[str, float]:
        """That one's; since when it is there is not told."""
        return dict.fromkeys(self.teams, 0.0)


class FindsBots(Protocol):
    """Where installations are kept."""

    async def bot_of(self, team: str) -> InstalledBot | None:
        """The bot of a team, if the app is installed there."""
        ...

    async def delete(self, bot: InstalledBot) -> None:
        """Keep nothing of its team's installation."""
        ...

    async def teams(self) -> Mapping[str, float]:
        """Where the app is installed, and since when, in seconds since 1970."""
        ...


class InstalledWorkspaces:
    """Every workspace whose people installed the app."""

    def __init__(self, installations: FindsBots, build: Build) -> None:
        self._installations = installations
        self._build = build
        self._open: dict[str, Workspace] = {}
        self._teams: set[str] = set()
        self._lock = asyncio.Lock()

    async def of(self, team: str) -> Workspace:
        """The workspace of a team. Raises Undeliverable where the app is not installed."""
        async with self._lock:
            if team not in self._open:
                bot = await self._installations.bot_of(team)
                if bot is None:
                    raise Undeliverable(f"the app is not installed in workspace {team}")
                who = Bot(team, bot.bot_user_id, bot.bot_id)
                self._open[team] = self._build(bot.bot_token, who)
                self._teams.add(team)
            return self._open[team]

    async def forget(self, team: str) -> None:
        """Delete what is kept of a team's installation."""
        async with self._lock:
            self._open.pop(team, None)
            self._teams.discard(team)
            bot = await self._installations.bot_of(team)
            if bot is not None:
                await self._installations.delete(bot)
                _log.info("The Slack app was taken out of workspace %s", team)

    def renewed(self, team: str) -> None:
        """The app was installed again: another token holds."""
        self._open.pop(team, None)
        self._teams.add(team)

    def known(self) -> Iterable[Workspace]:
        """Those that have been used."""
        return tuple(self._open.values())

    @property
    def teams(self) -> Collection[str]:
        """Where the app is installed, as far as known."""
        return self._teams

    async def joined(self) -> Mapping[str, float]:
        """Where the app is installed, and since when."""
        found = await self._installations.teams()
        self._teams.update(found)
        return found
