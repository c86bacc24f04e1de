"""`tsuzuki doctor slack`: what is looked at, and what to click."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from adapters.shared.diagnostics import Finding, State
from adapters.slack.connection.credentials import Credentials
from adapters.slack.doctor import SlackCheckup
from tests import ROOT
from tests.servers.slack import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, SlackServer
from tests.servers.slack_faults import Tier
from tests.servers.slack_oauth import CONFIG_TOKEN

MANIFEST = ROOT / "config" / "slack-manifest.yaml"
GOOD = {"bot_token": BOT_TOKEN, "app_token": APP_TOKEN, "signing_secret": SIGNING_SECRET}


async def looked(
    slack: SlackServer, mode: str = "socket", config: str = "", **changed: str
) -> dict[str, Finding]:
    """What the doctor found, by subject."""
    checkup = SlackCheckup(Credentials(**(GOOD | changed)), mode, config, slack.api_url)
    return {finding.subject: finding for finding in await checkup.examine()}


@pytest.fixture
def settings(slack: SlackServer) -> Any:
    """The app's settings at Slack, as our manifest makes them."""
    slack.oauth.manifest = yaml.safe_load(MANIFEST.read_text("utf-8"))
    return slack.oauth.manifest


async def test_everything_is_fine(slack: SlackServer, settings: Any) -> None:
    """Tokens, scopes, socket, events."""
    found = await looked(slack, config=CONFIG_TOKEN)
    assert {name: finding.state for name, finding in found.items()} == dict.fromkeys(
        ["SLACK_BOT_TOKEN", "scopes", "reading", "SLACK_APP_TOKEN", "events"], State.FINE
    )


async def test_how_fast_it_may_read(slack: SlackServer) -> None:
    """What it misses while it is away is read afterwards: some apps read one thread a minute."""
    assert (await looked(slack))["reading"].key == "doctor.slack.reading"
    slack.rates.tiers["conversations.history"] = Tier(1, 60.0)
    finding = (await looked(slack))["reading"]
    assert (finding.state, finding.key) == (State.MISSING, "doctor.slack.reading_little")
    assert finding.values == {"messages": 15}


@pytest.mark.parametrize("lacking", ["nothing", "channels:read", "channels:history"])
async def test_how_fast_it_may_read_cannot_be_seen(slack: SlackServer, lacking: str) -> None:
    """In no channel, or without the scopes to look."""
    slack.scopes.discard(lacking)
    for channel in slack.workspace.channels.values():
        channel.has_bot = channel.has_bot and lacking != "nothing"
    assert (await looked(slack))["reading"].key == "doctor.slack.reading_unseen"


@pytest.mark.parametrize(
    ("changed", "subject", "words"),
    [
        ({"bot_token": "xoxb-wrong"}, "SLACK_BOT_TOKEN", "invalid_auth"),
        ({"app_token": "xapp-wrong"}, "SLACK_APP_TOKEN", "invalid_auth"),
        ({"app_token": ""}, "slack", "SLACK_APP_TOKEN is missing"),
        ({"bot_token": ""}, "slack", "SLACK_BOT_TOKEN is missing"),
    ],
)
async def test_a_bad_token_is_named(
    slack: SlackServer, changed: dict[str, str], subject: str, words: str
) -> None:
    """With where to get another one, and never its value."""
    finding = (await looked(slack, **changed))[subject]
    assert finding.broken
    assert words in str(finding.values["reason"])
    assert "https://api.slack.com/apps" in str(finding.values)
    assert "wrong" not in str(finding.values)


async def test_missing_scopes_are_named(slack: SlackServer) -> None:
    """With the page of this very app."""
    slack.scopes -= {"files:write", "im:write"}
    finding = (await looked(slack))["scopes"]
    assert finding.broken
    assert finding.values == {
        "scopes": "files:write, im:write",
        "url": "https://api.slack.com/apps/A1/oauth",
    }


async def test_events_that_cannot_be_seen(slack: SlackServer) -> None:
    """Without a configuration token the doctor says what to compare, and where."""
    finding = (await looked(slack))["events"]
    assert finding.state is State.MISSING
    assert "message.channels" in str(finding.values["events"])
    assert finding.values["url"] == "https://api.slack.com/apps/A1/event-subscriptions"


async def test_settings_that_lack_something(slack: SlackServer, settings: Any) -> None:
    """Each with its page."""
    settings["settings"]["event_subscriptions"]["bot_events"].remove("message.groups")
    settings["settings"]["interactivity"]["is_enabled"] = False
    settings["features"]["shortcuts"] = []
    settings["features"]["app_home"]["home_tab_enabled"] = False
    found = await looked(slack, mode="http", config=CONFIG_TOKEN)
    broken = {name: finding.values["what"] for name, finding in found.items() if finding.broken}
    assert broken == {
        "events": "message.groups",
        "shortcut": "continue_here",
        "interactivity": "Interactivity",
        "home tab": "Home Tab",
        "socket mode": "Socket Mode",
    }
