"""The loopback Discord's gateway and interactions keep Discord's rules."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.servers.discord import LoopbackDiscord, Slash

INTENTS = 1 << 9
MESSAGE_CONTENT = 1 << 15
COMMAND = {"name": "continue", "description": "Go on", "type": 1}


@pytest.fixture
async def discord() -> AsyncIterator[LoopbackDiscord]:
    """A Discord of our own."""
    async with LoopbackDiscord() as server:
        yield server


@pytest.fixture
async def http(discord: LoopbackDiscord) -> AsyncIterator[aiohttp.ClientSession]:
    """A client with the bot's token."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bot {discord.token}"}) as session:
        yield session


class Line:
    """One gateway connection."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._inflate = zlib.decompressobj()

    async def next(self) -> dict[str, Any]:
        """The next message, inflated where it is compressed."""
        message = await self.socket.receive(timeout=5)
        if message.type is aiohttp.WSMsgType.BINARY:
            return json.loads(self._inflate.decompress(message.data))  # type: ignore[no-any-return]
        return json.loads(message.data)  # type: ignore[no-any-return]

    async def identify(self, token: str, intents: int = INTENTS) -> None:
        """Say hello back."""
        assert (await self.next())["op"] == 10
        data = {"token": token, "intents": intents, "properties": {}, "shard": [0, 1]}
        await self.socket.send_json({"op": 2, "d": data})


async def test_identify_brings_ready_and_the_guilds(
    discord: LoopbackDiscord, http: aiohttp.ClientSession
) -> None:
    """With one zlib stream over the whole connection where the client asks for it."""
    async with http.ws_connect(f"{discord.gateway.url}?compress=zlib-stream") as socket:
        line = Line(socket)
        await line.identify(discord.token)
        ready, guild = await line.next(), await line.next()
    assert [ready["t"], guild["t"]] == ["READY", "GUILD_CREATE"]
    assert [ready["s"], guild["s"]] == [1, 2]
    assert guild["d"]["name"] == "文芸部"


async def test_heartbeats_are_acknowledged(discord: LoopbackDiscord, http: aiohttp.ClientSession) -> None:
    """Op 1 gets op 11."""
    async with http.ws_connect(discord.gateway.url) as socket:
        line = Line(socket)
        await line.next()
        await socket.send_json({"op": 1, "d": None})
        assert (await line.next())["op"] == 11


@pytest.mark.parametrize(
    ("token", "granted", "code"),
    [("wrong", MESSAGE_CONTENT, 4004), (None, 0, 4014)],
    ids=["token", "intents"],
)
async def test_what_discord_does_not_take_closes_the_line(
    discord: LoopbackDiscord, http: aiohttp.ClientSession, token: str | None, granted: int, code: int
) -> None:
    """A bad token and an intent that is not switched on."""
    discord.gateway.granted = granted
    async with http.ws_connect(discord.gateway.url) as socket:
        await Line(socket).identify(token or discord.token, INTENTS | MESSAGE_CONTENT)
        await socket.receive(timeout=5)
        assert code == socket.close_code


async def test_a_resumed_session_gets_what_it_missed(
    discord: LoopbackDiscord, http: aiohttp.ClientSession
) -> None:
    """Events of the meantime come in order, then RESUMED."""
    async with http.ws_connect(discord.gateway.url) as socket:
        line = Line(socket)
        await line.identify(discord.token)
        session = (await line.next())["d"]["session_id"]
        await line.next()
    await discord.say_in(discord.channel, discord.hanako, "一")
    async with http.ws_connect(discord.gateway.url) as socket:
        line = Line(socket)
        await line.next()
        resume = {"token": discord.token, "session_id": session, "seq": 2}
        await socket.send_json({"op": 6, "d": resume})
        missed, resumed = await line.next(), await line.next()
    assert [missed["t"], resumed["t"]] == ["MESSAGE_CREATE", "RESUMED"]


async def test_an_update_tells_when_a_message_was_edited_last(
    discord: LoopbackDiscord, http: aiohttp.ClientSession
) -> None:
    """A pin is an update too, with the time of an edit long ago, or none; a purge names all at once."""
    async with http.ws_connect(discord.gateway.url) as socket:
        line = Line(socket)
        await line.identify(discord.token, INTENTS | MESSAGE_CONTENT)
        await line.next()
        await line.next()
        message = discord.world.add_message(discord.channel, discord.hanako, "あ")
        await discord.pin(message)
        await discord.rewrite(message, "い")
        await discord.pin(message)
        await discord.purge(message)
        pinned, edited, again, gone = [(await line.next())["d"] for _ in range(4)]
    assert (pinned["edited_timestamp"], pinned["content"]) == (None, "あ")
    assert edited["edited_timestamp"] == again["edited_timestamp"] is not None
    assert gone["ids"] == [str(message.id)]


async def test_content_comes_only_with_the_intent_or_a_mention(
    discord: LoopbackDiscord, http: aiohttp.ClientSession
) -> None:
    """Plain messages arrive empty otherwise."""
    async with http.ws_connect(discord.gateway.url) as socket:
        line = Line(socket)
        await line.identify(discord.token)
        await line.next()
        await line.next()
        await discord.say_in(discord.channel, discord.hanako, "ひとりごと", mentions_bot=False)
        await discord.say_in(discord.channel, discord.hanako, "ねえ")
        plain, mention = await line.next(), await line.next()
    assert ["", f"{discord.bot.mention} ねえ"] == [plain["d"]["content"], mention["d"]["content"]]


async def begun(discord: LoopbackDiscord) -> tuple[Slash, str, str]:
    """A used command with the paths of its callback and its webhook."""
    discord.state.commands = [COMMAND | {"id": "1"}]
    slash = await discord.slash(discord.channel, discord.hanako, "continue", text="一")
    callback = f"{discord.api_url}/interactions/{slash.id}/{slash.token}/callback"
    return slash, callback, f"{discord.api_url}/webhooks/{discord.bot.id}/{slash.token}"


async def test_a_command_that_is_not_registered_cannot_be_used(discord: LoopbackDiscord) -> None:
    """As people cannot see it either."""
    with pytest.raises(LookupError):
        await discord.slash(discord.channel, discord.hanako, "continue")


async def test_an_answer_after_three_seconds_is_too_late(
    discord: LoopbackDiscord, http: aiohttp.ClientSession
) -> None:
    """Unknown interaction."""
    slash, callback, _ = await begun(discord)
    slash.began_s -= 4
    answer = await http.post(callback, json={"type": 5})
    assert (answer.status, (await answer.json())["code"]) == (404, 10062)


async def test_a_followup_takes_the_place_of_the_deferred_answer(
    discord: LoopbackDiscord, http: aiohttp.ClientSession
) -> None:
    """And is as visible as that one was announced to be."""
    slash, callback, hook = await begun(discord)
    await http.post(callback, json={"type": 5, "data": {"flags": 64}})
    await http.post(hook, json={"content": "二"})
    assert [("二", discord.hanako)] == [(m.content, m.ephemeral_to) for m in slash.answers]
    assert slash.original is slash.answers[0]


async def test_a_second_acknowledgement_is_refused(
    discord: LoopbackDiscord, http: aiohttp.ClientSession
) -> None:
    """40060."""
    _, callback, _ = await begun(discord)
    await http.post(callback, json={"type": 4, "data": {"content": "一"}})
    second = await http.post(callback, json={"type": 4, "data": {"content": "二"}})
    assert (await second.json())["code"] == 40060
