"""The manifest people paste into Slack asks for exactly what the code uses."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest
import yaml

from adapters.slack.connection import manifest as used
from tests import ROOT

SLACK = ROOT / "adapters" / "slack"
SOURCES = sorted(SLACK.rglob("*.py"))
METHODS_WITH_OTHER_TOKENS = {"apps.connections.open", "apps.manifest.export", "oauth.v2.access"}


@pytest.fixture(scope="module")
def manifest() -> Any:
    """The manifest as Slack reads it."""
    return yaml.safe_load((ROOT / "config" / "slack-manifest.yaml").read_text("utf-8"))


def test_scopes(manifest: dict[str, Any]) -> None:
    """The bot scopes are those of the methods, events and commands used, no more."""
    assert manifest["oauth_config"]["scopes"]["bot"] == sorted(used.BOT_SCOPES)


def test_events(manifest: dict[str, Any]) -> None:
    """The events subscribed to are those with a listener."""
    assert manifest["settings"]["event_subscriptions"]["bot_events"] == sorted(used.BOT_EVENTS)
    assert set(used.EVENT_SCOPES) == set(used.BOT_EVENTS)


def test_commands(manifest: dict[str, Any]) -> None:
    """The command in the manifest is the one that is listened for."""
    (command,) = manifest["features"]["slash_commands"]
    assert command["command"] == used.COMMAND
    assert command["should_escape"] is True
    assert re.match(used.COMMAND_PATTERN, command["command"])


def test_the_shortcut_and_the_home_tab(manifest: dict[str, Any]) -> None:
    """The message shortcut is the one that is listened for, and clicks and the home tab are switched on."""
    (shortcut,) = manifest["features"]["shortcuts"]
    assert (shortcut["callback_id"], shortcut["type"]) == (used.SHORTCUT, "message")
    assert manifest["settings"]["interactivity"]["is_enabled"] is True
    assert manifest["features"]["app_home"]["home_tab_enabled"] is True


def test_every_event_has_a_listener() -> None:
    """What is subscribed to is listened for, by name."""
    source = (SLACK / "listeners" / "registration.py").read_text("utf-8")
    listened = set(re.findall(r'app\.event\("(\w+)"\)', source))
    assert {event.partition(".")[0] for event in used.BOT_EVENTS} == listened


def test_socket_mode_works_from_the_manifest(manifest: dict[str, Any]) -> None:
    """Pasted as it is, the app needs no public address, and people can write to the bot directly."""
    assert manifest["settings"]["socket_mode_enabled"] is True
    assert manifest["features"]["app_home"]["messages_tab_enabled"] is True
    assert manifest["features"]["app_home"]["messages_tab_read_only_enabled"] is False


def test_every_method_called_is_declared() -> None:
    """The Web API methods in the code are those whose scopes are known."""
    called = {
        node.value
        for source in SOURCES
        if source.name not in {"manifest.py", "rate_limits.py"}
        for node in ast.walk(ast.parse(source.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.fullmatch(
            r"(apps|auth|bots|chat|conversations|users|reactions|files|views)(\.\w+)+", node.value
        )
    }
    assert called - METHODS_WITH_OTHER_TOKENS == set(used.METHOD_SCOPES)


def test_every_call_goes_through_the_border() -> None:
    """No module calls Slack past the budget and the translation of errors."""
    for source in SOURCES:
        if source != SLACK / "web_api" / "client.py":
            assert "client.chat_" not in source.read_text("utf-8"), source.name
