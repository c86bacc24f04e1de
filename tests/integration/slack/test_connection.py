"""Connecting, staying connected, leaving."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from adapters.slack import SlackAdapter
from bot.domain.chat import Message
from bot.domain.errors import ConfigurationError
from bot.domain.jobs import GenerationOptions, JobReceipt
from bot.domain.replies import Reply, ReplyState
from tests.fakes.clock import InstantClock
from tests.fakes.services import FakeReply
from tests.integration.slack.recorded_services import RecordedServices
from tests.integration.slack.running import adapter_for, running
from tests.servers.slack import SIGNING_SECRET, SlackServer
from tests.servers.slack_sender import SignedSender

FIRST_LINE = "それは九月初旬のある蒸し暑い晩のことであった。"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"bot_token": ""}, "SLACK_BOT_TOKEN is missing"),
        ({"bot_token": "xoxp-a-person"}, "SLACK_BOT_TOKEN does not look like"),
        ({"bot_token": "xoxb-wrong"}, r"SLACK_BOT_TOKEN was refused by Slack \(invalid_auth\)"),
        ({"app_token": ""}, "SLACK_APP_TOKEN is missing"),
        ({"app_token": "xoxb-mixed-up"}, "SLACK_APP_TOKEN does not look like"),
        ({"app_token": "xapp-wrong"}, r"SLACK_APP_TOKEN was refused by Slack \(invalid_auth\)"),
        ({"mode": "http", "signing_secret": ""}, "SLACK_SIGNING_SECRET is missing"),
        ({"mode": "pigeon"}, "`socket` or `http`"),
    ],
)
async def test_bad_secrets_are_named(
    slack: SlackServer, services: RecordedServices, changed: dict[str, str], named: str
) -> None:
    """The message says which one, where to get it, and never its value."""
    adapter = adapter_for(slack, **changed)
    adapter.attach(services)
    with pytest.raises(ConfigurationError, match=named) as raised:
        await adapter.run()
    if "mode" not in changed or changed["mode"] == "http":
        assert "https://api.slack.com/apps" in str(raised.value)
    assert "wrong" not in str(raised.value)
    assert "mixed-up" not in str(raised.value)


async def test_http_mode_needs_no_app_token_and_socket_mode_no_secret(
    slack: SlackServer, services: RecordedServices
) -> None:
    """Only what a mode uses is asked for."""
    async with running(adapter_for(slack, mode="http", app_token=""), services) as adapter:
        assert adapter.port > 0
    async with running(adapter_for(slack, signing_secret=""), services):
        await slack.until_connected()


async def test_oauth_variables_change_nothing(
    slack: SlackServer, services: RecordedServices, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A client id and secret in the environment do not make Bolt an OAuth app, and stay where they are."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET", "SLACK_BOT_TOKEN"):
        monkeypatch.setenv(name, "xoxb-from-outside")
    async with running(adapter_for(slack), services):
        await slack.deliver(slack.mention("C1", "U1", FIRST_LINE))
        assert (await services.until_heard()).message.text == FIRST_LINE
    assert os.listdir(tmp_path) == []  # noqa: PTH208  a look at an empty folder


async def test_slack_away_at_the_start_is_waited_for(slack: SlackServer, services: RecordedServices) -> None:
    """Neither a server error nor a refused call at the start ends the adapter; the waits grow."""
    slack.faults.status("auth.test", 503, times=3)
    slack.faults.status("apps.connections.open", 429, retry_after="9")
    clock = InstantClock()
    async with running(adapter_for(slack, clock=clock), services):
        await slack.until_connected()
    assert clock.slept == [1.0, 2.0, 4.0, 9.0]


async def test_missing_scopes_are_logged(
    slack: SlackServer, services: RecordedServices, caplog: pytest.LogCaptureFixture
) -> None:
    """An app installed from an older manifest works as far as it can and says what it lacks."""
    slack.scopes -= {"users:read", "groups:history"}
    async with running(adapter_for(slack), services):
        await slack.deliver(slack.mention("C1", "U1", FIRST_LINE))
        assert (await services.until_heard()).message.author.name == "U1"
    assert "lacks scopes: groups:history, users:read" in caplog.text


async def test_a_refreshed_connection_goes_on(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """When Slack asks for a new connection, one is made and events come through it."""
    await slack.socket.refresh()
    await slack.until(lambda: slack.socket.opened == 2 and len(slack.socket.connections) == 1)
    await slack.deliver(slack.mention("C1", "U1", FIRST_LINE))
    await services.until_heard()


async def test_a_dropped_connection_comes_back(
    slack: SlackServer, services: RecordedServices, caplog: pytest.LogCaptureFixture
) -> None:
    """After a drop, with the first tickets refused, the next ones are asked for until one works."""
    async with running(adapter_for(slack, ping_interval_s=0.5), services):
        slack.socket.refuse_next = 2
        await slack.socket.drop()
        await slack.until(lambda: slack.socket.opened >= 2 and slack.socket.connections)
        assert slack.socket.refused == 2
        assert "ticket=..." in caplog.text
        assert all(ticket not in caplog.text for ticket in slack.socket.spent)
        await slack.deliver(slack.mention("C1", "U1", FIRST_LINE))
        await services.until_heard()


async def test_a_half_open_connection_is_noticed(slack: SlackServer, services: RecordedServices) -> None:
    """A link that takes everything and answers nothing is replaced."""
    async with running(adapter_for(slack, ping_interval_s=0.2), services):
        slack.socket.silent = True
        await slack.until(lambda: slack.socket.opened >= 2)
        slack.socket.silent = False


async def test_leaving_is_clean(slack: SlackServer, services: RecordedServices) -> None:
    """Cancelling `run` closes the connection and leaves no task behind."""
    before = asyncio.all_tasks()
    async with running(adapter_for(slack), services):
        await slack.until_connected()
    await slack.until(lambda: not slack.socket.connections)
    left = {task for task in asyncio.all_tasks() - before if "slack_sdk" in repr(task)}
    assert left == set()


class SlowServices(RecordedServices):
    """A play whose store takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.began = asyncio.Event()
        self.go_on = asyncio.Event()

    async def receive_message(self, message: Message, ask: GenerationOptions | None) -> JobReceipt | None:
        """Wait for the test."""
        self.began.set()
        await self.go_on.wait()
        return await super().receive_message(message, ask)


async def test_what_was_acknowledged_is_still_heard(slack: SlackServer) -> None:
    """Slack does not send an acknowledged message again, so leaving waits for it."""
    services = SlowServices()
    adapter = adapter_for(slack)
    adapter.attach(services)
    run = asyncio.create_task(adapter.run())
    await adapter.until_connected()
    await slack.deliver(slack.mention("C1", "U1", FIRST_LINE))
    await services.began.wait()
    run.cancel()
    await slack.until(lambda: not slack.socket.connections)
    services.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert [heard.message.text for heard in services.heard] == [FIRST_LINE]


async def test_last_words_after_leaving(slack: SlackServer, services: RecordedServices) -> None:
    """`edit` works when `run` has ended, so that no message stays unfinished."""
    async with running(adapter_for(slack), services) as adapter:
        await slack.deliver(slack.mention("C1", "U1", FIRST_LINE))
        reply = FakeReply(adapter, (await services.until_heard()).message.room, "job:0")
        await reply.show(Reply(ReplyState.WRITING, "夜が"))
    await reply.show(Reply(ReplyState.DONE, "夜が明けた。"))
    assert slack.workspace.by_bot()[0].story == "夜が明けた。"


async def test_http_mode_hears_the_same(slack: SlackServer, services: RecordedServices) -> None:
    """Signed events and commands over HTTP go the same way as through the socket."""
    async with running(adapter_for(slack, mode="http"), services) as adapter:
        sender = slack.sender(adapter.port)
        event = slack.mention("C1", "U1", FIRST_LINE)
        assert (await sender.event(event)).status == 200
        assert (await sender.event(event, retry=1)).status == 200
        assert (await sender.command(slack.command("C1", "U2", "昔々。"))).status == 200
        await services.until_heard(2)
    assert sorted(heard.message.text for heard in services.heard) == sorted([FIRST_LINE, "昔々。"])


async def test_http_mode_answers_slacks_challenge(slack: SlackServer, services: RecordedServices) -> None:
    """Saving the request URL in Slack's settings works."""
    async with running(adapter_for(slack, mode="http"), services) as adapter:
        answer = await slack.sender(adapter.port).event({"type": "url_verification", "challenge": "abc"})
    assert (answer.status, "abc" in answer.text) == (200, True)


@pytest.mark.parametrize(
    "forged", [{"signature": "v0=0"}, {"timestamp": "1700000000"}, {"timestamp": "now"}, {"timestamp": ""}]
)
async def test_http_mode_refuses_forgeries(
    slack: SlackServer, services: RecordedServices, forged: dict[str, str]
) -> None:
    """A wrong signature, an old or senseless time stamp: 401, and nothing is heard."""
    async with running(adapter_for(slack, mode="http"), services) as adapter:
        answer = await slack.sender(adapter.port).event(slack.mention("C1", "U1", FIRST_LINE), **forged)
        other = SignedSender(f"http://127.0.0.1:{adapter.port}/slack/events", SIGNING_SECRET + "?")
        assert (await other.event(slack.mention("C1", "U1", FIRST_LINE))).status == 401
    assert answer.status == 401
    assert services.heard == []


async def test_a_taken_port_is_named(slack: SlackServer, services: RecordedServices) -> None:
    """Two adapters cannot listen on one port; the second says so."""
    async with running(adapter_for(slack, mode="http"), services) as first:
        second = adapter_for(slack, mode="http", port=first.port)
        second.attach(services)
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{first.port}"):
            await second.run()
