"""The app's home tab: how to start, settings, and one's own stories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from adapters.shared.error_boundary import Failure, error_boundary
from adapters.slack.connection.manifest import COMMAND
from adapters.slack.delivery.render import ACTION_PREFIX
from adapters.slack.listeners.settings_view import SettingsView
from adapters.slack.listeners.story_actions import StoryExporter
from adapters.slack.payloads.events import PLATFORM, SlackThread, team_of
from adapters.slack.payloads.views import View, actions_block, button, header, section
from adapters.slack.web_api.users import ADMIN
from adapters.slack.workspaces import Workspace
from bot.core.services import Services
from bot.domain.chat import Author
from bot.domain.errors import DeliveryError
from bot.domain.ports import Translate
from bot.domain.story import Story

HOME_ACTION_PREFIX = f"{ACTION_PREFIX}home_"
MAX_STORIES = 10
"""Shown of one's own."""
_DIRECT = "D"
"""What ids of direct messages begin with. Whoever wrote in the bot's is the one whom they belong to."""

_log = structlog.get_logger(__name__)


class AppHomeListener:
    """Draws the home tab, and follows its buttons."""

    def __init__(
        self, services: Services, exporter: StoryExporter, settings: SettingsView, translate: Translate
    ) -> None:
        self._services = services
        self._exporter = exporter
        self._settings = settings
        self._translate = translate

    async def on_opened(self, workspace: Workspace, body: Mapping[str, Any]) -> None:
        """Somebody looks at it."""
        event = body.get("event") or {}
        if event.get("tab") not in {None, "home"}:
            return
        author = await workspace.users.author(str(event["user"]))
        await self._publish(workspace, author, team_of(body, workspace.bot))

    async def on_action(self, workspace: Workspace, body: Mapping[str, Any]) -> None:
        """One of its buttons, acknowledged."""
        action = body["actions"][0]
        author = await workspace.users.author(str(body["user"]["id"]))
        team, name = team_of(body, workspace.bot), str(action["action_id"]).removeprefix(HOME_ACTION_PREFIX)

        async def tell(failure: Failure) -> None:
            # In their own channel: a home tab has no place for a sentence.
            thread = SlackThread(team, await workspace.api.direct_channel(author.id))
            click = f"home:{body['trigger_id']}"
            await workspace.notices.post_once(thread, click, failure.key, author, **failure.values)

        what_failed = "A button of the home tab could not be followed"
        async with error_boundary(what_failed, tell, trouble="slack.failed", later="slack.later"):
            if name == "settings":
                thread = SlackThread(team, await workspace.api.direct_channel(author.id))
                await self._settings.open(workspace, thread, author, str(body["trigger_id"]))
            elif name == "settings_team" and ADMIN in author.roles:
                thread, scope = SlackThread(team, "-"), f"team/{team}"
                await self._settings.open(workspace, thread, author, str(body["trigger_id"]), scope)
            elif name == "export":
                await self._export(workspace, author, team, str(action["value"]))

    async def _export(self, workspace: Workspace, author: Author, team: str, story_id: str) -> None:
        # Only one's own: the id comes back from the person's side.
        mine = {story.id: story for story in await self._own_stories(workspace, author, team)}
        if story_id in mine:
            thread = SlackThread(team, await workspace.api.direct_channel(author.id))
            await self._exporter.export_story(workspace, mine[story_id], thread)

    async def _publish(self, workspace: Workspace, author: Author, team: str) -> None:
        links = {}
        stories = (await self._own_stories(workspace, author, team))[:MAX_STORIES]
        for story in stories:
            thread = SlackThread.of(story.room)
            try:
                links[story.id] = await workspace.api.permalink(thread.channel, thread.thread_ts)
            except DeliveryError:
                links[story.id] = ""
        await workspace.api.publish_home(author.id, home_view(author, stories, links, self._translate))

    async def _own_stories(self, workspace: Workspace, author: Author, team: str) -> Sequence[Story]:
        """The stories that a person wrote in, where they may still read."""
        stories = await self._services.stories.find(PLATFORM, author=author)
        found = [(story, SlackThread.of(story.room)) for story in stories]
        # Asked each time: who left a private channel may not read there a moment later.
        channels = await _channels_of(workspace, author) if found else frozenset()
        return [
            story for story, thread in found if thread.team == team and _is_open(thread.channel, channels)
        ]


async def _channels_of(workspace: Workspace, author: Author) -> frozenset[str]:
    try:
        return await workspace.api.channels_of(author.id)
    except DeliveryError as error:
        _log.warning(
            "Nobody tells which channels a person is in, their stories there are not shown: %s", error
        )
        return frozenset()


def _is_open(channel: str, channels: frozenset[str]) -> bool:
    return channel in channels or channel.startswith(_DIRECT)


def home_view(
    author: Author, stories: Sequence[Story], links: Mapping[str, str], translate: Translate
) -> View:
    """The home tab of a person."""

    def sentence(name: str, **values: object) -> str:
        return translate(f"slack.home.{name}", author.locale, **values)

    buttons = [button(f"{HOME_ACTION_PREFIX}settings", sentence("settings"))]
    if ADMIN in author.roles:
        buttons.append(button(f"{HOME_ACTION_PREFIX}settings_team", sentence("settings_team")))
    blocks = [
        header(sentence("start")),
        section(sentence("how", command=COMMAND)),
        actions_block(*buttons),
        {"type": "divider"},
        header(sentence("stories")),
        *([] if stories else [section(sentence("none"))]),
    ]
    for story in stories:
        blocks += _story(story, links.get(story.id, ""), sentence)
    return {"type": "home", "blocks": blocks}


def _story(story: Story, link: str, sentence: Any) -> list[View]:
    title = story.title or sentence("untitled")
    opened = [button(f"{HOME_ACTION_PREFIX}open", sentence("open"), story.id, link)] if link else []
    return [
        section(title),
        actions_block(*opened, button(f"{HOME_ACTION_PREFIX}export", sentence("export"), story.id)),
    ]
