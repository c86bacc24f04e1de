"""The loopback Discord's REST keeps Discord's rules, so that tests against it mean something."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.servers.discord import LoopbackDiscord, Permission


@pytest.fixture
async def discord() -> AsyncIterator[LoopbackDiscord]:
    """A Discord of our own."""
    async with LoopbackDiscord() as server:
        yield server


@pytest.fixture
async def http(discord: LoopbackDiscord) -> AsyncIterator[aiohttp.ClientSession]:
    """A client with the bot's token."""
    headers = {"Authorization": f"Bot {discord.token}"}
    async with aiohttp.ClientSession(discord.api_url.rsplit("/api", 1)[0], headers=headers) as session:
        yield session


def messages(discord: LoopbackDiscord) -> str:
    """The path of the channel's messages."""
    return f"/api/v10/channels/{discord.channel.id}/messages"


async def test_a_wrong_token_is_unauthorized(discord: LoopbackDiscord) -> None:
    """401, as at the real one."""
    async with aiohttp.ClientSession(headers={"Authorization": "Bot wrong"}) as session:
        answer = await session.get(f"{discord.api_url}/users/@me")
    assert answer.status == 401


async def test_the_sixth_message_in_five_seconds_is_refused(
    discord: LoopbackDiscord, http: aiohttp.ClientSession
) -> None:
    """The bucket's headers count down, and the 429 says when to come back."""
    left = []
    for number in range(6):
        answer = await http.post(messages(discord), json={"content": str(number)})
        left.append(answer.headers["X-RateLimit-Remaining"])
    assert left == ["4", "3", "2", "1", "0", "0"]
    assert (answer.status, answer.headers["Via"]) == (429, "1.1 google")
    assert 0 < (await answer.json())["retry_after"] <= 5
    assert discord.refused_by_limits == 1


@pytest.mark.parametrize(("content", "status"), [("あ" * 2000, 200), ("あ" * 2001, 400), (" \n", 400)])
async def test_a_message_has_1_to_2000_characters(
    discord: LoopbackDiscord, http: aiohttp.ClientSession, content: str, status: int
) -> None:
    """Counted in code points, after the ends were trimmed."""
    assert status == (await http.post(messages(discord), json={"content": content})).status


async def test_an_enforced_nonce_posts_once(discord: LoopbackDiscord, http: aiohttp.ClientSession) -> None:
    """The second post gets the first one's message."""
    post = {"content": "一度だけ", "nonce": "abc", "enforce_nonce": True}
    first = await (await http.post(messages(discord), json=post)).json()
    second = await (await http.post(messages(discord), json=post)).json()
    assert first["id"] == second["id"]
    assert len(discord.messages_in(discord.channel)) == 1


async def test_edits_are_kept_with_their_times(discord: LoopbackDiscord, http: aiohttp.ClientSession) -> None:
    """Tests look at all that people ever saw."""
    posted = await (await http.post(messages(discord), json={"content": "一"})).json()
    await http.patch(f"{messages(discord)}/{posted['id']}", json={"content": "二"})
    (message,) = discord.by_bot(discord.channel)
    assert message.history == ["一", "二"]
    assert all(gap > 0 for gap in message.gaps_s)


async def test_an_old_message_takes_three_edits_in_six_seconds(
    discord: LoopbackDiscord, http: aiohttp.ClientSession
) -> None:
    """Those of the last hour take five; the refusal has a code of its own, and no headers told of it."""
    discord.world.ago_s = 3700
    old = discord.world.add_message(discord.channel, discord.bot, "あ")
    other = discord.world.add_message(discord.channel, discord.bot, "い")
    answers = [
        await http.patch(f"{messages(discord)}/{message.id}", json={"content": "う"})
        for message in (old, other, old, old)
    ]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    refusal = await answers[-1].json()
    assert (refusal["code"], answers[2].headers["X-RateLimit-Remaining"]) == (30046, "2")
    assert 0 < refusal["retry_after"] <= 6


async def test_other_peoples_messages_cannot_be_edited(
    discord: LoopbackDiscord, http: aiohttp.ClientSession
) -> None:
    """403."""
    message = await discord.say_in(discord.channel, discord.hanako, "一")
    answer = await http.patch(f"{messages(discord)}/{message.id}", json={"content": "二"})
    assert answer.status == 403


async def test_the_bot_takes_away_its_own_messages(
    discord: LoopbackDiscord, http: aiohttp.ClientSession
) -> None:
    """Once, and nobody else's: whose it is decides."""
    await http.post(messages(discord), json={"content": "一"})
    (message,) = discord.by_bot(discord.channel)
    theirs = await discord.say_in(discord.channel, discord.hanako, "二")

    answers = [await http.delete(f"{messages(discord)}/{one.id}") for one in (message, message, theirs)]

    assert [answer.status for answer in answers] == [204, 404, 403]
    assert [(await answer.json())["code"] for answer in answers[1:]] == [10008, 50003]
    assert discord.by_bot(discord.channel) == []


async def test_a_message_has_one_thread_with_its_own_id(
    discord: LoopbackDiscord, http: aiohttp.ClientSession
) -> None:
    """The second try is told that it is there."""
    message = await discord.say_in(discord.channel, discord.hanako, "一")
    path = f"{messages(discord)}/{message.id}/threads"
    first = await http.post(path, json={"name": "物語"})
    second = await http.post(path, json={"name": "物語"})
    assert str(message.id) == (await first.json())["id"]
    assert (second.status, (await second.json())["code"]) == (400, 160004)


@pytest.mark.parametrize("name", ["", " ", "あ" * 101])
async def test_a_threads_name_has_1_to_100_characters(
    discord: LoopbackDiscord, http: aiohttp.ClientSession, name: str
) -> None:
    """400 otherwise."""
    message = await discord.say_in(discord.channel, discord.hanako, "一")
    assert (await http.post(f"{messages(discord)}/{message.id}/threads", json={"name": name})).status == 400


async def test_a_member_is_told_with_their_roles(
    discord: LoopbackDiscord, http: aiohttp.ClientSession
) -> None:
    """Who left is unknown, and so is a server that the bot is not in."""
    role = await discord.add_role("作家", discord.hanako)
    path = f"/api/v10/guilds/{discord.guild.id}/members/{discord.hanako.id}"
    assert (await (await http.get(path)).json())["roles"] == [str(role.id)]
    discord.guild.members.remove(discord.hanako)
    assert (await http.get(path)).status == 404
    assert (await http.get(f"/api/v10/guilds/5/members/{discord.taro.id}")).status == 404


async def test_permissions_are_enforced(discord: LoopbackDiscord, http: aiohttp.ClientSession) -> None:
    """Talking, replying and opening threads."""
    channel = discord.channel
    message = await discord.say_in(channel, discord.hanako, "一")
    channel.denied = Permission.CREATE_PUBLIC_THREADS | Permission.READ_MESSAGE_HISTORY
    thread = await http.post(f"{messages(discord)}/{message.id}/threads", json={"name": "物語"})
    reference = {"message_id": str(message.id)}
    reply = await http.post(messages(discord), json={"content": "二", "message_reference": reference})
    channel.denied = Permission.SEND_MESSAGES
    talk = await http.post(messages(discord), json={"content": "二"})
    codes = [(await answer.json())["code"] for answer in (thread, reply, talk)]
    assert codes == [50013, 160002, 50013]


async def test_archived_threads_take_no_edits_until_someone_writes(
    discord: LoopbackDiscord, http: aiohttp.ClientSession
) -> None:
    """A new message unarchives them."""
    thread = await discord.open_thread(discord.channel, "物語", discord.taro)
    path = f"/api/v10/channels/{thread.id}/messages"
    posted = await (await http.post(path, json={"content": "一"})).json()
    thread.archived = True
    edit = await http.patch(f"{path}/{posted['id']}", json={"content": "二"})
    assert (await edit.json())["code"] == 50083
    await http.post(path, json={"content": "三"})
    assert (await http.patch(f"{path}/{posted['id']}", json={"content": "二"})).status == 200


async def test_faults_come_as_often_as_ordered(discord: LoopbackDiscord, http: aiohttp.ClientSession) -> None:
    """A status, a reset, and a status after the request was carried out."""
    discord.fail("POST", "/messages", 503)
    assert (await http.post(messages(discord), json={"content": "一"})).status == 503
    discord.fail("POST", "/messages", None)
    with pytest.raises(aiohttp.ClientError):
        await http.post(messages(discord), json={"content": "二"})
    assert discord.by_bot(discord.channel) == []
    discord.fail("POST", "/messages", 502, applied=True)
    assert (await http.post(messages(discord), json={"content": "三"})).status == 502
    assert [message.content for message in discord.by_bot(discord.channel)] == ["三"]
