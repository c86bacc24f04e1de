"""The bot as a process of its own between a Slack and a worker on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.bot.app.conftest import COMMAND, clean_environ
from tests.integration.slack.running_bot import BUTTONS
from tests.servers.bot_process import bot_process
from tests.servers.gated_worker import FIRST, SECOND, GatedWorker, gated_worker
from tests.servers.slack import APP_TOKEN, BOT_TOKEN, SlackServer

BEGINNING = "それは九月初旬のある蒸し暑い晩のことであった。"
WHOLE = FIRST + SECOND


@pytest.fixture
async def worker() -> AsyncIterator[GatedWorker]:
    """A worker that stops after its first sentence until it may go on."""
    async with gated_worker(FIRST, SECOND) as server:
        yield server


def variables(slack: SlackServer, worker: GatedWorker) -> dict[str, str]:
    """Socket Mode, and nothing but Slack."""
    return {
        "SLACK_API_URL": slack.api_url,
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_APP_TOKEN": APP_TOKEN,
        "TSUZUKI_ENGINE__URL": worker.url,
        "TSUZUKI_WEB__ENABLED": "false",
    }


async def test_a_thread_from_the_call_to_the_buttons(
    tmp_path: Path, slack: SlackServer, worker: GatedWorker
) -> None:
    """Called into a thread; stopped by a signal; finished after the start; gone on by a button of then."""
    root = slack.types("C1", "U1", BEGINNING)
    slack.types("C1", "U2", "誰かが戸を叩いた。", root.ts)
    async with bot_process(tmp_path, **variables(slack, worker)) as bot:
        await slack.until(lambda: slack.socket.connections, 30)
        await slack.deliver(slack.mention("C1", "U1", "続けて", root.ts))
        message = await slack.until_posted()
        await slack.until(lambda: FIRST in message.story)
        assert await bot.stop() == 0
        assert not slack.methods.streams.is_open(message)
        assert "Traceback" not in bot.said
    worker.go_on()
    async with bot_process(tmp_path, **variables(slack, worker)) as bot:
        await slack.until(lambda: message.story == WHOLE and message.labels == BUTTONS, 30)
        assert slack.workspace.by_bot() == [message]
        await slack.deliver(slack.people.click(message, "continue", "U2"))
        await slack.until(lambda: len(slack.workspace.by_bot()) == 2, 30)
        await slack.until(lambda: slack.workspace.by_bot()[1].story == WHOLE, 30)
        assert await bot.stop() == 0
        assert "Traceback" not in bot.said
    assert "誰かが戸を叩いた。" in worker.prompts[0]
    assert BEGINNING in worker.prompts[0]
    assert slack.workspace.pings == []


async def test_a_mention_that_was_acknowledged_when_the_power_went(
    tmp_path: Path, slack: SlackServer, worker: GatedWorker
) -> None:
    """Slack does not send it again; the next start answers it, and what was said meanwhile, once each."""
    worker.go_on()
    async with bot_process(tmp_path, **variables(slack, worker)) as bot:
        await slack.until(lambda: slack.socket.connections, 30)
        await slack.deliver(slack.mention("C1", "U1", BEGINNING))
        await slack.until(lambda: [m for m in slack.workspace.by_bot() if m.labels == BUTTONS], 30)
        slack.hold("users.info")
        await slack.deliver(slack.mention("C1", "U2", "昔々。"))
        await bot.kill()
        slack.let_go()
    slack.types("D1", "U2", "今は昔。")
    async with bot_process(tmp_path, **variables(slack, worker)) as bot:
        await slack.until(lambda: [m.labels for m in slack.workspace.by_bot()] == [BUTTONS] * 3, 30)
        assert await bot.stop() == 0
        assert "Traceback" not in bot.said
    assert sorted(message.channel for message in slack.workspace.by_bot()) == ["C1", "C1", "D1"]
    assert {message.story for message in slack.workspace.by_bot()} == {WHOLE}


async def test_the_doctor_asks_slack(tmp_path: Path, slack: SlackServer, worker: GatedWorker) -> None:
    """`tsuzuki doctor slack` names what is missing, says where to click, and ends with an error."""
    slack.scopes.discard("files:write")
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "doctor",
        "slack",
        cwd=tmp_path,
        env=clean_environ(**variables(slack, worker), TSUZUKI_LOCALE="ja"),
        stdout=asyncio.subprocess.PIPE,
    )
    said = (await process.communicate())[0].decode()
    assert process.returncode == 1
    assert "files:write" in said
    assert "https://api.slack.com/apps/A1/oauth" in said
    assert BOT_TOKEN not in said


async def test_pages_to_install_by_oauth(tmp_path: Path, slack: SlackServer, worker: GatedWorker) -> None:
    """With a client id and secret and no bot token the page is there, on the bot's own database."""
    given = variables(slack, worker) | {"SLACK_CLIENT_ID": "11.22", "SLACK_CLIENT_SECRET": "secret"}
    del given["SLACK_BOT_TOKEN"]
    with_port = given | {"PORT": str(await _free_port())}
    async with bot_process(tmp_path, **with_port) as bot:
        await slack.until(lambda: slack.socket.connections, 30)
        async with (
            aiohttp.ClientSession() as browser,
            browser.get(f"http://127.0.0.1:{with_port['PORT']}/slack/install") as page,
        ):
            assert page.status == 200
            assert "client_id=11.22" in await page.text()
        assert await bot.stop() == 0


async def _free_port() -> int:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    return port
