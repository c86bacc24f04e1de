"""What belongs to a workspace, and which one a payload or a room belongs to: by its token, or by OAuth."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import structlog
from cachetools import FIFOCache
from slack_sdk.web.async_client import AsyncWebClient

from adapters.shared.error_boundary import Failure
from adapters.slack.connection.installations import Installations
from adapters.slack.delivery.notices import Notices
from adapters.slack.delivery.posts import IdempotentPosts
from adapters.slack.delivery.replies import Replies
from adapters.slack.delivery.streams import Streams
from adapters.slack.payloads.events import BotUser, SlackThread
from adapters.slack.web_api.client import WebApi
from adapters.slack.web_api.file_reader import FileReader
from adapters.slack.web_api.rate_limits import MethodRateLimits
from adapters.slack.web_api.users import UserDirectory
from bot.aio.clock import Clock
from bot.domain.chat import Author, Room
from bot.domain.errors import Undeliverable
from bot.domain.ports import Translate

_MAX_RECIPIENTS = 5_000

_log = structlog.get_logger(__name__)


class Workspace:
    """The parts of one workspace. `bot` is who we are there, as soon as that is known.

    `recipients`: who asked last in each room, by its id, as far as this process knows.
    """

    def __init__(
        self, client: AsyncWebClient, translate: Translate, clock: Clock, bot: BotUser | None = None
    ) -> None:
        self.client = client
        self.bot = bot or BotUser("", "", "")
        self.api = WebApi(client, MethodRateLimits(clock))
        self.users = UserDirectory(self.api, clock)
        self.files = FileReader(self.api, client, clock)
        self.recipients: FIFOCache[str, Author] = FIFOCache(_MAX_RECIPIENTS)
        self.posts = IdempotentPosts(self.api)
        self.streams = Streams(self.api, clock)
        self.replies = Replies(self.api, self.posts, self.streams, self.recipients, translate, clock)
        self.notices = Notices(self.api, self.posts, translate, clock)


@dataclass(frozen=True, slots=True)
class ThreadContext:
    """A thread of a workspace, and who does something in it."""

    workspace: Workspace
    thread: SlackThread
    author: Author

    @property
    def room(self) -> Room:
        """The thread as a Room."""
        return self.thread.room

    def record_recipient(self) -> None:
        """They ask for a reply, and it streams to them."""
        self.workspace.recipients[self.room.id] = self.author

    async def notify(self, key: str, **values: object) -> None:
        """Say it to them only, where they are."""
        await self.workspace.notices.send_ephemeral(self.thread, self.author, key, **values)

    async def tell(self, failure: Failure) -> None:
        """Tell them what failed."""
        await self.notify(failure.key, **failure.values)


Build = Callable[[str, BotUser], Workspace]
"""A workspace for a bot token."""


class OneWorkspace:
    """The workspace of a bot token."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    async def get(self, team: str) -> Workspace:
        """That one, whatever stands in front of Slack calls it."""
        del team
        return self.workspace

    async def forget(self, team: str) -> None:
        """Nothing is kept that could go; the token needs to be replaced."""
        _log.error("Slack took the app out of workspace %s: install it again and set SLACK_BOT_TOKEN", team)

    def opened(self) -> Iterable[Workspace]:
        """That one."""
        return (self.workspace,)

    @property
    def teams(self) -> Collection[str]:
        """That one's, where Slack names it."""
        return [team] if (team := self.workspace.bot.team_id) else []

    async def installed_since(self) -> Mapping[str, float]:
        """That one's; since when it is there is not known."""
        return dict.fromkeys(self.teams, 0.0)


class InstalledWorkspaces:
    """Every workspace whose people installed the app."""

    def __init__(self, installations: Installations, build: Build) -> None:
        self._installations = installations
        self._build = build
        self._open: dict[str, Workspace] = {}
        self._teams: set[str] = set()
        self._lock = asyncio.Lock()

    async def get(self, team: str) -> Workspace:
        """The workspace of a team. Raises Undeliverable where the app is not installed."""
        async with self._lock:
            if team not in self._open:
                bot = await self._installations.find_bot(team)
                if bot is None:
                    raise Undeliverable(f"the app is not installed in workspace {team}")
                who = BotUser(team, bot.bot_user_id, bot.bot_id)
                self._open[team] = self._build(bot.bot_token, who)
                self._teams.add(team)
            return self._open[team]

    async def forget(self, team: str) -> None:
        """Delete what is kept of a team's installation."""
        async with self._lock:
            self._open.pop(team, None)
            self._teams.discard(team)
            bot = await self._installations.find_bot(team)
            if bot is not None:
                await self._installations.delete(bot)
                _log.info("The Slack app was taken out of workspace %s", team)

    def on_installed(self, team: str) -> None:
        """The app was installed again: another token holds."""
        self._open.pop(team, None)
        self._teams.add(team)

    def opened(self) -> Iterable[Workspace]:
        """Those that have been used."""
        return tuple(self._open.values())

    @property
    def teams(self) -> Collection[str]:
        """Where the app is installed, as far as known."""
        return self._teams

    async def installed_since(self) -> Mapping[str, float]:
        """Where the app is installed, and since when."""
        found = await self._installations.teams()
        self._teams.update(found)
        return found


Workspaces = OneWorkspace | InstalledWorkspaces
"""The workspaces that the app is installed in."""
