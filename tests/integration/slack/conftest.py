"""A loopback Slack for each test, and an adapter connected to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.slack import SlackAdapter
from tests.integration.slack.recorded_services import RecordedServices
from tests.integration.slack.running import adapter_for, running
from tests.servers.slack import SlackServer

_FROM_OUTSIDE = (
    "SLACK_BOT_TOKEN",
    "SLACK_APP_TOKEN",
    "SLACK_SIGNING_SECRET",
    "SLACK_CLIENT_ID",
    "SLACK_CLIENT_SECRET",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _FROM_OUTSIDE:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    """A loopback Slack."""
    async with SlackServer() as server:
        yield server


@pytest.fixture
def services() -> RecordedServices:
    """A play that answers nothing by itself."""
    return RecordedServices()


@pytest.fixture
async def adapter(slack: SlackServer, services: RecordedServices) -> AsyncIterator[SlackAdapter]:
    """An adapter in Socket Mode, connected."""
    async with running(adapter_for(slack), services) as connected:
        yield connected
