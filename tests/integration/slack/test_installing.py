"""Several workspaces: installing by OAuth, each with its own token and budget, and leaving again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from sqlalchemy import text

from adapters.slack import SlackAdapter
from bot.domain.chat import Room
from bot.domain.errors import ConfigurationError, Undeliverable
from bot.domain.replies import Reply, ReplyState
from bot.store import Store, open_store
from tests.integration.slack.recorded_services import RecordedServices
from tests.integration.slack.running import HastyClock, adapter_for, running
from tests.servers.slack import BOT_TOKEN, SlackServer, Tenant
from tests.servers.slack_oauth import CLIENT_ID, CLIENT_SECRET
from tests.servers.slack_payloads import event_callback
from tests.servers.slack_workspace import BOT_USER, TEAM, Channel, Person, Posted, Workspace

OTHER, OTHER_TOKEN = "T0OTHER", "xoxb-loopback-other-token"
FIRST_LINE = "昔々。"

# The SDK's own call of oauth.v2.access.
pytestmark = pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")


@pytest.fixture
def other(slack: SlackServer) -> Tenant:
    """A second workspace."""
    people = {"U7": Person("U7", "jirou", "次郎")}
    return slack.add_team(Workspace(people, {"C7": Channel("C7", "betsu")}, team=OTHER), OTHER_TOKEN)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """The bot's own database."""
    opened = await open_store(f"sqlite:///{tmp_path}/stories.db")
    yield opened
    await opened.close()


@asynccontextmanager
async def installable(
    slack: SlackServer, services: RecordedServices, store: Store, mode: str = "http", **changed: Any
) -> AsyncIterator[SlackAdapter]:
    """An adapter that workspaces install."""
    secrets = {"bot_token": "", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    adapter = adapter_for(slack, mode=mode, **(secrets | changed))
    adapter.keep_in(store.engine)
    adapter.remember_in(store.heartbeats)
    async with running(adapter, services):
        yield adapter


async def install(slack: SlackServer, adapter: SlackAdapter, team: str, token: str, **forged: str) -> int:
    """What a person does in a browser; the status of the last page."""
    base = f"http://127.0.0.1:{adapter.port}/slack"
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        async with browser.get(f"{base}/install") as page:
            link = re.search(r'<a href="([^"]+)"', await page.text())
            cookie = page.headers["Set-Cookie"].split(";")[0]
        assert link is not None
        query = parse_qs(urlsplit(link[1].replace("&amp;", "&")).query)
        assert query["client_id"] == [CLIENT_ID]
        asked = {"code": slack.oauth.agree(team, token), "state": query["state"][0]} | forged
        # The cookie is for https only; a browser on 127.0.0.1 is none.
        async with browser.get(f"{base}/oauth_redirect", params=asked, headers={"Cookie": cookie}) as page:
            return page.status


def mention(tenant: Tenant, channel: str, user: str) -> dict[str, Any]:
    """Somebody in a workspace mentions the bot."""
    ts = tenant.workspace.next_ts()
    event = {"type": "app_mention", "user": user, "text": f"<@{BOT_USER}> {FIRST_LINE}", "ts": ts}
    return event_callback(event | {"channel": channel, "event_ts": ts}, tenant.workspace.team)


async def rows(store: Store, table: str) -> int:
    """How many there are."""
    async with store.engine.connect() as connection:
        return int((await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())  # noqa: S608


@pytest.mark.parametrize("mode", ["http", "socket"])
async def test_two_workspaces_each_with_its_token(
    slack: SlackServer, services: RecordedServices, store: Store, other: Tenant, mode: str
) -> None:
    """Both install the app; each one's people are answered there, by its own token."""
    async with installable(slack, services, store, mode) as adapter:
        assert await install(slack, adapter, TEAM, BOT_TOKEN) == 200
        assert await install(slack, adapter, OTHER, OTHER_TOKEN) == 200
        deliver = slack.sender(adapter.port).deliver if mode == "http" else slack.deliver
        await deliver(mention(slack.tenant, "C1", "U1"))
        await deliver(mention(other, "C7", "U7"))
        await services.until_heard(2)
        rooms = {heard.message.author.name: heard.message.room for heard in services.heard}
        assert [room.id.split("/")[0] for room in (rooms["花子"], rooms["次郎"])] == [TEAM, OTHER]
        await adapter.post(rooms["次郎"], Reply(ReplyState.DONE, "夜。", job="j"), "j:0")
    assert [message.story for message in other.workspace.by_bot()] == ["夜。"]
    assert slack.workspace.by_bot() == []


async def test_a_restart_remembers_who_installed(
    slack: SlackServer, services: RecordedServices, store: Store, other: Tenant
) -> None:
    """The tokens are in the bot's own database; states of finished installations are not."""
    async with installable(slack, services, store) as adapter:
        await install(slack, adapter, OTHER, OTHER_TOKEN)
    async with installable(slack, services, store) as adapter:
        await slack.sender(adapter.port).deliver(mention(other, "C7", "U7"))
        await services.until_heard()
    assert await rows(store, "slack_bots") == 1
    assert await rows(store, "slack_oauth_states") == 0


@pytest.mark.parametrize(
    "leaving",
    [{"kind": "app_uninstalled"}, {"kind": "tokens_revoked", "tokens": {"oauth": [], "bot": [BOT_USER]}}],
)
async def test_leaving_cleans_up(
    slack: SlackServer, services: RecordedServices, store: Store, other: Tenant, leaving: dict[str, Any]
) -> None:
    """Uninstalled or revoked: nothing is kept of that workspace, and the other one goes on."""
    async with installable(slack, services, store) as adapter:
        await install(slack, adapter, TEAM, BOT_TOKEN)
        await install(slack, adapter, OTHER, OTHER_TOKEN)
        door = slack.sender(adapter.port)
        await door.deliver(mention(other, "C7", "U7"))
        await services.until_heard()
        more = {name: value for name, value in leaving.items() if name != "kind"}
        await door.deliver(slack.event(str(leaving["kind"]), OTHER, **more))
        await door.deliver(mention(slack.tenant, "C1", "U1"))
        await services.until_heard(2)
    assert await rows(store, "slack_bots") == 1
    assert await rows(store, "slack_installations") == 1
    with pytest.raises(Undeliverable):
        await adapter.post(Room("slack", f"{OTHER}/C7/1.0"), Reply(ReplyState.DONE, "夜。"), "k")


async def test_each_workspace_catches_up_with_its_own(
    slack: SlackServer, services: RecordedServices, store: Store, other: Tenant
) -> None:
    """By its own token; one that was installed again meanwhile, as by a first start, with nothing."""
    third = slack.add_team(Workspace(dict(other.workspace.people), {}, team="T0THIRD"), "xoxb-third")
    third.workspace.channels["C9"] = Channel("C9", "daisan")
    async with installable(slack, services, store, clock=HastyClock()) as adapter:
        await install(slack, adapter, TEAM, BOT_TOKEN)
        await install(slack, adapter, OTHER, OTHER_TOKEN)
        await install(slack, adapter, "T0THIRD", "xoxb-third")
        await _beaten(store, 3)
        await slack.sender(adapter.port).deliver(slack.event("app_uninstalled", "T0THIRD"))
    asked = f"<@{BOT_USER}> {FIRST_LINE}"
    for tenant, channel, user in ((slack.tenant, "C1", "U1"), (other, "C7", "U7"), (third, "C9", "U7")):
        tenant.workspace.add(Posted(channel, tenant.workspace.next_ts(), user, asked))
    async with installable(slack, services, store, clock=HastyClock()) as adapter:
        await services.until_heard(2)
        await install(slack, adapter, "T0THIRD", "xoxb-third")
    async with installable(slack, services, store, clock=HastyClock()):
        await slack.until(lambda: [call for call in slack.calls if call.team == "T0THIRD"])
    rooms = [each.message.room.id.split("/")[:2] for each in services.heard]
    assert sorted(rooms) == sorted([[OTHER, "C7"], [TEAM, "C1"]])


async def _beaten(store: Store, teams: int) -> None:
    async with asyncio.timeout(10):
        while len(await store.heartbeats.listened_until("slack")) < teams:
            await asyncio.sleep(0.01)


async def test_a_persons_own_token_is_none_of_ours(
    slack: SlackServer, services: RecordedServices, store: Store, other: Tenant
) -> None:
    """Only the bot's token counts."""
    async with installable(slack, services, store) as adapter:
        await install(slack, adapter, OTHER, OTHER_TOKEN)
        event = slack.event("tokens_revoked", OTHER, tokens={"oauth": ["U7"]})
        await slack.sender(adapter.port).deliver(event)
        await slack.sender(adapter.port).deliver(mention(other, "C7", "U7"))
        await services.until_heard()


async def test_a_forged_return_installs_nothing(
    slack: SlackServer, services: RecordedServices, store: Store, other: Tenant
) -> None:
    """A state that nobody was given, or a code that Slack does not know."""
    async with installable(slack, services, store) as adapter:
        assert await install(slack, adapter, OTHER, OTHER_TOKEN, state="forged") == 400
        assert await install(slack, adapter, OTHER, OTHER_TOKEN, code="forged") == 401
    assert await rows(store, "slack_bots") == 0


async def test_a_workspace_without_the_app_is_not_answered(
    slack: SlackServer, services: RecordedServices, store: Store, other: Tenant
) -> None:
    """Slack would not send anything; whoever does is ignored."""
    async with installable(slack, services, store) as adapter:
        await install(slack, adapter, TEAM, BOT_TOKEN)
        await slack.sender(adapter.port).deliver(mention(other, "C7", "U7"))
        await slack.sender(adapter.port).deliver(mention(slack.tenant, "C1", "U1"))
        await services.until_heard()
    assert [heard.message.author.id for heard in services.heard] == ["U1"]


async def test_a_missing_client_secret_is_named(
    slack: SlackServer, services: RecordedServices, store: Store
) -> None:
    """Before anything is connected."""
    with pytest.raises(ConfigurationError, match="SLACK_CLIENT_SECRET is missing"):
        async with installable(slack, services, store, client_secret=""):
            pass
