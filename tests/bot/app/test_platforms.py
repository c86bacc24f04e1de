"""`tsuzuki run` as a process between a Slack, a Discord and a worker on loopback."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.servers.bot_process import BotProcess, bot_process
from tests.servers.discord import LoopbackDiscord
from tests.servers.gated_worker import FIRST, SECOND, GatedWorker, gated_worker
from tests.servers.slack import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, SlackServer
from tests.servers.slack_workspace import Posted

BEGINNING = "それは九月初旬のある蒸し暑い晩のことであった。"
WHOLE = FIRST + SECOND
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    """A Slack."""
    async with SlackServer() as server:
        yield server


@pytest.fixture
async def discord() -> AsyncIterator[LoopbackDiscord]:
    """A Discord."""
    async with LoopbackDiscord() as server:
        yield server


@pytest.fixture
async def worker() -> AsyncIterator[GatedWorker]:
    """A worker that stops after its first sentence until it may go on."""
    async with gated_worker(FIRST, SECOND) as server:
        yield server


def by_socket(slack: SlackServer) -> dict[str, str]:
    """What connects to a Slack by Socket Mode."""
    return {"SLACK_API_URL": slack.api_url, "SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN}


def by_http(slack: SlackServer, port: int) -> dict[str, str]:
    """What listens for a Slack."""
    return {
        "SLACK_API_URL": slack.api_url,
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_SIGNING_SECRET": SIGNING_SECRET,
        "PORT": str(port),
    }


def to_discord(discord: LoopbackDiscord, token: str | None = None) -> dict[str, str]:
    """What connects to a Discord."""
    return {"DISCORD_TOKEN": token or discord.token, "TSUZUKI_DISCORD__API_URL": discord.api_url}


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def streamed(slack: SlackServer, worker: GatedWorker, thread: str) -> Posted:
    """Follow the bot's one message in a thread from its first sentence to its last."""
    message = await slack.until_posted()
    assert message.thread_ts == thread
    await slack.until(lambda: FIRST in message.story)
    assert SECOND not in message.story
    worker.go_on()
    await slack.until(lambda: message.story == WHOLE)
    assert len(slack.workspace.by_bot()) == 1
    return message


async def opened(bot: BotProcess) -> str:
    """The address of the room in the browser."""
    await bot.until_said("http://127.0.0.1:")
    found = ADDRESS.search(bot.said)
    assert found
    return found.group()


def clean(bot: BotProcess, *secrets: str) -> bool:
    """Whether the bot said nothing that must not be said."""
    return not any(word in bot.said for word in (*secrets, "Traceback", BEGINNING))


async def test_mentions_in_slack_and_discord_are_answered_by_one_bot(
    tmp_path: Path, slack: SlackServer, discord: LoopbackDiscord, worker: GatedWorker
) -> None:
    """Each streams into its own thread; a signal ends the bot with 0; no secret is said."""
    variables = {**by_socket(slack), **to_discord(discord)}
    async with bot_process(tmp_path, TSUZUKI_ENGINE__URL=worker.url, **variables) as bot:
        await slack.until(lambda: slack.socket.connections, 30)
        await discord.until_connected()
        mention = slack.mention("C1", "U1", BEGINNING)
        await slack.deliver(mention)
        await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        (thread,) = await discord.until(discord.threads)
        await discord.until(lambda: any(FIRST in m.content for m in discord.by_bot(thread)))
        await streamed(slack, worker, mention["event"]["ts"])
        await discord.until(lambda: any(m.content == WHOLE for m in discord.by_bot(thread)))
        assert len(discord.by_bot(thread)) == 1
        assert await bot.stop() == 0
    assert worker.prompts == [BEGINNING, BEGINNING]
    assert clean(bot, BOT_TOKEN, APP_TOKEN, discord.token), bot.said


async def test_over_http_only_what_is_signed_is_believed(
    tmp_path: Path, slack: SlackServer, worker: GatedWorker
) -> None:
    """With a signing secret and no app token the bot listens at PORT."""
    port = free_port()
    async with bot_process(tmp_path, TSUZUKI_ENGINE__URL=worker.url, **by_http(slack, port)) as bot:
        await listening(port)
        mention, door = slack.mention("C1", "U1", BEGINNING), slack.sender(port)
        assert (await door.event(mention, signature="v0=forged")).status == 401
        assert (await door.event(mention)).status == 200
        await streamed(slack, worker, mention["event"]["ts"])
        assert await bot.stop() == 0
    assert worker.prompts == [BEGINNING]
    assert clean(bot, BOT_TOKEN, SIGNING_SECRET), bot.said


async def listening(port: int) -> None:
    """Wait until someone listens at a port."""
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)  # nothing tells when another process has opened its door
            else:
                writer.close()
                return


async def test_a_bad_discord_token_leaves_slack_and_the_room_alone(
    tmp_path: Path, slack: SlackServer, discord: LoopbackDiscord, worker: GatedWorker
) -> None:
    """Discord's sentence names the variable and where to get a token; Slack, by HTTP as asked, goes on."""
    bad, port = "MTIz.a-token-of.yesterday", free_port()
    variables = {**by_socket(slack), **by_http(slack, port), **to_discord(discord, bad)}
    variables |= {"TSUZUKI_ENGINE__URL": worker.url, "TSUZUKI_SLACK__MODE": "http"}
    async with bot_process(tmp_path, **variables) as bot:
        await bot.until_said("DISCORD_TOKEN")
        await bot.until_said("https://discord.com/developers/applications")
        await listening(port)
        mention = slack.mention("C1", "U1", BEGINNING)
        assert (await slack.sender(port).event(mention)).status == 200
        await streamed(slack, worker, mention["event"]["ts"])
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(await opened(bot))).status_code == 200
        assert await bot.stop() == 0
    assert clean(bot, bad, BOT_TOKEN, APP_TOKEN, SIGNING_SECRET), bot.said


async def test_a_story_cut_short_by_a_stop_is_finished_by_the_next_start(
    tmp_path: Path, slack: SlackServer, worker: GatedWorker
) -> None:
    """The same message is edited to the end; nothing is posted twice."""
    variables = {"TSUZUKI_ENGINE__URL": worker.url, "TSUZUKI_WEB__ENABLED": "false", **by_socket(slack)}
    async with bot_process(tmp_path, **variables) as bot:
        await slack.until(lambda: slack.socket.connections, 30)
        await slack.deliver(slack.mention("C1", "U1", BEGINNING))
        message = await slack.until_posted()
        await slack.until(lambda: FIRST in message.story)
        assert await bot.stop() == 0
    worker.go_on()
    async with bot_process(tmp_path, **variables) as again:
        await slack.until(lambda: message.story == WHOLE, 30)
        assert await again.stop() == 0
    assert slack.workspace.by_bot() == [message]
    assert worker.prompts == [BEGINNING, BEGINNING]


async def test_a_worker_that_is_down_is_told_to_people(tmp_path: Path, slack: SlackServer) -> None:
    """The bot runs, hears, and says in the thread what it waits for.

    A second bot at the same port says so in one sentence and ends; the first goes on.
    """
    variables = {"TSUZUKI_ENGINE__URL": f"http://127.0.0.1:{free_port()}"}
    async with bot_process(tmp_path, **variables, **by_socket(slack)) as bot:
        await slack.until(lambda: slack.socket.connections, 30)
        await slack.deliver(slack.mention("C1", "U1", BEGINNING))
        message = await slack.until_posted()
        await slack.until(lambda: "語り手" in message.shown)
        url = await opened(bot)
        port = url.rpartition(":")[2]
        async with bot_process(tmp_path, **variables, TSUZUKI_WEB__PORT=port) as second:
            assert await second.ended() == 1
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(url)).status_code == 200
        assert await bot.stop() == 0
    assert port in second.said
    assert clean(second), second.said
    assert clean(bot, BOT_TOKEN, APP_TOKEN), bot.said
