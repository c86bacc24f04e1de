"""The loopback Discord's interactions keep Discord's rules, as the documentation gives them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.servers.discord import LoopbackDiscord, Slash

COMMAND = {"name": "go", "description": "x", "type": 1}
BUTTON = {"type": 2, "style": 1, "label": "続き", "custom_id": "tz:more:1"}
ROWS = [{"type": 1, "components": [BUTTON]}]
MODAL = {
    "title": "書き出し",
    "custom_id": "form",
    "components": [{"type": 18, "label": "x", "component": {"type": 4, "custom_id": "text", "value": "あ"}}],
}


class Bot:
    """A client with the bot's token that answers interactions by hand."""

    def __init__(self, discord: LoopbackDiscord, session: aiohttp.ClientSession) -> None:
        self.discord = discord
        self._session = session

    async def say(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        """Status and body of an answer."""
        async with self._session.request(method, f"/api/v10{path}", json=body) as answer:
            return answer.status, await answer.json(content_type=None) or {}

    async def asked(self, *, abroad: bool = False) -> Slash:
        """A person used the command."""
        return await self.discord.slash(self.discord.channel, self.discord.hanako, "go", abroad=abroad)

    async def answer(self, slash: Slash, kind: int, **data: object) -> int:
        """The status of a first answer."""
        path = f"/interactions/{slash.id}/{slash.token}/callback"
        return (await self.say("POST", path, {"type": kind, "data": data}))[0]

    async def follow_up(self, slash: Slash, content: str = "はい") -> int:
        """The status of a further answer."""
        return (await self.say("POST", f"/webhooks/1/{slash.token}", {"content": content}))[0]


@pytest.fixture
async def bot() -> AsyncIterator[Bot]:
    """A bot whose command is registered."""
    async with LoopbackDiscord() as discord:
        headers = {"Authorization": f"Bot {discord.token}"}
        base = discord.api_url.rsplit("/api", 1)[0]
        async with aiohttp.ClientSession(base, headers=headers) as session:
            ready = Bot(discord, session)
            await ready.say("PUT", "/applications/1/commands", [COMMAND])
            yield ready


async def test_an_interaction_is_answered_once(bot: Bot) -> None:
    """And only with what its kind allows: a command cannot be answered with proposals."""
    slash = await bot.asked()
    assert await bot.answer(slash, 8, choices=[]) == 400
    assert await bot.answer(slash, 4, content="はい", components=ROWS) == 200
    assert await bot.answer(slash, 4, content="はい") == 400
    assert [(m.content, m.buttons) for m in slash.answers] == [("はい", {"tz:more:1": "続き"})]


async def test_buttons_are_checked(bot: Bot) -> None:
    """Two of one id, an id of over 100 characters, six in a row."""
    for parts in ([BUTTON, BUTTON], [BUTTON | {"custom_id": "x" * 101}], [BUTTON | {"label": ""}]):
        rows = [{"type": 1, "components": parts}]
        assert await bot.answer(await bot.asked(), 4, content="はい", components=rows) == 400
    six = [BUTTON | {"custom_id": str(number)} for number in range(6)]
    rows = [{"type": 1, "components": six}]
    assert await bot.answer(await bot.asked(), 4, content="はい", components=rows) == 400


async def test_a_form_opens_and_comes_back_with_what_was_written(bot: Bot) -> None:
    """What a person leaves as it was stays; one form cannot answer another."""
    slash = await bot.asked()
    assert await bot.answer(slash, 9, **(MODAL | {"title": "x" * 46})) == 400
    assert await bot.answer(slash, 9, **MODAL) == 200
    sent = await bot.discord.submit(slash)
    assert await bot.answer(sent, 9, **MODAL) == 400
    assert await bot.answer(sent, 5, flags=64) == 200
    assert await bot.follow_up(sent) == 200
    assert [(m.content, m.ephemeral_to) for m in sent.answers] == [("はい", bot.discord.hanako)]


async def test_a_pressed_button_can_be_noted_without_a_word(bot: Bot) -> None:
    """Type 6; what follows is a new message, and the pressed one stays."""
    first = await bot.asked()
    await bot.answer(first, 4, content="はい", components=ROWS)
    press = await bot.discord.press(first.answers[0], bot.discord.taro, "tz:more")
    assert await bot.answer(press, 6) == 200
    assert await bot.follow_up(press, "続き") == 200
    assert [m.content for m in bot.discord.by_bot(bot.discord.channel)] == ["はい", "続き"]


async def test_abroad_there_are_five_followups_and_no_other_way(bot: Bot) -> None:
    """The bot's own token opens nothing there."""
    guild = bot.discord.world.add_guild("よそ", [bot.discord.hanako], locale="ja", community=True)
    guild.abroad = True
    channel = bot.discord.world.add_channel("談話室", guild)
    slash = await bot.discord.slash(channel, bot.discord.hanako, "go", abroad=True)
    await bot.answer(slash, 4, content="はい")
    bot.discord.state.limits.buckets.clear()
    statuses = []
    for _ in range(6):
        bot.discord.state.limits.buckets.clear()
        statuses.append(await bot.follow_up(slash))
    assert statuses == [200] * 5 + [400]
    assert (await bot.say("POST", f"/channels/{channel.id}/messages", {"content": "あ"}))[0] == 403


async def test_a_conversation_between_people_is_closed_to_the_bot(bot: Bot) -> None:
    """It may only answer what a person does there, as in a server that it is no member of."""
    hanako, taro = bot.discord.hanako, bot.discord.taro
    conversation = bot.discord.world.add_conversation(taro)
    slash = await bot.discord.slash(conversation, hanako, "go")
    assert slash.abroad
    assert await bot.answer(slash, 4, content="はい") == 200
    assert (await bot.say("POST", f"/channels/{conversation.id}/messages", {"content": "あ"}))[0] == 403
    assert bot.discord.world.direct(taro) is not conversation


async def test_a_token_that_is_over_opens_nothing(bot: Bot) -> None:
    """401, as Discord says after fifteen minutes."""
    slash = await bot.asked()
    await bot.answer(slash, 4, content="はい")
    slash.expired = True
    assert await bot.follow_up(slash) == 401


async def test_webhooks_have_limits_of_their_own(bot: Bot) -> None:
    """Five in two seconds for one token, thirty a minute for a channel, whatever the token."""
    statuses = []
    for _ in range(7):
        slash = await bot.asked()
        await bot.answer(slash, 4, content="はい")
        statuses += [await bot.follow_up(slash) for _ in range(5)]
    assert statuses == [200] * 30 + [429] * 5
    assert await bot.follow_up(slash) == 429


async def test_fifty_requests_a_second_are_all_that_a_bot_may_make(bot: Bot) -> None:
    """Over all routes; answers to interactions are not counted."""
    bot.discord.state.limits.everything.period_s = 60.0
    statuses = [(await bot.say("GET", "/users/@me"))[0] for _ in range(50)]
    assert statuses[:40] == [200] * 40
    assert statuses[-1] == 429
    assert await bot.answer(await bot.asked(), 4, content="はい") == 200


async def test_an_archived_thread_is_opened_by_a_patch(bot: Bot) -> None:
    """Not a locked one."""
    thread = await bot.discord.open_thread(bot.discord.channel, "物語", bot.discord.hanako)
    thread.archived = True
    assert (await bot.say("PATCH", f"/channels/{thread.id}", {"archived": False}))[0] == 200
    assert not thread.archived
    thread.archived = thread.locked = True
    assert (await bot.say("PATCH", f"/channels/{thread.id}", {"archived": False}))[0] == 403
